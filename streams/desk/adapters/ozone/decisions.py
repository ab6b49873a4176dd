"""Publishes what Ozone's moderators decide about what the adapter reported.

Events are asked for in the order of their times, from a little before the newest decision that was published.
An event whose time is older, because its transaction took longer, is found too as long as it is not older
than that.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

import msgspec
import structlog

from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.ids import stable_id
from streams.contract.wire.times import DAY
from streams.desk.adapters.metrics import AdapterMetrics, LeftOut
from streams.desk.adapters.outcomes import Outcomes
from streams.desk.adapters.ozone.lexicon import QUERY_EVENTS, TOOL, EventPage, SeenEvent, event_type
from streams.desk.adapters.ozone.mapping import Mapping
from streams.desk.adapters.reported import Reported
from streams.running.clients.https.answer import Failed
from streams.running.clients.https.xrpc import NamedError, Xrpc
from streams.running.clients.pseudonym import pseudonym
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

_PAGE = 100
_OVERLAP = timedelta(minutes=5)

# Where to look first for what was published. An adapter that was stopped for longer reads the whole topic.
_LOOK_BACK_MS = 7 * DAY


class Decisions:
    """Follows the events of one Ozone."""

    def __init__(
        self,
        xrpc: Xrpc,
        mapping: Mapping,
        outcomes: Outcomes,
        metrics: AdapterMetrics,
        service: str,
        reviewer_key: bytes,
    ) -> None:
        self._xrpc = xrpc
        self._mapping = mapping
        self._outcomes = outcomes
        self._metrics = metrics
        self._service = service
        self._key = reviewer_key
        self._types = [event_type(kind) for kind in mapping.kinds()]
        self._after: datetime | None = None
        # What needs nothing more, and may be found again: outcomes that were published, and events that are
        # none.
        self._published: dict[str, datetime] = {}
        self._seen: dict[int, datetime] = {}

    async def run(self, poll_seconds: float) -> None:
        """Follow until cancelled. Raises KafkaError."""
        await self._remember(clock_ms() - _LOOK_BACK_MS)
        if not self._published:
            await self._remember(None)
        if self._published:
            self._after = max(self._published.values()) - _OVERLAP
        # Counts from here until there is a first answer.
        self._metrics.asked_at = monotonic()
        while True:
            failed = await self._catch_up()
            if failed is None:
                self._metrics.asked_at = monotonic()
            else:
                logger.warning("could not ask for decisions", why=failed.why)
            await asyncio.sleep(max(poll_seconds, failed.wait_seconds if failed else 0))

    async def _remember(self, since_ms: int | None) -> None:
        async for outcome in self._outcomes.published(since_ms):
            self._published[outcome.outcome_id] = outcome.decided_at

    async def _catch_up(self) -> Failed | None:
        """Publish what has been decided up to now; return why it could not be asked for, if so."""
        did = await self._xrpc.did()
        if isinstance(did, Failed):
            return did
        if self._after is None:
            first = await self._first_report(did)
            if first is None or isinstance(first, Failed):
                return first
            self._after = first.created_at
        parameters = [*self._named(self._types), ("createdAfter", _rfc3339(self._after)), *_page("asc")]
        newest, cursor = self._after, ""
        while True:
            page = await self._events([*parameters, *([("cursor", cursor)] if cursor else [])])
            if isinstance(page, Failed):
                return page
            for event in page.events:
                failed = await self._decide(event, did)
                if failed is not None:
                    return failed
                self._seen[event.id] = event.created_at
                newest = max(newest, event.created_at)
            cursor = page.cursor or ""
            if not cursor or not page.events:
                break
        self._after = max(self._after, newest - _OVERLAP)
        self._seen = {number: time for number, time in self._seen.items() if time >= self._after}
        self._published = {one: time for one, time in self._published.items() if time >= self._after}
        return None

    async def _first_report(self, did: str) -> SeenEvent | Failed | None:
        """The first report of the adapter: no decision about what it reported is older."""
        types = self._named([event_type("Report")])
        page = await self._events([*types, ("createdBy", did), *_page("asc", 1)])
        return page if isinstance(page, Failed) else next(iter(page.events), None)

    async def _decide(self, event: SeenEvent, did: str) -> Failed | None:
        """Publish what an event decides, once, if anything; return why it could not be found out, if so."""
        if event.id in self._seen or self._outcome_id(event) in self._published:
            return None
        judged = await self._judge(event, did)
        if isinstance(judged, Failed):
            return judged
        if not isinstance(judged, ModerationOutcome):
            self._metrics.left_out.add((judged,))
            return None
        try:
            await self._outcomes.publish(judged)
        except Rejected as error:
            self._metrics.left_out.add(("refused",))
            logger.warning("a decision is no valid outcome", field=error.field, detail=error.detail)
            return None
        self._published[judged.outcome_id] = judged.decided_at
        self._metrics.outcomes.add((judged.decision,))
        return None

    async def _judge(self, event: SeenEvent, did: str) -> ModerationOutcome | LeftOut | Failed:
        """The outcome of an event, or why it has none."""
        about = event.subject.uri or event.subject.did or ""
        reports = await self._history([event_type("Report")], about, ("createdBy", did))
        if isinstance(reports, Failed):
            return reports
        ours = [one for one in reports if one.id < event.id]
        reported = _reported(ours)
        if reported is None:
            return "not_reported"
        if event.of_itself:
            return "no_person"
        decisions = await self._history(self._types, about)
        if isinstance(decisions, Failed):
            return decisions
        since = [one for one in reversed(decisions) if ours[-1].id < one.id <= event.id and not one.of_itself]
        held = self._mapping.held(since, reported.category)
        if not held or held[-1][0].id != event.id:
            return "no_rule"
        verdict = held[-1][1]
        return ModerationOutcome(
            outcome_id=self._outcome_id(event),
            subject=reported.subject(),
            decision=verdict.decision,
            category=verdict.category or reported.category,
            ground=verdict.ground,
            reason=verdict.reason,
            decided_at=event.created_at,
            reviewer=DeskMember(pseudonym(self._key, "reviewer", "ozone", event.created_by), "desk"),
            confidence="one_reviewer",
            action=verdict.action,
            supersedes=self._outcome_id(held[-2][0]) if len(held) > 1 else None,
        )

    async def _history(
        self, types: Sequence[str], about: str, *more: tuple[str, str]
    ) -> Sequence[SeenEvent] | Failed:
        """The newest events of these types about a subject, newest first."""
        page = await self._events([*self._named(types), ("subject", about), *more, *_page("desc")])
        return page if isinstance(page, Failed) else page.events

    @staticmethod
    def _named(types: Sequence[str]) -> list[tuple[str, str]]:
        return [("types", name) for name in types]

    async def _events(self, parameters: Sequence[tuple[str, str]]) -> EventPage | Failed:
        page = await self._xrpc.query(QUERY_EVENTS, EventPage, parameters)
        return (
            Failed("refused", f"Ozone does not answer: {page.name}") if isinstance(page, NamedError) else page
        )

    def _outcome_id(self, event: SeenEvent) -> str:
        return stable_id("ozone", self._service, str(event.id))


def _reported(reports: Sequence[SeenEvent]) -> Reported | None:
    """What the adapter said of its newest report; None if there is none."""
    for one in reports:
        if one.mod_tool is not None and one.mod_tool.name == TOOL:
            try:
                return msgspec.convert(one.mod_tool.meta, Reported)
            except msgspec.ValidationError:
                return None
    return None


def _page(direction: str, limit: int = _PAGE) -> list[tuple[str, str]]:
    return [("sortDirection", direction), ("limit", str(limit))]


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
