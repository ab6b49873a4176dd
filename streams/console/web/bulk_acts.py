"""The acts on many cases: one per case, with an id of its own that follows from that of the whole."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from aiokafka.errors import KafkaError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from streams.console.casework.permissions import Person
from streams.console.casework.work import CaseKey
from streams.console.publisher import NotReadBack
from streams.console.read_model.case_query import KnownCase, acts_on
from streams.console.web.acting import why_not
from streams.console.web.context import Console
from streams.console.web.ending import RUNS_ON
from streams.console.web.forms import choice_of, until
from streams.console.web.outcome_form import ground_of, outcome_of
from streams.events.case_activity import ActivityKind, CaseActivity, ProposedOutcome
from streams.wire.dead_letter import Rejected
from streams.wire.ids import stable_id


class Chosen(NamedTuple):
    """A case that was chosen on the desk, with the version that the desk showed."""

    escalation_id: str
    version: int

    @property
    def field(self) -> str:
        """The case as forms name it."""
        return f"{self.escalation_id}@{self.version}"


class Result(NamedTuple):
    """What became of the act on one case; `why` is null if it counted."""

    escalation_id: str
    why: str | None


def bulk_acts(
    person: Person, form: FormData, kind: ActivityKind, chosen: Sequence[tuple[KnownCase, Chosen]]
) -> list[CaseActivity]:
    """An act per case. The same form again makes acts with the same ids. Raises WrongForm."""
    member = person.member()
    assert member is not None
    now = datetime.now(UTC)
    ends = until(form, kind, now)
    bulk_id = choice_of(form, "bulk_id", "cases on the desk")
    # Two cases may name a message with one clock, which ends once.
    ended: set[str] = set()
    return [
        CaseActivity(
            activity_id=stable_id("console-bulk", bulk_id, kind, each.escalation_id),
            kind=kind,
            actor=member,
            at=now,
            expected_version=each.version,
            escalation_id=each.escalation_id,
            channel_ref=known.newest.channel_ref,
            until=ends,
            proposed=_dismissal(form, known, ended) if kind == "decided" else None,
        )
        for known, each in chosen
    ]


async def carried_out(console: Console, act: CaseActivity) -> Result:
    """Publish an act, and say whether it counted."""
    case = act.escalation_id
    assert case is not None
    try:
        verdict = await console.publisher.act(act)
    except Rejected as error:
        return Result(case, str(error))
    except (NotReadBack, KafkaError):
        return Result(case, "Kafka did not confirm this. It may have counted or not: look at the case.")
    refused = verdict.refused
    if refused is None:
        return Result(case, None)
    why = await run_in_threadpool(
        lambda: why_not(refused, acts_on(console.database.reader(), CaseKey("escalation", case)))
    )
    return Result(case, why)


def _dismissal(form: FormData, known: KnownCase, ended: set[str]) -> ProposedOutcome:
    """The outcome that a case is dismissed; those of its clocks that the form ends are added to `ended`. Raises WrongForm."""
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
        ground=ground_of(form),
    )
