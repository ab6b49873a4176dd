"""The outcome that a form says."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from streams.console.read_model.case_query import KnownCase
from streams.console.web.forms import WrongForm, as_part, text_of
from streams.events.case_activity import ProposedOutcome


def ground_of(form: FormData) -> dict[str, str]:
    """The law or the rule of the terms that a form names. Raises WrongForm unless it is one of them."""
    duty, country, rule = (text_of(form, name) for name in ("duty", "country", "rule"))
    if bool(duty) == bool(rule):
        raise WrongForm(
            "Choose the law or the rule of the terms by which this was judged, and only one of them."
        )
    return {"kind": "law", "duty": duty, "jurisdiction": country} if duty else {"kind": "terms", "rule": rule}


def outcome_of(known: KnownCase, clocks: Mapping[str, str], **said: Any) -> ProposedOutcome:
    """The outcome for a case, with the fields that were `said`, and what becomes of its clocks, by id; empty lets one run on.

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
