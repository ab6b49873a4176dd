"""Reads the legal clocks that have not ended from the state of both stages."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import NamedTuple

import msgspec

from streams.contract.events.authority_routing import Asker, Telling
from streams.contract.events.clock import ClockMarks, ClockView, RunningStatus
from streams.contract.events.clock_outcome import ClockSubject
from streams.contract.events.enriched_report import Jurisdiction
from streams.contract.events.obligation import AppliedObligation
from streams.contract.events.report import Category
from streams.contract.wire.state_records import UnknownStateVersion
from streams.contract.wire.topics import AUTHORITY_STATE, CHANNEL_STATE
from streams.deciding.clocks.clock import clock_view, due_time, nearly_due
from streams.deciding.clocks.store import CLOCK_RECORD, ClockKey, clock_key, read_clock
from streams.desk.text.record_text import likely_countries
from streams.running.clients.kafka_reading import committed_records
from streams.running.clients.kept_state import state_of
from streams.running.worker.settings import Settings

STATE_TOPICS: Mapping[ClockSubject, str] = {
    "report": CHANNEL_STATE,
    "request": AUTHORITY_STATE,
}
"""The state topic that holds a clock, by what started the clock."""

KEY_NAMES: Mapping[ClockSubject, str] = {"report": "channel", "request": "request"}
"""What a clock's key identifies, by what started the clock."""


class KeptClock(NamedTuple):
    """A clock that no outcome has ended.

    A report or a request (`subject`) started it; `key` is its channel or its id. `authority` supervises the
    duty; for a request's clock it is the type of the requesting authority. `countries` are those that the
    report concerns (see `likely_countries`), or the requesting authority's. `left_ms` is the time left,
    negative once it is over; for a paused clock, the time that was left when it was paused. `nearly_due`: it
    runs, and less than a tenth of its time is left.
    `registry_version` is that of the rules that started it. `tell_by` (RFC 3339, UTC) is until when the
    issuing authority must be told what its request lacks, if the clock is paused from its start for that;
    else None.
    """

    view: ClockView
    subject: ClockSubject
    key: str
    authority: str | None
    countries: tuple[str, ...]
    left_ms: int
    category: Category | None
    registry_version: str
    tell_by: str | None = None
    nearly_due: bool = False


class WantedClocks(NamedTuple):
    """Which clocks to find: they match every field that is not None.

    Set at most one of `channel` and `request`.
    """

    channel: str | None = None
    request: str | None = None
    duty: str | None = None
    authority: str | None = None
    status: RunningStatus | None = None
    due_within_ms: int | None = None

    @property
    def subjects(self) -> tuple[ClockSubject, ...]:
        """What can have started a wanted clock."""
        if self.channel is not None:
            return ("report",)
        return ("request",) if self.request is not None else ("report", "request")

    def matches(self, clock: KeptClock) -> bool:
        """Whether a clock is wanted. The caller has already selected by subject, channel and request."""
        return (
            self.duty in (None, clock.view.obligation)
            and self.authority in (None, clock.authority)
            and self.status in (None, clock.view.status)
            and (self.due_within_ms is None or clock.left_ms <= self.due_within_ms)
        )


class FoundClocks(NamedTuple):
    """Wanted clocks, the most urgent first, and a message for each clock that cannot be read."""

    clocks: list[KeptClock]
    unreadable: list[str]


class Whereabouts(NamedTuple):
    """Where an outcome for a clock must be sent. `ended` if the state no longer holds the clock."""

    subject: ClockSubject
    key: str
    ended: bool


async def wanted_clocks(settings: Settings, wanted: WantedClocks, now_ms: int) -> FoundClocks:
    """Find the wanted clocks in the committed state.

    `now_ms` (ms since the epoch) determines the time left.
    """
    kept: dict[ClockKey, KeptClock] = {}
    unreadable: dict[ClockKey, str] = {}
    only_key = wanted.channel if wanted.request is None else wanted.request
    for subject in wanted.subjects:
        async for key, value in _clock_records(settings, subject, only_key):
            # Only the newest value counts: forget what an older one said.
            kept.pop(key, None)
            unreadable.pop(key, None)
            if value is None:
                continue
            try:
                clock = kept_clock(subject, key, value, now_ms)
            except (UnknownStateVersion, msgspec.DecodeError) as error:
                unreadable[key] = (
                    f"clock {key.clock_id} of {KEY_NAMES[subject]} {key.ref} cannot be read ({error})"
                )
                continue
            if wanted.matches(clock):
                kept[key] = clock
    return FoundClocks(sorted(kept.values(), key=_urgency), list(unreadable.values()))


