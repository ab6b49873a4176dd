"""Acts on many cases at once, for floods: choose, confirm with the number, and read what counted.

There is one act per case, with an id of its own that follows from that of the whole.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.case_activity import ActivityKind, CaseActivity, ProposedOutcome
from streams.contract.wire.forms.moderation_outcome_decoding import REASONS
from streams.contract.wire.ids import stable_id
from streams.desk.console.casework.permissions import may_act
from streams.desk.console.casework.together import Member, acts_on_others
from streams.desk.console.casework.work import case_key
from streams.desk.console.read_model.case_query import KnownCase, acts_on, known_case
from streams.desk.console.web.acting import sent
from streams.desk.console.web.cases.acts import ground_of, members_seen, outcome_of, seen_by
from streams.desk.console.web.cases.used_terms import terms_shown
from streams.desk.console.web.clock_lines import ClockLine, Duties, ending_lines
from streams.desk.console.web.context import console_of, page, person_of
from streams.desk.console.web.ending import RUNS_ON, open_clock_names
from streams.desk.console.web.forms import SNOOZES, OldPage, WrongForm, choice_of, text_of, until
from streams.desk.console.web.security.other_sites import checked_form

_KINDS: Final[dict[str, ActivityKind]] = {
    "claimed": "claimed",
    "released": "released",
    "snoozed": "snoozed",
    "dismissed": "decided",
}
"""What can be done with many cases, and the act that it is on each of them.

