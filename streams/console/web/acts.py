"""What people do with a case, as forms send it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import msgspec
from aiokafka.errors import KafkaError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.console.casework.permissions import may_act, needs_two
from streams.console.publisher import NotReadBack
from streams.console.read_model.case_query import KnownCase
from streams.console.web.case import case_of, case_page
from streams.console.web.context import console_of, person_of
from streams.console.web.local_path import local_path
from streams.console.web.security import checked_form
from streams.console.web.words import in_words
from streams.events.case_activity import ActivityKind, CaseActivity, ProposedOutcome
from streams.wire.dead_letter import Rejected

_KINDS: Final[Mapping[str, ActivityKind]] = {kind: kind for kind in get_args(ActivityKind)}

# How long a case may be put off. Longer waits are forgotten; a case that needs none is closed.
SNOOZES: Final = {"1 h": 1, "4 h": 4, "1 d": 24, "3 d": 72, "7 d": 168}

# A claim ends by itself, so that a case does not stay with somebody who went home.
_CLAIM_HOURS: Final = 8


class _WrongForm(Exception):
    """A form says something that it cannot say; the message names the field."""


async def act(request: Request) -> Response:
    """Do something with a case. Answers with its page, which says who was faster if this act did not count."""
    form = await checked_form(request)
    person = person_of(request)
    known = await run_in_threadpool(case_of, request)
    kind = _KINDS.get(_text(form, "kind"))
    if kind is None or not may_act(person, kind, known.newest.category):
        raise HTTPException(403, "Your role may not do this.")
    try:
        activity = _activity(request, form, known, kind)
        verdict = await console_of(request).publisher.act(activity)
    except (_WrongForm, Rejected) as error:
        return await _page(request, str(error), 422)
    except (NotReadBack, KafkaError):
        return await _page(
            request,
            "Kafka did not confirm this. It may have counted or not: this page shows what is known. Sending the "
            "form again from the page before has one effect.",
            503,
        )
    if verdict.refused is not None:
        return await _page(request, await run_in_threadpool(_who_won, request, verdict.refused), 409)
    return RedirectResponse(
        local_path(_text(form, "next")) or request.url_for("case", case=activity.escalation_id).path, 303
    )


def _activity(request: Request, form: FormData, known: KnownCase, kind: ActivityKind) -> CaseActivity:
    member = person_of(request).member()
    assert member is not None
    now = datetime.now(UTC)
    proposed = None
    if kind == "decided":
        proposed = _proposed(form, known)
        if needs_two(known.newest, proposed.decision):
            kind = "outcome_proposed"
    elif kind == "outcome_proposed":
        proposed = _proposed(form, known)
    return CaseActivity(
        activity_id=_text(form, "act_id"),
        escalation_id=known.newest.escalation_id,
        channel_ref=known.newest.channel_ref,
        kind=kind,
        actor=member,
        at=now,
        expected_version=_version(form),
        until=_until(form, kind, now),
        note=_converted("note", _text(form, "note"), kind) if kind == "noted" else None,
        proposed=proposed,
    )


def _proposed(form: FormData, known: KnownCase) -> ProposedOutcome:
    newest = known.newest
    action = {name: value for name in ("visibility", "account") if (value := _text(form, name))}
    decision = _text(form, "decision")
    held = known.work.decision
    document: dict[str, Any] = {
        "decision": decision,
        "category": _text(form, "category"),
        "reason": _text(form, f"reason_{decision}"),
        "ground": _ground(form),
        "action": action if action and decision == "upheld" else None,
        # A clock is about one message, and is no list of messages that an outcome could name.
        "message_ref": newest.message_refs[0] if newest.clock is not None and newest.message_refs else None,
        "clocks": [
            {"clock_id": clock.view.clock_id, "subject": "report", "key": newest.channel_ref, "outcome": said}
            for clock in known.clocks
            if clock.is_open and (said := _text(form, f"clock_{clock.view.clock_id}"))
        ],
        "supersedes": None if held is None else held.activity_id,
    }
    try:
        return msgspec.convert(document, ProposedOutcome)
    except msgspec.ValidationError as error:
        raise _WrongForm(f"The form is not complete: {error}") from None


def _ground(form: FormData) -> dict[str, str]:
    duty, country, rule = (_text(form, name) for name in ("duty", "country", "rule"))
    if bool(duty) == bool(rule):
        raise _WrongForm(
            "Choose the law or the rule of the terms by which this was judged, and only one of them."
        )
    return {"kind": "law", "duty": duty, "jurisdiction": country} if duty else {"kind": "terms", "rule": rule}


def _until(form: FormData, kind: ActivityKind, now: datetime) -> datetime | None:
    if kind == "claimed":
        return now + timedelta(hours=_CLAIM_HOURS)
    if kind != "snoozed":
        return None
    hours = SNOOZES.get(_text(form, "snooze"))
    if hours is None:
        raise _WrongForm(f"snooze must be one of {', '.join(SNOOZES)}.")
    return now + timedelta(hours=hours)


def _version(form: FormData) -> int:
    text = _text(form, "version")
    if not text.isdecimal() or len(text) > 9:
        raise _WrongForm("version must be a number: load the page again.")
    return int(text)


def _converted(name: str, text: str, kind: ActivityKind) -> Any:
    if not text:
        raise _WrongForm(f"{name} is needed: {in_words(kind)}.")
    return text


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _who_won(request: Request, refused: str) -> str:
    counted = [each.act for each in case_of(request).acts if each.refused is None]
    said = f"This did not count: {in_words(refused)}."
    if refused == "another_act_came_first" and counted:
        last = counted[-1]
        said += f" {last.actor.ref} did this: {in_words(last.kind)}. You see the case as it is now."
    return said


async def _page(request: Request, said: str, status_code: int) -> Response:
    return await run_in_threadpool(lambda: case_page(request, case_of(request), said, status_code))
