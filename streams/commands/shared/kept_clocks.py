"""The legal clocks that have not ended, as the workers of both stages keep them."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import NamedTuple

import msgspec

from streams.clocks.clock import clock_view, due_time
from streams.clocks.store import CHANNEL_CLOCK, ClockKey, clock_key, read_clock
from streams.commands.shared.reading import committed_records, partition_count
from streams.commands.shared.record_text import likely_countries
from streams.events.authority_routing import Asker
from streams.events.clock import ClockView, RunningStatus
from streams.events.clock_outcome import ClockSubject
from streams.events.enriched_report import Jurisdiction
from streams.events.obligation import AppliedObligation
from streams.partition.home import home_partition
from streams.wire.state_records import UnknownStateVersion
from streams.wire.topics import AUTHORITY_STATE, CHANNEL_STATE
from streams.worker.settings import Settings

STATE_TOPICS: Mapping[ClockSubject, str] = {
    "report": CHANNEL_STATE,
    "request": AUTHORITY_STATE,
}
"""By what started a clock, the topic in which it is kept."""

KEY_NAMES: Mapping[ClockSubject, str] = {"report": "channel", "request": "request"}
"""By what started a clock, what its key names."""


class KeptClock(NamedTuple):
    """A clock that no outcome has ended; `subject` started it, `key` is that one's channel or request.

    `authority` is the one that the duty answers to; of a request's clock, the type of the one that asks. `countries` are
    those that the report concerns (see `likely_countries`), or the asking authority's. `left_ms` is what is left of its
    time, below 0 once that is over; of a paused clock, what was left when it was paused.
    """

    view: ClockView
    subject: ClockSubject
    key: str
    authority: str | None
    countries: tuple[str, ...]
    left_ms: int


class WantedClocks(NamedTuple):
    """Which clocks somebody wants to see: all that is not None must fit. Of `channel` and `request` give one at most."""

    channel: str | None = None
    request: str | None = None
    duty: str | None = None
    authority: str | None = None
    status: RunningStatus | None = None
    due_within_ms: int | None = None

    @property
    def subjects(self) -> tuple[ClockSubject, ...]:
        """What may have started such a clock."""
        if self.channel is not None:
            return ("report",)
        return ("request",) if self.request is not None else ("report", "request")

    def holds(self, clock: KeptClock) -> bool:
        """Whether a clock of one of `subjects` and of this channel or request, if one is given, is wanted."""
        return (
            self.duty in (None, clock.view.obligation)
            and self.authority in (None, clock.authority)
            and self.status in (None, clock.view.status)
            and (self.due_within_ms is None or clock.left_ms <= self.due_within_ms)
        )


class FoundClocks(NamedTuple):
    """The most urgent one first; `unreadable` says of others, whatever was wanted, why they cannot be shown."""

    clocks: list[KeptClock]
    unreadable: list[str]


class Whereabouts(NamedTuple):
    """Where a word on a clock must go; `ended` if it is no longer kept."""

    subject: ClockSubject
    key: str
    ended: bool


async def wanted_clocks(settings: Settings, wanted: WantedClocks, now_ms: int) -> FoundClocks:
    """Read the clocks that are wanted from what is committed, each as it is at `now_ms` (ms since the epoch)."""
    kept: dict[ClockKey, KeptClock] = {}
    unreadable: dict[ClockKey, str] = {}
    of_one = wanted.channel if wanted.request is None else wanted.request
    for subject in wanted.subjects:
        async for key, value in _clock_records(settings, subject, of_one):
            # An older value must not show through: it counts for nothing that it was wanted or could not be read.
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
            if wanted.holds(clock):
                kept[key] = clock
    return FoundClocks(sorted(kept.values(), key=_urgency), list(unreadable.values()))


async def whereabouts(settings: Settings, ids: Collection[str]) -> dict[str, Whereabouts]:
    """Find clocks by their ids, all in one reading. One is missing if it never was, or ended long ago."""
    found: dict[str, Whereabouts] = {}
    for subject in STATE_TOPICS:
        async for key, value in _clock_records(settings, subject):
            if key.clock_id in ids:
                found[key.clock_id] = Whereabouts(subject, key.ref, value is None)
    return found


def kept_clock(subject: ClockSubject, key: ClockKey, value: bytes, now_ms: int) -> KeptClock:
    """The clock in a state record. Raises UnknownStateVersion or msgspec.DecodeError for what is none."""
    kept = read_clock(value)
    until = now_ms if kept.clock.paused_at is None else kept.clock.paused_at
    authority, countries = _concerned(subject, kept.opening)
    return KeptClock(
        clock_view(kept.clock, key.clock_id, kept.obligation, now_ms),
        subject,
        key.ref,
        authority,
        countries,
        due_time(kept.clock) - until,
    )


def _urgency(clock: KeptClock) -> tuple[int, str]:
    return clock.left_ms, clock.view.clock_id


async def _clock_records(
    settings: Settings, subject: ClockSubject, of_one: str | None = None
) -> AsyncIterator[tuple[ClockKey, bytes | None]]:
    """The records of clocks in a stage's state, or of the clocks of one channel or request; None deletes.

    The other records, of a million channels and more, are passed over by the first byte of their keys.
    """
    topic, prefix, home = settings.topic_prefix + STATE_TOPICS[subject], CHANNEL_CLOCK, None
    if of_one is not None:
        prefix += of_one.encode() + b"\0"
        home = home_partition(of_one.encode(), await partition_count(settings.connection(), topic))
    async for record in committed_records(settings.connection(), topic, partition=home):
        if record.key.startswith(prefix):
            yield clock_key(record.key), record.value


class _ReportOpening(msgspec.Struct):
    """What is shown here of the escalation that opened a report's clock."""

    obligations: tuple[AppliedObligation]
    jurisdictions: tuple[Jurisdiction, ...]


class _RequestOpening(msgspec.Struct):
    """The same of the routing that started a request's."""

    authority: Asker


_decode_report = msgspec.json.Decoder(_ReportOpening).decode
_decode_request = msgspec.json.Decoder(_RequestOpening).decode


def _concerned(subject: ClockSubject, opening: bytes) -> tuple[str | None, tuple[str, ...]]:
    if subject == "request":
        asker = _decode_request(opening).authority
        return asker.type, (asker.country,)
    escalation = _decode_report(opening)
    (duty,) = escalation.obligations
    return duty.authority, tuple(likely_countries(escalation.jurisdictions))