Upholding is not among them: it has an effect on people, and each is judged by itself.
"""

# Five pages of the desk. A mistake with more would take a shift to find and take back.
_MOST: Final = 500

# Acts that wait for Kafka at a time. Each takes some 50 ms, most of it waiting.
_AT_ONCE: Final = 32

# The same words for both: whether a case exists is not for everybody to know.
_NOT_YOURS: Final = "There is no such case, or it is not yours to act on."


class Chosen(NamedTuple):
    """A case that was chosen on the desk, with the members that the desk showed.

    `field` is all of it as forms name it.
    """

    known: KnownCase
    members: Sequence[Member]
    field: str


class LeftOut(NamedTuple):
    """A case on which nothing is done, and why.

    `known` is null if there is no such case, or it is not the person's.
    """

    case_id: str
    known: KnownCase | None
    why: str


async def bulk(request: Request) -> Response:
    """Ask whether something shall be done with the chosen cases."""
    form = await checked_form(request)
    return await run_in_threadpool(_confirmation, request, form, None, 200)


async def bulk_confirmed(request: Request) -> Response:
    """Do something with each of the chosen cases, and say on which of them it counted."""
    form = await checked_form(request)
    chosen, _ = await run_in_threadpool(_sorted_out, request, form)
    try:
        if text_of(form, "count") != str(len(chosen)):
            raise WrongForm(f"Type {len(chosen)}, the number of cases, to confirm.")
        acts = await run_in_threadpool(_acts, request, form, _KINDS[text_of(form, "what")], chosen)
    except WrongForm as error:
        return await run_in_threadpool(_confirmation, request, form, str(error), 422)
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def one_of_them(acts: Sequence[CaseActivity]) -> str | None:
        console, key = console_of(request), case_key(acts[0])
        async with at_once:
            return await sent(console, acts, lambda: acts_on(console.database.reader(), key))

    results = await asyncio.gather(*map(one_of_them, acts))
    context = {
        "nav": "desk",
        "what": text_of(form, "what"),
        "counted": [case.known for case, each in zip(chosen, results, strict=True) if each is None],
        "not_counted": [
            (case.known, each) for case, each in zip(chosen, results, strict=True) if each is not None
        ],
        "ended": _ended([first for first, *_ in acts], results, chosen, console_of(request).duties),
    }
    return await run_in_threadpool(page, request, "bulk_result.html", context)


def _ended(
    acts: Sequence[CaseActivity],
    results: Sequence[str | None],
    chosen: Sequence[Chosen],
    duties: Duties,
) -> list[ClockLine]:
    """Each clock that ended with an act that counted, and how."""
    names = open_clock_names([case.known for case in chosen], duties)
    ends = {
        end.clock_id: line._replace(name=names[end.clock_id])
        for act, result, case in zip(acts, results, chosen, strict=True)
        if act.proposed is not None and result is None
        for end, line in zip(
            act.proposed.clocks, ending_lines(act.proposed, case.known.clocks, duties), strict=True
        )
    }
    return list(ends.values())


def _confirmation(request: Request, form: FormData, said: str | None, status_code: int) -> Response:
    chosen, left_out = _sorted_out(request, form)
    newest = [member.newest for case in chosen for member in case.known.members]
    duties = dict.fromkeys(duty.id for each in newest for duty in each.obligations)
    countries = dict.fromkeys(row.code for each in newest for row in each.jurisdictions)
    clocks = open_clock_names([case.known for case in chosen], console_of(request).duties)
    context = {
        "nav": "desk",
        "said": said,
        "typed": form,
        "what": text_of(form, "what"),
        "chosen": chosen,
        "left_out": left_out,
        "snoozes": list(SNOOZES),
        "reasons": REASONS["dismissed"],
        "grounds": duties,
        "clocks": clocks.values(),
        "terms": terms_shown(request),
        "countries": countries,
        "bulk_id": text_of(form, "bulk_id") or secrets.token_hex(16),
    }
    return page(request, "bulk.html", context, status_code)


def _sorted_out(request: Request, form: FormData) -> tuple[list[Chosen], list[LeftOut]]:
    """The chosen cases with which it may be done, and those with which it may not. Raises HTTPException."""
    person, kind = person_of(request), _KINDS.get(text_of(form, "what"))
    if kind is None or person.role == "read_only":
        raise HTTPException(403, "Your role may not do this.")
    fields = dict.fromkeys(field for field in form.getlist("case") if isinstance(field, str))
    if not 0 < len(fields) <= _MOST:
        raise HTTPException(400, f"Choose 1 to {_MOST} cases on the desk.")
    reader = console_of(request).database.reader()
    chosen: list[Chosen] = []
    left_out: list[LeftOut] = []
    for field in fields:
        try:
            seen = seen_by(field)
        except WrongForm as error:
            raise HTTPException(400, str(error)) from error
        known = known_case(reader, seen.first, person)
        if known is None or not may_act(person, kind, known.newest.category):
            left_out.append(LeftOut(seen.case_id, None, _NOT_YOURS))
        elif why := _why_left_out(kind, known):
            left_out.append(LeftOut(seen.case_id, known, why))
        else:
            try:
                chosen.append(Chosen(known, members_seen(seen, known), field))
            except OldPage as error:
                left_out.append(LeftOut(seen.case_id, known, str(error)))
    return chosen, left_out


def _why_left_out(kind: ActivityKind, known: KnownCase) -> str | None:
    if known.needs_two:
        return "Its gate asks for two people: open the case."
    if kind == "decided" and any(each.row["state"] == "proposed" for each in known.members):
        return "An outcome was proposed, which waits for a second person: open the case."
    return None


def _acts(
    request: Request, form: FormData, kind: ActivityKind, chosen: Sequence[Chosen]
) -> list[Sequence[CaseActivity]]:
    """The acts on each case. The same form again makes acts with the same ids. Raises WrongForm."""
    member = person_of(request).member()
    assert member is not None
    now = datetime.now(UTC)
    ends = until(form, kind, now)
    bulk_id = choice_of(form, "bulk_id", "cases on the desk")
    # Two cases may name a message with one clock, which ends once.
    ended: set[str] = set()

    def acts_on_case(case: Chosen) -> Sequence[CaseActivity]:
        first, *others = case.members
        act = CaseActivity(
            activity_id=stable_id("console-bulk", bulk_id, kind, first.escalation_id),
            kind=kind,
            actor=member,
            at=now,
            expected_version=first.version,
            escalation_id=first.escalation_id,
            channel_ref=case.known.newest.channel_ref,
            until=ends,
            proposed=_dismissal(request, form, case.known, ended) if kind == "decided" else None,
        )
        return [act, *acts_on_others(act, case.known.work, others)]

    return [acts_on_case(case) for case in chosen]


def _dismissal(request: Request, form: FormData, known: KnownCase, ended: set[str]) -> ProposedOutcome:
    """The outcome that a case is dismissed; those of its clocks that the form ends are added to `ended`.

    Raises WrongForm.
    """
    still_open = [
        each.view.clock_id for each in known.clocks if each.is_open and each.view.clock_id not in ended
    ]
    said = choice_of(form, "clocks", "what becomes of their clocks") if still_open else RUNS_ON
    ends = dict.fromkeys(still_open, said) if said != RUNS_ON else {}
    ended.update(ends)
    return outcome_of(
        known,
        ends,
        decision="dismissed",
        category=known.newest.category,
        reason=choice_of(form, "reason", "a reason"),
        ground=ground_of(request, form),
    )
