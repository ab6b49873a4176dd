"""The list of open legal clocks, and what people say about one of them."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from sqlite3 import Row
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiokafka.errors import KafkaError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.clock_outcome import ClockOutcome, ClockSubject, OutcomeKind
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.ids import stable_id
from streams.desk.console.casework.clock_verdict import ClockVerdict
from streams.desk.console.casework.permissions import may_end_clock
from streams.desk.console.publisher import NotReadBack
from streams.desk.console.read_model.clocks_query import (
    DUE_WITHIN,
    ClockFilter,
    OpenStatus,
    clock_row,
    clocks_page,
    duties_with_clocks,
)
from streams.desk.console.web.acting import NOT_CONFIRMED
from streams.desk.console.web.clock_lines import ClockLine
from streams.desk.console.web.context import console_of, next_page, page, person_of
from streams.desk.console.web.ending import ask, clock_end, is_confirmed, say_afterwards
from streams.desk.console.web.forms import LOST_RACE, NOT_KNOWN, WrongForm, local_path, text_of
from streams.desk.console.web.security.other_sites import checked_form
from streams.desk.console.web.undo import require_nothing_held
from streams.desk.console.web.words import clock_name, clock_now, in_words
from streams.running.wall_clock import clock_ms

_OUTCOMES: dict[str, OutcomeKind] = {outcome: outcome for outcome in get_args(OutcomeKind)}
_ENDS = ("fulfilled", "withdrawn")
_FROM: dict[OutcomeKind, str] = {"paused": "running", "resumed": "paused"}


def clocks(request: Request) -> Response:
    """The open clocks of a view, the next one due first. The view is in the address."""
    return _page(request, request.query_params, None, 200)


def _page(
    request: Request, view: Mapping[str, str], said: str | None, status_code: int, act_id: str | None = None
) -> Response:
    console, person = console_of(request), person_of(request)
    reader = console.database.reader()
    shown = ClockFilter.of(view)
    listed = clocks_page(reader, shown, person.categories, clock_ms(), view.get("after"))
    context: dict[str, Any] = {
        "nav": "clocks",
        "said": said,
        "shown": shown,
        "rows": [(row, may_end_clock(person, row["subject"], row["category"])) for row in listed.rows],
        "more": next_page(shown, listed.after),
        "subjects": get_args(ClockSubject),
        "statuses": get_args(OpenStatus),
        "spans": list(DUE_WITHIN),
        "of_duties": duties_with_clocks(reader, person.categories),
        "act_id": act_id or secrets.token_hex(16),
        "here": "?".join(filter(None, ("/clocks", urlencode(shown.parameters())))),
    }
    return page(request, "clocks.html", context, status_code)


async def act_on_clock(request: Request) -> Response:
    """Say what became of a clock, and ask before it ends. The slower person is told what the clock is now."""
    form = await checked_form(request)
    row = await run_in_threadpool(_clock_of, request)
    outcome = _OUTCOMES.get(text_of(form, "outcome"))
    if outcome is None or not may_end_clock(person_of(request), row["subject"], row["category"]):
        raise HTTPException(403, "Your role may not do this.")
    line = ClockLine(clock_name(console_of(request).duties, row), in_words(outcome))
    ends = [clock_end(row["clock_id"], outcome)] if outcome in _ENDS else []
    then = local_path(form) or "/clocks"
    came_from = urlsplit(then)
    # A form on the page of a case shows all clocks if it is not settled.
    view = dict(parse_qsl(came_from.query)) if came_from.path == "/clocks" else {}
    if "change" in form:
        return RedirectResponse(then, 303)
    try:
        said = _clock_outcome(request, form, row, outcome)
        # Of a clock that ended meanwhile the publisher says by whom.
        if row["is_open"] and not is_confirmed(form, ends):
            return await run_in_threadpool(
                ask, request, form, "clocks", in_words(outcome).capitalize(), ends, [line]
            )
        settled = await _do(request, row, text_of(form, "status"), said, line, then)
    except (WrongForm, Rejected) as error:
        return await run_in_threadpool(_page, request, view, str(error), 422)
    except (NotReadBack, KafkaError):
        return await run_in_threadpool(
            _page, request, view, NOT_CONFIRMED, NOT_KNOWN, text_of(form, "act_id")
        )
    if settled == "settled":
        return RedirectResponse(then, 303)
    return await run_in_threadpool(_not_settled, request, view, outcome, settled)


async def _do(
    request: Request, row: Row, seen: str, outcome: ClockOutcome, line: ClockLine, then: str
) -> ClockVerdict:
    """Publish the outcome of a clock whose status was `seen`.

    If it ends, do so when it cannot be undone any more, and say so on the page at `then`. Raises as
    Publisher.clock_outcome does, and WrongForm.
    """
    console, person = console_of(request), person_of(request)
    clock_id, act_id = row["clock_id"], outcome.outcome_id
    require_nothing_held(request, clock_id, act_id)
    ends = outcome.outcome in _ENDS
    if ends and row["is_open"] and row["status"] == seen and console.held.holds_back(row["due_ms"]):
        done = f"Done: {line}."
        console.held.hold(person.ref, act_id, clock_id, done, then, lambda: _send(request, outcome, seen))
        settled: ClockVerdict = "settled"
    else:
        settled = await console.publisher.clock_outcome(outcome, seen)
    if ends and settled == "settled":
        say_afterwards(request, "Done.", [line], then)
    return settled


async def _send(request: Request, outcome: ClockOutcome, seen: str) -> str | None:
    """Publish an outcome that was held back. Return why it did not count, or None."""
    try:
        settled = await console_of(request).publisher.clock_outcome(outcome, seen)
    except Rejected as error:
        return str(error)
    except (NotReadBack, KafkaError):
        return "Kafka did not confirm this. It may have counted or not: the list shows what is known."
    if settled != "too_late":
        return None
    now = await run_in_threadpool(_clock_of, request)
    return f"This did not count: the clock is {clock_now(now)}. Look at it again."


def _not_settled(
    request: Request, view: Mapping[str, str], outcome: OutcomeKind, settled: ClockVerdict
) -> Response:
    now = _clock_of(request)
    about = clock_name(console_of(request).duties, now)
    if settled == "waits":
        told = (
            f"Recorded: {about}, {in_words(outcome)}. No worker has applied it yet; the page shows it "
            "once one has."
        )
        return _page(request, view, told, 202)
    told = f"This did not count: {about} is {clock_now(now)}. Look at it again."
    return _page(request, view, told, LOST_RACE)


def _clock_of(request: Request) -> Row:
    row = clock_row(console_of(request).database.reader(), request.path_params["clock"])
    if row is None or not person_of(request).sees(row["category"]):
        raise HTTPException(404, "There is no such clock, or it is not yours to see.")
    return row


def _clock_outcome(request: Request, form: FormData, row: Row, outcome: OutcomeKind) -> ClockOutcome:
    if outcome in _ENDS and row["needs_two"]:
        raise WrongForm(f"Two people must say that this clock is {outcome}: open its case.")
    # A clock that was paused or resumed meanwhile is found by the publisher: this is about what the form
    # itself says.
    if outcome in _FROM and text_of(form, "status") != _FROM[outcome]:
        raise WrongForm(f"Only a clock that is {_FROM[outcome]} can be {outcome}.")
    reason = text_of(form, "reason") if outcome == "paused" else None
    duty = console_of(request).duties.get(row["obligation"])
    allowed = () if duty is None else duty.pausable_for
    if reason is not None and reason not in allowed:
        raise WrongForm(
            f"This clock can be paused for {', '.join(allowed)}."
            if allowed
            else "The law allows no pause of this clock."
        )
    return ClockOutcome(
        # Follows from the page: the same form again is the same outcome.
        outcome_id=stable_id("console-clock-act", text_of(form, "act_id"), row["clock_id"], outcome),
        clock_id=row["clock_id"],
        subject=row["subject"],
        key=row["key"],
        outcome=outcome,
        occurred_at=datetime.now(UTC),
        reason=reason,
        actor=person_of(request).ref,
    )
