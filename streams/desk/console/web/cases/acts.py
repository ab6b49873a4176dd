"""What people do with a case, as forms send it."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.case_activity import ActivityKind, CaseActivity, ProposedOutcome
from streams.desk.console.casework.permissions import may_act, needs_two
from streams.desk.console.read_model.case_query import KnownCase
from streams.desk.console.web.acting import carry_out
from streams.desk.console.web.cases.case import case_of, case_page
from streams.desk.console.web.cases.used_terms import note_term
from streams.desk.console.web.context import console_of, person_of
from streams.desk.console.web.ending import clock_choices
from streams.desk.console.web.forms import (
    WrongForm,
    act_fields,
    as_part,
    choice_of,
    text_of,
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


async def act(request: Request) -> Response:
    """Do something with a case.

    Answers with its page, which says who was faster if this act did not count.
    """
    return await carry_out(request, case_of, case_page, may_act, _activity)


def _activity(request: Request, form: FormData, known: KnownCase, kind: ActivityKind) -> CaseActivity:
    member = person_of(request).member()
    assert member is not None
    proposed = _proposed_outcome(request, form, known) if kind in ("decided", "outcome_proposed") else None
    if kind == "decided" and proposed is not None and needs_two(known.events, proposed.decision):
        kind = "outcome_proposed"
    return CaseActivity(
        **act_fields(form, kind, member),
        escalation_id=known.newest.escalation_id,
        channel_ref=known.newest.channel_ref,
        proposed=proposed,
    )


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
