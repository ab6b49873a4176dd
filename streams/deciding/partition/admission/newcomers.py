"""How many new reporters, channels and messages each publisher may bring to a partition in an hour.

Each takes memory for weeks, so whoever invents one for every report would fill a worker within minutes.
Beyond the limit a report that brings another one becomes a dead letter, which can be redriven. All other
reports go on: those of other publishers, and those of this one about what is known already. While the worker
has no memory for more state, nobody may bring any: that is said in the log, so a replay refuses the same.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import HOUR
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.partition.settings import PartitionSettings

NEWCOMERS: Final = b"N"
"""State key of the one record with the numbers of the current hour."""

NewcomerKind = Literal["reporters", "channels", "messages", "parts"]

# Publishers of a topic that have numbers of their own: the first that bring something, as long as they do so
# every hour. All further ones share theirs. A name is a claim, so without this limit a publisher that invents
# names would never reach its own; and who was there before keeps a place, however many are invented. A
# platform has a few publishers: its applications, its detectors, its intake of notices.
MOST_PUBLISHERS: Final = 8
_FURTHER: Final = ""

_FIELDS: Final[Mapping[NewcomerKind, str]] = {
    "reporters": "reporter.ref",
    "channels": "channel.ref",
    "messages": "message_ref",
    "parts": "match.signal",
}

_Publisher = tuple[str, str]
_Numbers = dict[NewcomerKind, int]
# topic, ce_source, numbers
_StoredRow = tuple[str, str, _Numbers]
# The hour, and whether there is room.
_Stored = tuple[int, bool, list[_StoredRow]]

_encode = msgspec.msgpack.Encoder(order="sorted").encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


class Newcomers:
    """The newcomers of one partition in the current hour of its time, by publisher.

    `has_room`: whether its worker has memory for any.
    """

    __slots__ = ("_changed", "_hour", "_most", "_publishers", "has_room")

    def __init__(self, settings: PartitionSettings) -> None:
        self._most: Mapping[NewcomerKind, int] = {
            "reporters": settings.new_reporters_per_hour,
            "channels": settings.new_channels_per_hour,
            "messages": settings.new_messages_per_hour,
            # Each takes as much as a reporter.
            "parts": settings.new_reporters_per_hour,
        }
        self.has_room = True
        self._hour = 0
        self._publishers: dict[_Publisher, _Numbers] = {}
        self._changed = False

    def admit(self, kind: NewcomerKind, topic: str, ce_source: str, now: int) -> None:
        """Count one that was not known, in a report of `topic` (as in its record), at `now` (ms).

        `now` is the partition's time. Call it before the report changes anything: raises Rejected if its
        publisher has brought as many in this hour as it may, or if there is no room.
        """
        if not self.has_room:
            raise Rejected(
                "too_many_new",
                _FIELDS[kind],
                "Must be known: the state of the worker has reached its budget of memory.",
            )
        numbers = self._numbers_at(now, topic, ce_source)
        number = numbers.get(kind, 0)
        most = self._most[kind]
        if number >= most:
            raise Rejected(
                "too_many_new",
                _FIELDS[kind],
                f"Must be known: the publisher in ce_source has brought {most} new {kind} to this partition "
                "within an hour. It may bring more in the next one.",
            )
        numbers[kind] = number + 1
        self._changed = True

    def admit_all(self, kinds: Sequence[NewcomerKind], topic: str, ce_source: str, now: int) -> bool:
        """Count one of each kind as `admit` does; return False, counting nothing, if that refuses one."""
        if not self.has_room:
            return False
        numbers = self._numbers_at(now, topic, ce_source)
        if any(numbers.get(kind, 0) >= self._most[kind] for kind in kinds):
            return False
        for kind in kinds:
            numbers[kind] = numbers.get(kind, 0) + 1
        self._changed = True
        return True

    def say(self, *, has_room: bool) -> None:
        """Take newcomers, or none, from now on."""
        if has_room != self.has_room:
            self.has_room, self._changed = has_room, True

    def turn_back(self, clock: int) -> None:
        """Count anew if the partition's time was ahead of `clock` (ms), to which it is set back."""
        if self._hour > clock // HOUR:
            self._hour, self._publishers, self._changed = clock // HOUR, {}, True

    def drain_change(self) -> tuple[bytes, bytes | None] | None:
        """Return the state record if it changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return NEWCOMERS, _record(self._hour, self._publishers, has_room=self.has_room)

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore the record. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._hour, self.has_room, rows = _decode(memoryview(value)[1:])
        self._publishers = {(topic, ce_source): numbers for topic, ce_source, numbers in rows}

    def _numbers_at(self, now: int, topic: str, ce_source: str) -> _Numbers:
        """Return the numbers of a publisher in the hour of `now`."""
        if now // HOUR != self._hour:
            self._begin(now // HOUR)
        numbers = self._publishers.get((topic, ce_source))
        return self._numbers(topic, ce_source) if numbers is None else numbers

    def _begin(self, hour: int) -> None:
        self._publishers = {name: {} for name, numbers in self._publishers.items() if numbers}
        self._hour = hour

    def _numbers(self, topic: str, ce_source: str) -> _Numbers:
        named = sum(1 for other, name in self._publishers if other == topic and name != _FURTHER)
        name = ce_source if named < MOST_PUBLISHERS else _FURTHER
        return self._publishers.setdefault((topic, name), {})


def merge_newcomers(_new: NewPartition, shared: Sequence[Shared]) -> dict[bytes, bytes]:
    """Return the record of a new partition: the most that any of the old ones has of each publisher.

    Whether its worker has room is not known yet.
    """
    merged: dict[_Publisher, _Numbers] = {}
    found = []
    for one in shared:
        value = one.entries.get(NEWCOMERS)
        if value is not None:
            require_version(NEWCOMERS, value)
            found.append(_decode(memoryview(value)[1:]))
    newest = max((hour for hour, *_ in found), default=0)
    for hour, _, rows in found:
        for topic, ce_source, numbers in rows if hour == newest else ():
            together = merged.setdefault((topic, ce_source), {})
            for kind, number in numbers.items():
                together[kind] = max(number, together.get(kind, 0))
    return {NEWCOMERS: _record(newest, merged, has_room=True)} if found else {}


def _record(hour: int, publishers: Mapping[_Publisher, _Numbers], *, has_room: bool) -> bytes:
    rows = [(*name, numbers) for name, numbers in publishers.items()]
    return STATE_VERSION + _encode((hour, has_room, rows))
