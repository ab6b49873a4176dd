"""Reads from the log and the workers' state which clocks a row of law has started, open and ended."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from streams.commands.shared.kept_clocks import FoundClocks, KeptClock, WantedClocks, wanted_clocks
from streams.contract.events.authority_routing import Asker
from streams.contract.events.clock import ClockView
from streams.contract.events.clock_outcome import ClockSubject
from streams.contract.events.enriched_report import Jurisdiction
from streams.contract.events.report import Category
from streams.contract.wire.topics import AUTHORITY_ROUTING, ESCALATIONS
from streams.desk.text.record_text import likely_countries
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings

_ENDED = ("fulfilled", "withdrawn")


class ArmedClock(NamedTuple):
    """A clock as its newest event shows it, or the state if its events are no longer kept.

    A report or a request (`subject`) started it; `key` is its channel or its id. `countries` are those that
    the report concerns, or the requesting authority's. `registry_version` is that of the rules that started
    it. `changed_at` (RFC 3339, UTC) is the time of the newest event; None if only the state has the clock.
    """

    view: ClockView
    subject: ClockSubject
    key: str
    category: Category | None
    countries: tuple[str, ...]
    registry_version: str
    changed_at: str | None

    @property
    def open(self) -> bool:
        """Whether no outcome has ended it."""
        return self.view.status not in _ENDED


class FoundArmedClocks(NamedTuple):
    """The clocks: open ones by due time, then ended ones by start. A message for each unreadable one."""

    clocks: list[ArmedClock]
    unreadable: list[str]


class _ReportStep(msgspec.Struct):
    """The fields used here of a step of a report's clock."""

    sequence: int
    at: str
    channel_ref: str
    category: Category
    jurisdictions: tuple[Jurisdiction, ...]
    clock: ClockView | None
    registry_version: str


class _RequestStep(msgspec.Struct):
    """The fields used here of a step of a request."""

    sequence: int
    at: str
    request_id: str
    category: Category | None
    authority: Asker
    clocks: tuple[ClockView, ...]
    registry_version: str


_decode_report = msgspec.json.Decoder(_ReportStep).decode
_decode_request = msgspec.json.Decoder(_RequestStep).decode


async def armed_clocks(settings: Settings, row: str, now_ms: int) -> FoundArmedClocks:
    """Find every clock that the duty with the id `row` has started, as far as log or state know of it.

    The log has the clocks of the time for which its topics keep events; the state has every clock that is
    open, however old. `now_ms` (ms since the epoch) determines how much of the time of a clock has passed
    that only the state knows.
    """
    newest: dict[str, tuple[int, ArmedClock]] = {}
    wanted = row.encode()
    for topic in (ESCALATIONS, AUTHORITY_ROUTING):
        async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
            # Searching the bytes is cheaper than decoding every record.
            if wanted not in (record.value or b""):
                continue
            try:
                steps = list(_of_report(record.value) if topic == ESCALATIONS else _of_request(record.value))
            except msgspec.DecodeError:
                continue
            for sequence, clock in steps:
                known = newest.get(clock.view.clock_id)
                if clock.view.obligation == row and (known is None or known[0] <= sequence):
                    newest[clock.view.clock_id] = (sequence, clock)
    kept: FoundClocks = await wanted_clocks(settings, WantedClocks(duty=row), now_ms)
    found = {id_: clock for id_, (_, clock) in newest.items()}
    for open_clock in kept.clocks:
        found.setdefault(open_clock.view.clock_id, _of_state(open_clock))
    return FoundArmedClocks(sorted(found.values(), key=_order), kept.unreadable)


def as_document(clock: ArmedClock) -> dict[str, Any]:
    """The clock for --json: its published fields, whose it is, and the rules that started it."""
    return {
        **msgspec.to_builtins(clock.view),
        "open": clock.open,
        "subject": clock.subject,
        "key": clock.key,
        "category": clock.category,
        "countries": clock.countries,
        "registry_version": clock.registry_version,
        "changed_at": clock.changed_at,
    }


def _of_report(value: bytes) -> Iterator[tuple[int, ArmedClock]]:
    step = _decode_report(value)
    if step.clock is not None:
        yield (
            step.sequence,
            ArmedClock(
                step.clock,
                "report",
                step.channel_ref,
                step.category,
                tuple(likely_countries(step.jurisdictions)),
                step.registry_version,
                step.at,
            ),
        )


def _of_request(value: bytes) -> Iterator[tuple[int, ArmedClock]]:
    step = _decode_request(value)
    for view in step.clocks:
        yield (
            step.sequence,
            ArmedClock(
                view,
                "request",
                step.request_id,
                step.category,
                (step.authority.country,),
                step.registry_version,
                step.at,
            ),
        )


def _of_state(kept: KeptClock) -> ArmedClock:
    return ArmedClock(
        kept.view, kept.subject, kept.key, kept.category, kept.countries, kept.registry_version, None
    )


def _order(clock: ArmedClock) -> tuple[bool, str, str]:
    view = clock.view
    return not clock.open, view.due_at if clock.open else view.started_at, view.clock_id