async def whereabouts(settings: Settings, ids: Collection[str]) -> dict[str, Whereabouts]:
    """Find clocks by id, reading each state once.

    A clock is missing if it never existed or ended long ago.
    """
    found: dict[str, Whereabouts] = {}
    for subject in STATE_TOPICS:
        async for key, value in _clock_records(settings, subject):
            if key.clock_id in ids:
                found[key.clock_id] = Whereabouts(subject, key.ref, value is None)
    return found


def kept_clock(subject: ClockSubject, key: ClockKey, value: bytes, now_ms: int) -> KeptClock:
    """Read a clock from a state record.

    Raises UnknownStateVersion or msgspec.DecodeError if it is not one.
    """
    kept = read_clock(value)
    until = now_ms if kept.clock.paused_at is None else kept.clock.paused_at
    opening = _decode_request(kept.opening) if subject == "request" else _decode_report(kept.opening)
    view = clock_view(kept.clock, key.clock_id, kept.obligation, now_ms, marks=_marks(opening, key.clock_id))
    return KeptClock(
        view,
        subject,
        key.ref,
        *_authority_and_countries(opening),
        due_time(kept.clock) - until,
        opening.category,
        opening.registry_version,
        _tell_by(opening, view.obligation) if kept.clock.paused_at == kept.clock.started else None,
        nearly_due(kept.clock),
    )


def _urgency(clock: KeptClock) -> tuple[int, str]:
    return clock.left_ms, clock.view.clock_id


async def _clock_records(
    settings: Settings, subject: ClockSubject, only_key: str | None = None
) -> AsyncIterator[tuple[ClockKey, bytes | None]]:
    """The clock records in a stage's state, or only those of one channel or request.

    The value None deletes a clock. Other records, of a million channels or more, are skipped by the first
    byte of their keys.
    """
    topic = STATE_TOPICS[subject]
    if only_key is not None:
        ref = only_key.encode()
        prefix = CLOCK_RECORD + ref + b"\0"
        found = await state_of(settings, topic, ref, lambda key: key.startswith(prefix))
        for key, value in found.entries.items():
            yield clock_key(key), value
        return
    async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
        if record.key.startswith(CLOCK_RECORD):
            yield clock_key(record.key), record.value


class _StartedClock(msgspec.Struct):
    """The fields used here of a clock that an event started."""

    clock_id: str
    marks: ClockMarks | None = None


class _ReportOpening(msgspec.Struct):
    """The fields used here of the escalation that opened a report's clock."""

    category: Category
    obligations: tuple[AppliedObligation]
    jurisdictions: tuple[Jurisdiction, ...]
    registry_version: str
    clock: _StartedClock


class _Told(msgspec.Struct):
    """What is used here of the findings about a request."""

    telling: Telling | None = None


class _RequestOpening(msgspec.Struct):
    """The fields used here of the routing that started a request's clock."""

    category: Category | None
    authority: Asker
    registry_version: str
    clocks: tuple[_StartedClock, ...]
    findings: _Told | None = None


_decode_report = msgspec.json.Decoder(_ReportOpening).decode
_decode_request = msgspec.json.Decoder(_RequestOpening).decode


def _tell_by(opening: _ReportOpening | _RequestOpening, duty: str) -> str | None:
    findings = opening.findings if isinstance(opening, _RequestOpening) else None
    telling = None if findings is None else findings.telling
    return telling.by if telling is not None and duty in telling.paused else None


def _authority_and_countries(opening: _ReportOpening | _RequestOpening) -> tuple[str | None, tuple[str, ...]]:
    if isinstance(opening, _RequestOpening):
        return opening.authority.type, (opening.authority.country,)
    (duty,) = opening.obligations
    return duty.authority, tuple(likely_countries(opening.jurisdictions))


def _marks(opening: _ReportOpening | _RequestOpening, clock_id: str) -> ClockMarks | None:
    started = opening.clocks if isinstance(opening, _RequestOpening) else (opening.clock,)
    return next((clock.marks for clock in started if clock.clock_id == clock_id), None)
