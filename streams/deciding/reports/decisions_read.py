"""Which decisions of people were read since the last report, and in which order: no other log says it."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from streams.contract.wire.records import Headers, SourceRecord
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.topics import CLOCK_OUTCOMES, MODERATION_OUTCOMES, without_prefix
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.partition.replay import DECISIONS_HEADER
from streams.deciding.partition.time import PartitionTime

DECISIONS_READ: Final = b"O"
"""State key of the decisions read since the last report. The key is the type alone."""

# A partition that has no reports for long, while decisions come by both ways in turns, forgets the order of
# the earliest ones: 256 runs make a header of 4 KiB.
MOST_RUNS: Final = 256


DecisionTopic = Literal["o", "c", "i"]
"""moderation-outcomes, clock-outcomes, and the internal topic to which decisions are passed on."""

DECISION_TOPICS: Final[Mapping[str, DecisionTopic]] = {MODERATION_OUTCOMES: "o", CLOCK_OUTCOMES: "c"}
"""The topics on which people's decisions are published, without prefix."""


class DecisionRun(NamedTuple):
    """Decisions of one topic, read one after the other: those below `end` that were not read before.

    `ticks`: how many were honoured since the last report.
    """

    topic: DecisionTopic
    end: int
    ticks: int


class DecisionsRead:
    """`runs` are the latest decisions between two reports, or after the last one.

    `after` is the number of reports applied before them, -1 without any. Decisions are outcomes of moderation
    and of clocks that are at home here, also those that were refused or known already, and pauses of
    reporters.
    """

    __slots__ = ("_changed", "after", "runs")

    def __init__(self) -> None:
        self.after = -1
        self.runs: list[DecisionRun] = []
        self._changed = False

    def note(self, record: SourceRecord, time: PartitionTime) -> None:
        """Note a decision that is read now."""
        if self.after != time.applied:
            self.after, self.runs = time.applied, []
        run = DecisionRun(
            DECISION_TOPICS.get(without_prefix(record.topic), "i"), record.offset + 1, time.ticks
        )
        last = self.runs[-1] if self.runs else None
        if last is not None and (last.topic, last.ticks) == (run.topic, run.ticks):
            self.runs[-1] = run
        else:
            self.runs.append(run)
            if len(self.runs) > MOST_RUNS:
                # The first one whose decisions a later run of its topic includes.
                topics = [each.topic for each in self.runs]
                first = next(place for place, topic in enumerate(topics) if topic in topics[place + 1 :])
                del self.runs[first]
        self._changed = True

    def headers(self) -> Headers:
        """Return the headers of the first report after these decisions, such as `o12 i7 o15@1`.

        Each run is its topic and end, and after an `@` its ticks if there were any.
        """
        return [(DECISIONS_HEADER, " ".join(map(_written, self.runs)).encode())]

    def drain_change(self) -> tuple[bytes, bytes] | None:
        """Return the state record if it changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return DECISIONS_READ, STATE_VERSION + msgspec.msgpack.encode((self.after, self.runs))

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore from the state record. Raises UnknownStateVersion."""
        require_version(key, value)
        self.after, self.runs = _decode(memoryview(value)[1:])


_decode = msgspec.msgpack.Decoder(tuple[int, list[DecisionRun]]).decode


def _written(run: DecisionRun) -> str:
    ticks = f"@{run.ticks}" if run.ticks else ""
    return f"{run.topic}{run.end}{ticks}"


def forget_decisions(_new: NewPartition, _shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return nothing for a new partition: offsets of the old ones say nothing about its topics."""
    return {}
