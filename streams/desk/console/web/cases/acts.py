"""What people do with a case, as forms send it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.case_activity import ActivityKind, CaseActivity, ProposedOutcome
from streams.desk.console.casework.permissions import may_act, needs_two
from streams.desk.console.casework.together import Member, acts_on_others
from streams.desk.console.read_model.case_query import KnownCase
from streams.desk.console.web.acting import carry_out
from streams.desk.console.web.cases.case import case_of, case_page
from streams.desk.console.web.cases.used_terms import note_term
from streams.desk.console.web.context import console_of, person_of
from streams.desk.console.web.ending import clock_choices
from streams.desk.console.web.forms import (
    OldPage,
    WrongForm,
    act_fields,
    as_part,
    choice_of,
    text_of,
    version_of,
)

ANOTHER_AREA: Final = "another_area"
"""What a form says instead of a reason that fits the case's category: the reason is in `reason_another`."""


def ground_of(request: Request, form: FormData) -> dict[str, str]:
    """The law or the rule of the terms that a form names. Raises WrongForm unless it is one of them."""
    duty, country, rule = (text_of(form, name) for name in ("duty", "country", "rule"))
    if bool(duty) == bool(rule):
        raise WrongForm(
            "Choose the law or the rule of the terms by which this was judged, and only one of them."
        )
    if duty:
        return {"kind": "law", "duty": duty, "jurisdiction": country}
    if rule not in console_of(request).terms:
        raise WrongForm("Choose a rule of the terms from the list.")
    note_term(request, rule)
    return {"kind": "terms", "rule": rule}


def outcome_of(known: KnownCase, clocks: Mapping[str, str], **said: Any) -> ProposedOutcome:
    """The outcome for a case with the fields that were `said`, and the outcome of each clock by id.

    An empty one lets the clock run on.

    It replaces the decision that holds, if there is one. Raises WrongForm if a field is missing or wrong.
    """
    newest, held = known.newest, known.work.decision
    document = {
        **said,
        # A clock is about one message, and is no list of messages that an outcome could name.
        "message_ref": newest.message_refs[0] if newest.clock is not None and newest.message_refs else None,
        "clocks": [
            {
                "clock_id": clock.view.clock_id,
                "subject": "report",
                "key": newest.channel_ref,
                "outcome": outcome,
            }
            for clock in known.clocks
            if clock.is_open and (outcome := clocks.get(clock.view.clock_id, ""))
        ],
        "supersedes": None if held is None else held.activity_id,
    }
    return as_part(document, ProposedOutcome)


class Seen(NamedTuple):
    """A case and its members with their versions, as the page of a form showed them."""

    case_id: str
    versions: Mapping[str, int]

    @property
    def first(self) -> str:
        """The member on which the case is decided."""
        return next(iter(self.versions))


def seen_by(said: str) -> Seen:
    """What a form names as seen. Raises WrongForm unless it is a case, and members with versions."""
    case_id, *members = said.split() or [""]
    versions = {name: version_of(version) for name, _, version in (each.rpartition("@") for each in members)}
    if not versions:
        raise WrongForm("version must name a case and what is in it: load the page again.")
    return Seen(case_id, versions)


def members_seen(seen: Seen, known: KnownCase) -> Sequence[Member]:
    """The members of a case with the versions that its page showed, the first one first.

    Those that do not wait any more are left out. Raises OldPage if there are others now, or if what is
    decided is about something else.
    """
    case_id, versions = seen
    now = {each.newest.escalation_id: each for each in known.members}
    if case_id != known.row["case_id"] or seen.first != known.newest.escalation_id or now.keys() - versions:
        raise OldPage("The case changed since you opened the page: below is all that it is about now.")
    return [
        Member(name, versions[name], each.newest.clock is not None, each.work) for name, each in now.items()
    ]


async def act(request: Request) -> Response:
    """Do something with a case.

    Answers with its page, which says who was faster if this act did not count.
    """
    return await carry_out(request, case_of, case_page, may_act, _activities)


def _activities(
    request: Request, form: FormData, known: KnownCase, kind: ActivityKind
) -> Sequence[CaseActivity]:
    """An act on the case, and those on its other members. Raises WrongForm."""
    member = person_of(request).member()
    assert member is not None
    members = members_seen(seen_by(text_of(form, "version")), known)
    proposed = _proposed_outcome(request, form, known) if kind in ("decided", "outcome_proposed") else None
    # Each member keeps its gate: none is decided by one person if another one needs two.
    if (
        kind == "decided"
        and proposed is not None
        and any(needs_two(each.events, proposed.decision) for each in known.members)
    ):
        kind = "outcome_proposed"
    first, *others = members
    act = CaseActivity(
        **act_fields(form, kind, member, first.version),
        escalation_id=first.escalation_id,
        channel_ref=known.newest.channel_ref,
        proposed=proposed,
    )
    return [act, *acts_on_others(act, known.work, others)]


def _proposed_outcome(request: Request, form: FormData, known: KnownCase) -> ProposedOutcome:
    decision = choice_of(form, "decision", "a decision")
    category = text_of(form, "category")
    if category not in console_of(request).categories:
        raise WrongForm("Choose a category.")
    action = {name: value for name in ("visibility", "account") if (value := text_of(form, name))}
    return outcome_of(
        known,
        clock_choices(form, known.clocks, console_of(request).duties),
        decision=decision,
        category=category,
        reason=_reason(form, decision),
        ground=ground_of(request, form),
        action=action if action and decision == "upheld" else None,
    )


def _reason(form: FormData, decision: str) -> str:
    reason = choice_of(form, f"reason_{decision}", "a reason for the decision")
    another = text_of(form, "reason_another") if decision == "upheld" else ""
    if reason == ANOTHER_AREA:
        return choice_of(form, "reason_another", "a reason of another area")
    if another:
        raise WrongForm("Choose one reason: of the category, or of another area.")
    return reason
