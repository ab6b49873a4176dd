"""The partitions of a worker as an operator sees them: as gauges, and as JSON for people."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from streams.events.clock import RunningStatus
from streams.operations import catalogue
from streams.operations.lag_watch import Lag
from streams.operations.values import Numbers, gauge
from streams.registry.rules import Rules


class Census(Protocol):
    """What the state of a partition consists of; see the assessment for the meaning of each."""

    @property
    def records(self) -> Mapping[str, int]:
        """State records by kind."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes by kind of state record, of the kinds that can be large."""

    @property
    def clocks(self) -> Mapping[RunningStatus, int]:
        """Legal clocks by status."""

    @property
    def time(self) -> int:
        """The partition's (ms since the epoch), 0 before anything was applied."""

    @property
    def recent_dead_letters(self) -> int:
        """Among the last 1,000 records."""


# Of a clock that is kept; one that an outcome has ended is not.
OPEN_STATUSES: tuple[RunningStatus, ...] = ("running", "paused", "lapsed", "over")

# policy, mode, level
EpisodeKind = tuple[str, str, str]


@dataclass(slots=True)
class _Owned:
    take_census: Callable[[], Census]
    open_episodes: Counter[EpisodeKind]
    last_commit: float


class OwnedPartitions:
    """What is known of each partition between its takeover and its release."""

    def __init__(self, rules: Rules) -> None:
        self._owned: dict[int, _Owned] = {}
        self._clocks_beside: dict[str, Callable[[], Mapping[RunningStatus, int]]] = {}
        self._levels: list[EpisodeKind] = [
            (policy.id, policy.mode, str(level.level))
            for policy in rules.policies
            if policy.mode != "off"
            for level in policy.levels
        ]

    def taken_over(
        self, partition: int, take_census: Callable[[], Census], open_episodes: Mapping[EpisodeKind, int]
    ) -> None:
        """A partition is ours; `take_census` describes its state whenever it is called."""
        self._owned[partition] = _Owned(take_census, Counter(open_episodes), time.time())

    def committed(self, partition: int, opened: Mapping[EpisodeKind, int]) -> None:
        """A batch of it was committed, after which so many more episodes are open (fewer, if negative)."""
        owned = self._owned.get(partition)
        if owned is None:
            # Released at the end of the process while its last commit was under way.
            return
        owned.last_commit = time.time()
        owned.open_episodes.update(opened)

    def released(self, partition: int) -> None:
        """It is not ours any more."""
        self._owned.pop(partition, None)

    def clocks_taken_over(self, name: str, numbers: Callable[[], Mapping[RunningStatus, int]]) -> None:
        """A partition of another stage is ours, called `name`; `numbers` gives its clocks by status."""
        self._clocks_beside[name] = numbers

    def clocks_released(self, name: str) -> None:
        """It is not ours any more."""
        self._clocks_beside.pop(name, None)

    def gauges(self, lags: Sequence[Lag]) -> list[Numbers]:
        """All gauges that are made of partitions and their state."""
        censuses = {partition: owned.take_census() for partition, owned in self._owned.items()}
        episodes = Numbers(catalogue.OPEN_EPISODES)
        for labels in self._levels:
            episodes.add(labels, 0)
        clocks = Numbers(catalogue.CLOCKS)
        for status in OPEN_STATUSES:
            clocks.add((status,), 0)
        records, sizes = Numbers(catalogue.STATE_RECORDS), Numbers(catalogue.STATE_BYTES)
        for census in censuses.values():
            for numbers, found in (
                (records, census.records),
                (sizes, census.sizes),
                (clocks, census.clocks),
            ):
                for label, number in found.items():
                    numbers.add((label,), number)
        for numbers_now in list(self._clocks_beside.values()):
            for status, number in numbers_now().items():
                clocks.add((status,), number)
        for owned in self._owned.values():
            for labels, number in owned.open_episodes.items():
                episodes.add(labels, number)
        return [
            episodes,
            records,
            sizes,
            clocks,
            gauge(catalogue.PARTITIONS_OWNED, [((), len(censuses))]),
            gauge(
                catalogue.RECENT_DEAD_LETTERS,
                (((str(number),), census.recent_dead_letters) for number, census in censuses.items()),
            ),
            gauge(
                catalogue.PARTITION_TIME,
                (((str(number),), census.time / 1000) for number, census in censuses.items() if census.time),
            ),
            gauge(
                catalogue.LAST_COMMIT,
                (((str(number),), owned.last_commit) for number, owned in self._owned.items()),
            ),
            gauge(catalogue.LAG_RECORDS, (((lag.topic, str(lag.partition)), lag.records) for lag in lags)),
            gauge(catalogue.LAG_SECONDS, (((lag.topic, str(lag.partition)), lag.seconds) for lag in lags)),
        ]

    def describe(self, lags: Iterable[Lag]) -> list[dict[str, Any]]:
        """For people, partition by partition. No channel, message or reporter is named."""
        lag_of: dict[int, dict[str, Any]] = {partition: {} for partition in self._owned}
        for lag in lags:
            lag_of.setdefault(lag.partition, {})[lag.topic] = {
                "records": lag.records,
                "seconds": round(lag.seconds, 3),
            }
        return [
            self._described(partition, owned, lag_of[partition])
            for partition, owned in sorted(self._owned.items())
        ]

    def _described(self, partition: int, owned: _Owned, lag: dict[str, Any]) -> dict[str, Any]:
        census = owned.take_census()
        return {
            "partition": partition,
            "lag": lag,
            "time": moment(census.time / 1000) if census.time else None,
            "last_commit": moment(owned.last_commit),
            "state_records": dict(census.records),
            "state_bytes": sum(census.sizes.values()),
            "clocks": dict(census.clocks),
            "open_episodes": owned.open_episodes.total(),
            "recent_dead_letters": census.recent_dead_letters,
        }


def moment(seconds: float) -> str:
    """A time since the epoch as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
