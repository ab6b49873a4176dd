"""Reads what happened to each case in the last days: what the figures of a day are counted from."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import orjson

from streams.contract.events.case_activity import ActivityKind
from streams.contract.events.moderation_outcome import ModerationOutcome, OutcomeDecision
from streams.contract.events.report import Category
from streams.contract.wire.times import DAY, moment_ms
from streams.desk.console.read_model.paging import as_json
from streams.desk.console.read_model.statements import SQL

_OUTCOME = msgspec.json.Decoder(ModerationOutcome)

# A second person who looks later than this hardly judges the same: messages are edited, and rules change.
_OPINIONS_APART_MS = 30 * DAY


class Decision(NamedTuple):
    """A decision about a case, of a console or of another system; `replaces`: it supersedes another."""

    at_ms: int
    decision: OutcomeDecision
    people: frozenset[str]
    replaces: bool


class Answer(NamedTuple):
    """What became of a proposal: a second person signed it, or sent it back."""

    at_ms: int
    signed: bool
    people: frozenset[str]


class SecondOpinion(NamedTuple):
    """An outcome about something that another person had judged before, and which it does not supersede."""

    at_ms: int
    agrees: bool
    people: frozenset[str]


@dataclass(slots=True)
class CaseHistory:
    """A case of the desk. `raised_ms` is when it rose to a higher level; the lists are in order of time."""

    escalation_id: str
    category: Category
    policy: str
    opened_ms: int
    resolved_day: str | None = None
    raised_ms: list[int] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def waiting(self) -> list[tuple[int, int | None]]:
        """From when until when the case waited for a decision; None is until now, or until it resolved.

        A decision ends it, and a higher level begins it again, as on the desk.
        """
        steps = [(at_ms, False) for at_ms in self.raised_ms]
        steps += [(decision.at_ms, True) for decision in self.decisions]
        spans: list[tuple[int, int | None]] = []
        since: int | None = self.opened_ms
        # At the same time the decision is the later one: it was made with the higher level in sight.
        for at_ms, decided in sorted(steps):
            if decided and since is not None:
                spans.append((since, at_ms))
                since = None
            elif not decided and since is None:
                since = at_ms
        return spans if since is None else [*spans, (since, None)]


class _Member(msgspec.Struct):
    ref: str


class _Proposed(msgspec.Struct):
    decision: OutcomeDecision
    supersedes: str | None = None


class _Act(msgspec.Struct):
    """What is needed of an act to know who decided what."""

    activity_id: str
    kind: ActivityKind
    actor: _Member
    proposed: _Proposed | None = None


class _Changed(msgspec.Struct):
    at: str
    reason: str


_ACT = msgspec.json.Decoder(_Act)
_CHANGED = msgspec.json.Decoder(_Changed)


def case_histories(
    reader: sqlite3.Connection, first_ms: int, categories: frozenset[Category]
) -> list[CaseHistory]:
    """The cases of these categories that waited from `first_ms` on, or with which something happened since.

    Acts that did not count are left out. An act and the outcome that follows from it are one decision.
    """
    bound = {"first": first_ms, "categories": as_json(categories)}
    found = {
        escalation_id: CaseHistory(escalation_id, category, policy, opened_ms, resolved_day)
        for escalation_id, category, policy, opened_ms, resolved_day in reader.execute(
            SQL["cases_of_days"], bound
        )
    }
    by_act = _add_acts(found, reader.execute(SQL["acts_of_days"], bound))
    _add_outcomes(found, reader.execute(SQL["outcomes_of_days"], bound), by_act)
    _add_raised(reader, found)
    for case in found.values():
        case.decisions.sort(key=lambda each: each.at_ms)
    return list(found.values())


def second_opinions(
    reader: sqlite3.Connection, first_ms: int, end_ms: int, categories: frozenset[Category]
) -> list[SecondOpinion]:
    """What a second person said from `first_ms` until before `end_ms` about something judged before.

    That is a case or a message of these categories. The latest judgement of another person in the thirty days
    before is the one that it is compared with.
    """
    rows = reader.execute(SQL["opinions_of_days"], {"first": first_ms - _OPINIONS_APART_MS, "end": end_ms})
    earlier: defaultdict[tuple[object, ...], list[tuple[int, ModerationOutcome]]] = defaultdict(list)
    found = []
    for event, at_ms, escalation_id, message_ref, category in rows:
        outcome = _OUTCOME.decode(event)
        if (
            outcome.known_answer is not None
            or not {category or outcome.category, outcome.category} <= categories
        ):
            continue
        before = earlier[outcome.subject.channel_ref, escalation_id, message_ref]
        if at_ms >= first_ms and outcome.supersedes is None:
            other = _of_another(before, at_ms, outcome.reviewer.ref)
            if other is not None:
                agrees = (other.decision == "upheld") == (outcome.decision == "upheld")
                people = frozenset((other.reviewer.ref, outcome.reviewer.ref))
                found.append(SecondOpinion(at_ms, agrees, people))
        before.append((at_ms, outcome))
    return found


def _of_another(
    before: Sequence[tuple[int, ModerationOutcome]], at_ms: int, ref: str
) -> ModerationOutcome | None:
    return next(
        (
            outcome
            for earlier_ms, outcome in reversed(before)
            if outcome.reviewer.ref != ref and earlier_ms >= at_ms - _OPINIONS_APART_MS
        ),
        None,
    )


def _add_acts(
    found: Mapping[str, CaseHistory], rows: Iterable[tuple[str, int, bytes]]
) -> set[tuple[str, str]]:
    """Add the decisions and answers that acts are; return the case and the id of each deciding act."""
    by_act: set[tuple[str, str]] = set()
    proposals: dict[str, _Act] = {}
    for escalation_id, at_ms, event in rows:
        case = found.get(escalation_id)
        if case is None:
            # It came while the statements were executed.
            continue
        act = _ACT.decode(event)
        if act.kind == "outcome_proposed":
            proposals[escalation_id] = act
        elif act.kind in ("proposal_signed", "proposal_declined"):
            proposal = proposals.pop(escalation_id)
            people = frozenset((proposal.actor.ref, act.actor.ref))
            # Who takes their own proposal back has not judged another's.
            if len(people) > 1:
                case.answers.append(Answer(at_ms, act.kind == "proposal_signed", people))
            if act.kind == "proposal_signed":
                case.decisions.append(_decision(at_ms, proposal, people))
        elif act.kind == "decided":
            # It ends what was proposed before.
            proposals.pop(escalation_id, None)
            case.decisions.append(_decision(at_ms, act, frozenset((act.actor.ref,))))
        if act.kind in ("proposal_signed", "decided"):
            by_act.add((escalation_id, act.activity_id))
    return by_act


def _decision(at_ms: int, act: _Act, people: frozenset[str]) -> Decision:
    assert act.proposed is not None
    return Decision(at_ms, act.proposed.decision, people, act.proposed.supersedes is not None)


def _add_outcomes(
    found: Mapping[str, CaseHistory], rows: Iterable[tuple[str, int, bytes]], by_act: set[tuple[str, str]]
) -> None:
    for escalation_id, at_ms, event in rows:
        outcome = _OUTCOME.decode(event)
        case = found.get(escalation_id)
        if case is None or (escalation_id, outcome.outcome_id) in by_act:
            continue
        people = {outcome.reviewer.ref}
        if outcome.confirmed_by is not None:
            people.add(outcome.confirmed_by.ref)
        replaces = outcome.supersedes is not None
        case.decisions.append(Decision(at_ms, outcome.decision, frozenset(people), replaces))


def _add_raised(reader: sqlite3.Connection, found: Mapping[str, CaseHistory]) -> None:
    # A case that nobody decided waits anyway.
    decided = [(case.policy, name) for name, case in found.items() if case.decisions]
    for escalation_id, event in reader.execute(
        SQL["changes_of_cases"], {"cases": orjson.dumps(decided).decode()}
    ):
        changed = _CHANGED.decode(event)
        if changed.reason == "level_raised":
            found[escalation_id].raised_ms.append(moment_ms(changed.at))
