"""Who decided what, for leads: how much their decisions weigh for trust, and how they hold."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.events.report import Category
from streams.desk.console.read_model.statements import SQL

_OUTCOME = msgspec.json.Decoder(ModerationOutcome)


@dataclass(slots=True)
class Reviewer:
    """What a person of a desk decided.

    `reporters` are those of the cases that they decided: whom a decision credits. `overturned` counts
    decisions that somebody else corrected to the opposite; `agreed` and `disputed` those about which another
    person decided too, without correcting them. `known` had a known answer, and of these `known_right` were
    right; they are in no other number.
    """

    ref: str
    decisions: int = 0
    upheld: int = 0
    unfounded: int = 0
    reporters: int = 0
    overturned: int = 0
    agreed: int = 0
    disputed: int = 0
    known: int = 0
    known_right: int = 0


def reviewers(reader: sqlite3.Connection, since_ms: int, sees: Callable[[Category], bool]) -> list[Reviewer]:
    """Return who decided about cases that one `sees` since a time (ms), those with most reporters first."""
    found: dict[str, Reviewer] = {}
    by_subject: defaultdict[tuple[object, ...], list[ModerationOutcome]] = defaultdict(list)
    for event, escalation_id, message_ref, reporters in reader.execute(SQL["decided_since"], (since_ms,)):
        outcome = _OUTCOME.decode(event)
        if not sees(outcome.category):
            continue
        ref = outcome.reviewer.ref
        person = found.setdefault(ref, Reviewer(ref))
        if outcome.known_answer is not None:
            person.known += 1
            person.known_right += outcome.decision == outcome.known_answer
            continue
        person.decisions += 1
        person.upheld += outcome.decision == "upheld"
        person.unfounded += outcome.decision == "manifestly_unfounded"
        person.reporters += reporters or 0
        if escalation_id is not None or message_ref is not None:
            earlier = by_subject[outcome.subject.channel_ref, escalation_id, message_ref]
            _compare(found, earlier, outcome)
            earlier.append(outcome)
    return sorted(found.values(), key=lambda each: (-each.reporters, -each.decisions, each.ref))


def _compare(
    found: dict[str, Reviewer], earlier: list[ModerationOutcome], outcome: ModerationOutcome
) -> None:
    """Compare an outcome with the latest one of another person about the same."""
    other = next((each for each in reversed(earlier) if each.reviewer.ref != outcome.reviewer.ref), None)
    if other is None:
        return
    same = (other.decision == "upheld") == (outcome.decision == "upheld")
    if outcome.supersedes is not None:
        if not same:
            found[other.reviewer.ref].overturned += 1
        return
    for ref in (other.reviewer.ref, outcome.reviewer.ref):
        if same:
            found[ref].agreed += 1
        else:
            found[ref].disputed += 1
