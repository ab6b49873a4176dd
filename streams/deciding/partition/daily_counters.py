"""Daily counters by country and category, for transparency reports.

A counter is the running total of one UTC day of the partition's time. A batch publishes the totals that it
changed to `transparency-counters`: the last value of each key is exact, however records are cut into batches.
When the time is set back to a day that was counted before, counting goes on in a new part, under other keys:
the totals of the earlier part are no longer in the state, and must not be overwritten. What concerns another
day, as a decision that arrives late or is taken back, has a key with both days: the day that it concerns, and
the day on which it was counted. So the totals of earlier days need not be kept to be corrected. Memory and
the stage's state hold only the current day; earlier days are in the topic.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from streams.contract.events.report import Category
from streams.contract.events.transparency import (
    TRANSPARENCY_COUNTER_TYPE,
    ActionTimeCount,
    ComplaintCount,
    CountedStage,
    DecisionCount,
    ItemCount,
    OrderCount,
    ReportCount,
    RequestCount,
    SuspensionCount,
    TransparencyCounter,
)
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import DAY
from streams.contract.wire.topics import TRANSPARENCY_COUNTERS
from streams.deciding.partition.moving import NewPartition, Shared

DAILY_COUNTERS = b"R"
"""State key type of counters. The key is: type, then day, country and category separated by slashes."""
OWN_DAY_COUNTERS = b"Y"
"""State key type of counters for a day of their own: as above, then the day that they concern."""
_KEY_TYPES = (DAILY_COUNTERS, OWN_DAY_COUNTERS)

_EPOCH = date(1970, 1, 1).toordinal()

# Country and category; then the day (YYYY-MM-DD), for what is counted for a day of its own.
_Place = tuple[str, Category, *tuple[str, ...]]
_PLACE_OF_CURRENT_DAY = 2
# The fields of ReportCount or RequestCount in their order, without the count. Cells of the other lists of a
# counter have the list's name before their fields.
Cell = tuple[str | bool | int | None, ...]

_COUNTS: Mapping[str, Callable[..., Any]] = {
    "reports": ReportCount,
    "requests": RequestCount,
    "items": ItemCount,
    "decisions": DecisionCount,
    "action_times": ActionTimeCount,
    "complaints": ComplaintCount,
    "orders": OrderCount,
    "suspensions": SuspensionCount,
}
# A cell without fields: twice what was taken back. With it the sum of all cells grows with every change, and
# gives every value of a counter an id of its own.
_TAKEN_BACK: Cell = ()

_encode_cells = msgspec.msgpack.Encoder().encode
_decode_cells = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


class _Group:
    """The cells of one country and category. `stored` means that the state topic has a record of them."""

    __slots__ = ("cells", "counted_at", "stored")

    def __init__(self, cells: dict[Cell, int], *, stored: bool) -> None:
        self.cells = cells
        self.counted_at = 0
        self.stored = stored


class Drained(NamedTuple):
    """Counters to write: `records` to publish, in order, and changed records of the state (None deletes)."""

    records: list[OutputRecord]
    changes: dict[bytes, bytes | None]


class DailyCounters:
    """The counters of one partition of a stage.

    A stage calls `count` for each record that it counts, and `drain` at the end of each batch, until nothing
    is left. It writes `records` with the batch's outputs and `changes` with its other state. At a takeover it
    passes each state record whose key begins with DAILY_COUNTERS or OWN_DAY_COUNTERS to `restore`.
    """

    __slots__ = ("_day", "_finished", "_groups", "_part", "_partition", "_stage", "_tombstones", "_touched")

    def __init__(self, stage: CountedStage | None, partition: int) -> None:
        self._stage = stage
        self._partition = partition
        self._day = 0
        self._part = 0
        self._groups: dict[_Place, _Group] = {}
        self._touched: dict[_Place, _Group] = {}
        # Day, part, place and counter of what earlier days and parts still have to publish.
        self._finished: list[tuple[int, int, _Place, _Group]] = []
        self._tombstones: dict[bytes, None] = {}

    def __len__(self) -> int:
        """Return the number of countries and categories with a counter of the current day."""
        return len(self._groups)

    def count(self, now: int, country: str, category: Category, cell: Cell, number: int = 1) -> None:
        """Count `number` on the UTC day of `now`, the partition's time (ms), set back by `begin_part` alone.

        `cell` holds the values of ReportCount (or RequestCount, in the stage `requests`) in their order,
        without the count. Takes some 0.4 us.
        """
        day = now // DAY
        if day != self._day:
            self._begin(day)
        key = (country, category)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group({}, stored=False)
        cells = group.cells
        cells[cell] = cells.get(cell, 0) + number
        group.counted_at = now
        self._touched[key] = group

    def count_for(
        self, day: int, now: int, country: str, category: Category, cell: Cell, number: int = 1
    ) -> None:
        """Count for a day of its own (days since the epoch); a negative `number` takes back what was counted.

        `cell` begins with the name of its list in TransparencyCounter. `now` as in `count`.
        """
        today = now // DAY
        if today != self._day:
            self._begin(today)
        key = (country, category, _date(day))
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group({}, stored=False)
        cells = group.cells
        total = cells.get(cell, 0) + number
        if total:
            cells[cell] = total
        else:
            del cells[cell]
        if number < 0:
            cells[_TAKEN_BACK] = cells.get(_TAKEN_BACK, 0) - 2 * number
        group.counted_at = now
        self._touched[key] = group

    def begin_part(self, part: int) -> None:
        """Count from zero from now on, under keys with the number `part`, because the time was set back."""
        self._begin(self._day)
        self._part = part

    def restore_part(self, part: int) -> None:
        """Take over the part that an earlier owner began; 0 if the time was never set back."""
        self._part = part

    def drain(self, now: int, at_most: int = sys.maxsize) -> Drained:
        """Return changes since the last call, of at most so many counters; both empty if none is left.

        Ends the current day first if `now` is past it.
        """
        day = now // DAY
        if day != self._day:
            self._begin(day)
        changes: dict[bytes, bytes | None] = dict.fromkeys(self._tombstones)
        self._tombstones = {}
        finished = self._finished[:at_most]
        del self._finished[:at_most]
        records = [self._record(*each) for each in finished]
        touched = list(islice(self._touched.items(), at_most - len(finished)))
        for key, group in touched:
            del self._touched[key]
            records.append(self._record(day, self._part, key, group))
            changes[_state_key(day, key)] = STATE_VERSION + _encode_cells(
                [(*cell, number) for cell, number in group.cells.items()]
            )
            group.stored = True
        return Drained(records, changes)

    def publish_again(self, now: int) -> list[OutputRecord]:
        """Return every total of the current day, for a topic that does not have them; `now` is as in `drain`.

        Nothing is published if `now` is on a later day.
        """
        if now // DAY != self._day:
            return []
        for group in self._groups.values():
            group.counted_at = now
        return [self._record(self._day, self._part, key, group) for key, group in self._groups.items()]

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore a record of the state.

        Raises UnknownStateVersion (a ValueError) if another version wrote it, ValueError if it is damaged.
        """
        require_version(key[:1], value)
        written, country, category, *own_day = key[1:].decode().split("/")
        day = date.fromisoformat(written).toordinal() - _EPOCH
        if self._groups and day != self._day:
            raise ValueError(f"the state is damaged: it has counters of two days, one of them {written}")
        self._day = day
        cells = {row[:-1]: row[-1] for row in _decode_cells(memoryview(value)[1:])}
        self._groups[country, category, *own_day] = _Group(cells, stored=True)

    def _begin(self, day: int) -> None:
        """Begin a day. What the previous day still has to publish waits for `drain`."""
        self._finished += [(self._day, self._part, key, group) for key, group in self._touched.items()]
        for key, group in self._groups.items():
            if group.stored:
                self._tombstones[_state_key(self._day, key)] = None
        self._groups = {}
        self._touched = {}
        self._day = day

    def _record(self, day: int, part: int, key: _Place, group: _Group) -> OutputRecord:
        country, category, *own_day = key
        counted = _date(day)
        assert self._stage is not None
        rows: dict[str, list[Any]] = {"reports": [], "requests": []}
        for cell, number in group.cells.items():
            if cell and cell[0] in _COUNTS:
                name, *fields = cell
                rows.setdefault(str(name), []).append(_COUNTS[str(name)](*fields, number))
            elif cell:
                rows[self._stage].append(_COUNTS[self._stage](*cell, number))
        written = own_day[0] if own_day else counted
        counter = TransparencyCounter(
            written,
            self._stage,
            self._partition,
            country,
            category,
            **{name: tuple(counts) for name, counts in rows.items()},
        )
        name = f"{written}/{self._stage}/{self._partition}/{country}/{category}"
        if own_day:
            name += f"/{counted}"
        if part:
            name += f"/{part}"
        # The sum gives every value of the counter an id of its own.
        headers = event_headers(
            TRANSPARENCY_COUNTER_TYPE, f"{name}/{sum(group.cells.values())}", group.counted_at
        )
        return OutputRecord(TRANSPARENCY_COUNTERS, self._partition, name.encode(), encode(counter), headers)


