"""Carries out an act that a form asks for, and answers with the page that says what became of it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.case_activity import ActivityKind, CaseActivity
from streams.contract.wire.dead_letter import Rejected
from streams.desk.console.casework.permissions import Person
from streams.desk.console.publisher import NotReadBack
from streams.desk.console.read_model.case_query import KnownAct, KnownCase
from streams.desk.console.read_model.requests_query import KnownRequest
from streams.desk.console.web.clock_lines import ended_lines, ending_lines, open_clock_ids
from streams.desk.console.web.context import Console, console_of, person_of
from streams.desk.console.web.decided import Known, judged_by, named_acts, proposed_in, remark_on, word_of
from streams.desk.console.web.ending import ask, ends_of, is_confirmed, say_afterwards
from streams.desk.console.web.forms import (
    ACTIVITY_KINDS,
    LOST_RACE,
    NOT_KNOWN,
    OldPage,
    WrongForm,
    local_path,
    text_of,
)
from streams.desk.console.web.security.other_sites import checked_form
from streams.desk.console.web.undo import next_due_ms, require_nothing_held
from streams.desk.console.web.words import in_words

NOT_CONFIRMED = (
    "Kafka did not confirm this. It may have counted or not: this page shows what is known. Sending it again "
    "from this page has one effect."
)

# What can be undone for some seconds, and what is said of it.
_SAID_OF: Final[dict[ActivityKind, str]] = {
    "decided": "Done",
    "outcome_proposed": "Proposed",
    "proposal_signed": "Signed",
}

AnyKnown = TypeVar("AnyKnown", KnownCase, KnownRequest)


async def carry_out(
    request: Request,
    read: Callable[[Request], AnyKnown],
    show: Callable[[Request, AnyKnown, str | None, int, FormData], Response],
    may: Callable[[Person, ActivityKind, Any], bool],
    make: Callable[[Request, FormData, AnyKnown, ActivityKind], Sequence[CaseActivity]],
) -> Response:
    """Publish the acts that `make` makes of a form, and go on to where the form says.

    The first one is on what the page is about, the others on what belongs to it. If it did not count, say
    why.
    Asks before an act that ends legal clocks. The signature of a proposal needs no question: what ends stands
    above it. `read` reads the case as it is, and `show` makes its page; `may` says who may do what with its
    category. Raises HTTPException if the person may not.
    """
    form = await checked_form(request)
    known = await run_in_threadpool(read, request)
    kind = _kind_in(form, lambda kind: may(person_of(request), kind, known.category))
    then = local_path(form) or request.url.path.removesuffix("/acts")

    async def page_saying(said: str | None, status: int) -> Response:
        return await run_in_threadpool(lambda: show(request, read(request), said, status, form))

    if "change" in form:
        return await page_saying(None, 200)
    try:
        act, *others = make(request, form, known, kind)
        judged, duties = judged_by(act, known.work), console_of(request).duties
        # A signature that counted before finds no proposal any more, and is the same again.
        if act.kind == "proposal_signed" and judged is not None:
            _require_clocks_shown(form, known)
        ends = [] if judged is None or act.kind != "decided" else ends_of(judged.clocks)
        if judged is not None and not is_confirmed(form, ends):
            nav = "desk" if isinstance(known, KnownCase) else "requests"
            lines = ending_lines(judged, known.clocks, duties)
            return await run_in_threadpool(ask, request, form, nav, f"Decide: {word_of(judged)}", ends, lines)
        refused = await _do(request, [act, *others], known, read, then)
    except (WrongForm, Rejected) as error:
        return await page_saying(str(error), LOST_RACE if isinstance(error, OldPage) else 422)
    except (NotReadBack, KafkaError):
        return await page_saying(NOT_CONFIRMED, NOT_KNOWN)
    if refused is not None:
        now = await run_in_threadpool(read, request)
        return await page_saying(why_not(refused, now.acts), LOST_RACE)
    return RedirectResponse(then, 303)


async def _do(
    request: Request,
    acts: Sequence[CaseActivity],
    known: Known,
    read: Callable[[Request], Known],
    then: str,
) -> str | None:
    """Publish acts, now or when they cannot be undone any more, and say on the page at `then` what was done.

    Return why the first one did not count, or None. Raises as Publisher.act does, and WrongForm.
    """
    console, person, act = console_of(request), person_of(request), acts[0]
    judged = judged_by(act, known.work)
    about = act.request_id or str(known.row["case_id"])
    require_nothing_held(request, about, act.activity_id)
    said = f"{_SAID_OF[act.kind]}: {word_of(shown)}." if (shown := proposed_in(act) or judged) else ""
    remark = "" if shown is None else remark_on(shown, console.categories)
    warned = f" {remark}." if remark else ""
    said += warned
    if (
        act.kind in _SAID_OF
        # Otherwise it does not count, or has counted before: that is to be said now.
        and act.expected_version == known.work.version
        and console.held.holds_back(next_due_ms(known.clocks))
    ):
        for each in acts:
            console.publisher.check(each)
        its_page = request.url.path.removesuffix("/acts")
        console.held.hold(
            person.ref,
            act.activity_id,
            about,
            said,
            its_page,
            lambda: sent(console, acts, lambda: read(request).acts),
        )
        ends = [] if judged is None else ending_lines(judged, known.clocks, console.duties)
        say_afterwards(request, said, ends, then)
        return None
    refused, *also = await _publish(console, acts)
    if refused is not None:
        return refused
    if any(also):
        say_afterwards(request, _not_for_all(also), [], then)
    elif act.kind == "outcome_proposed":
        say_afterwards(request, f"Proposed: a second person must sign.{warned}", [], then)
    elif judged is not None:
        # Somebody else may have ended a clock in the same moment.
        now = await run_in_threadpool(read, request)
        say_afterwards(request, said, ended_lines(judged, now.clocks, console.duties, act.activity_id), then)
    return None


async def sent(
    console: Console, acts: Sequence[CaseActivity], known: Callable[[], Sequence[KnownAct]]
) -> str | None:
    """Publish acts on a case while nobody waits for its page. Return why they did not count, or None.

    `known` reads those on the same case.
    """
    try:
        refused, *also = await _publish(console, acts)
    except Rejected as error:
        return str(error)
    except (NotReadBack, KafkaError):
        return "Kafka did not confirm this. It may have counted or not: look at the case."
    if refused is None:
        return _not_for_all(also) if any(also) else None
    return await run_in_threadpool(lambda: why_not(refused, known()))


async def _publish(console: Console, acts: Sequence[CaseActivity]) -> Sequence[str | None]:
    """Publish an act, and the others if it counted. Return why each of them did not count, None if it did.

    Of two people with the same case before them who is first on its first member is first on all.
    """
    first, *others = acts
    verdict = await console.publisher.act(first)
    if verdict.refused is not None:
        return [verdict.refused]
    also = await asyncio.gather(*map(console.publisher.act, others))
    return [None, *(each.refused for each in also)]


def _not_for_all(refused: Sequence[str | None]) -> str:
    reasons = dict.fromkeys(in_words(each) for each in refused if each is not None)
    return f"A part of the case is as it was: {'; '.join(reasons)}. Look at the case."


def _kind_in(form: FormData, may: Callable[[ActivityKind], bool]) -> ActivityKind:
    kind = ACTIVITY_KINDS.get(text_of(form, "kind"))
    if kind is None or not may(kind):
        raise HTTPException(403, "Your role may not do this.")
    return kind


def _require_clocks_shown(form: FormData, known: KnownCase | KnownRequest) -> None:
    """Raise OldPage unless the page with the form to sign showed just the clocks that are open now."""
    if text_of(form, "open_clocks") != open_clock_ids(known.clocks):
        raise OldPage("A clock started or ended since you opened the page. Below is what you would sign now.")


def why_not(refused: str, acts: Sequence[KnownAct]) -> str:
    """Why an act did not count, and who was faster."""
    said = f"This did not count: {in_words(refused)}."
    counted = [(each.act.actor.ref, what) for each, what in named_acts(acts) if each.refused is None]
    if refused == "another_act_came_first" and counted:
        who, what = counted[-1]
        said += f" {who} did this: {what}. You see the case as it is now."
    return said