def merge_counters(new: NewPartition, shared: Sequence[Shared]) -> dict[bytes, bytes]:
    """Return a new partition's counters: those of the old ones with its number modulo the new count.

    So each old counter goes to exactly one new partition, and the sums over all partitions stay. If there are
    more partitions than before, this is the one with the same number: it goes on with the totals that it has
    published. If there are fewer, the topic with the totals is a new one, because a topic cannot lose
    partitions, and nobody adds them up with those of the abandoned numbers. Of several days only the last is
    kept: the totals of the others are final, and have been published.
    """
    mine = [
        {key: value for key, value in one.entries.items() if key[:1] in _KEY_TYPES}
        for one in shared
        if one.partition % new.partitions == new.partition
    ]
    days = [_day_of(key) for entries in mine for key in entries]
    sums: dict[bytes, dict[Cell, int]] = {}
    for entries in mine:
        for key, value in entries.items():
            require_version(key[:1], value)
            if _day_of(key) == max(days):
                cells = sums.setdefault(key, {})
                for row in _decode_cells(memoryview(value)[1:]):
                    cells[row[:-1]] = cells.get(row[:-1], 0) + row[-1]
    return {
        key: STATE_VERSION + _encode_cells([(*cell, number) for cell, number in cells.items()])
        for key, cells in sums.items()
    }


def without_counts(value: bytes, name: str) -> bytes:
    """Return a record of the state without the cells of one list."""
    cells = _decode_cells(memoryview(value)[1:])
    kept = [cell for cell in cells if cell[0] != name]
    return value if len(kept) == len(cells) else value[:1] + _encode_cells(kept)


def _day_of(key: bytes) -> str:
    # An ISO date, so the later of two days is the greater one.
    return key[1:].decode().split("/")[0]


def _state_key(day: int, key: _Place) -> bytes:
    key_type = DAILY_COUNTERS if len(key) == _PLACE_OF_CURRENT_DAY else OWN_DAY_COUNTERS
    return key_type + "/".join((_date(day), *key)).encode()


def _date(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()
