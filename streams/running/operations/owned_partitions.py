"""The partitions of a worker, as gauges for Prometheus and as JSON for /status."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from streams.deciding.partition.census import OPEN_STATUSES, Census
from streams.registry.changes.history import short
from streams.registry.rules import Rules
from streams.running.operations import metric_catalogue as catalogue
from streams.running.operations.lag_watch import Lag
from streams.running.operations.values import Numbers, gauge

# How long a comparison of clocks is shown. A quiet partition writes nothing for hours, and a clock that was
# corrected meanwhile must not keep an alert firing.
CLOCKS_COMPARED_SECONDS = 600.0


class SetAside(NamedTuple):
    """The records with which a partition failed, the error's type, and since when it is set aside (epoch s).

    `waits_for` are the destinations in trouble without which it cannot go on; then nothing has failed.
    """

    records: str
    error: str
    since: float
    waits_for: str = ""


# What is known of a partition whose state cannot be read.
_NOTHING = Census({}, 0, 0, {}, 0, {}, {}, None)

# policy, mode, level
EpisodeKind = tuple[str, str, str]

# stage, partition
StagePartition = tuple[str, int]


@dataclass(slots=True)
class _Owned:
    take_census: Callable[[], Census]
    open_episodes: Counter[EpisodeKind]
    last_commit: float
    # Seconds by which a broker's clock is ahead, and when (monotonic clock) that was measured.
    clock_difference: tuple[float, float] | None = None
    # Sources that rest, and why.
    resting: Mapping[str, str] = field(default_factory=dict)
    set_aside: SetAside | None = None


class OwnedPartitions:
    """Tracks each partition of each stage from its takeover to its release.

    `topics` are the source topics of each stage, without prefix.
    """

    def __init__(self, rules: Rules, topics: Mapping[str, Iterable[str]]) -> None:
        self._owned: dict[StagePartition, _Owned] = {}
        self._shared: dict[str, int] = {}
        self._stages = tuple(topics)
        self._stage_of = {topic: stage for stage, names in topics.items() for topic in names}
        self.judge_by(rules)

    def judge_by(self, rules: Rules) -> None:
        """Show the open episodes of all levels of these rules, also where there is none."""
        self._levels: list[EpisodeKind] = [
            (policy.id, policy.mode, str(level.level))
            for policy in rules.policies
            if policy.mode != "off"
            for level in policy.levels
        ]

    def taken_over(
        self,
        stage: str,
        partition: int,
        take_census: Callable[[], Census],
        open_episodes: Mapping[EpisodeKind, int],
    ) -> None:
        """Start tracking a partition. `take_census` must describe its state at the time of each call."""
        self._owned[stage, partition] = _Owned(take_census, Counter(open_episodes), time.time())

    def committed(self, stage: str, partition: int, opened: Mapping[EpisodeKind, int]) -> None:
        """Record the commit of a batch.

        `opened`: change in the number of open episodes, by kind (may be negative).
        """
        owned = self._owned.get((stage, partition))
        if owned is None:
            # Released at shutdown while its last commit was in progress.
            return
        owned.last_commit = time.time()
        owned.open_episodes.update(opened)

    def clocks_compared(self, stage: str, partition: int, ahead: float) -> None:
        """Record by how many seconds a broker's clock is ahead of this machine's."""
        owned = self._owned.get((stage, partition))
        if owned is not None:
            owned.clock_difference = ahead, time.monotonic()

    def resting(self, stage: str, partition: int, sources: Mapping[str, str]) -> None:
        """Record which sources of a partition rest, and why."""
        owned = self._owned.get((stage, partition))
        if owned is not None:
            owned.resting = sources

    def set_aside(self, stage: str, partition: int, records: str, error: str) -> None:
        """Record that a partition could not be applied. What its state held is kept until `read_again`."""
        self._leave(stage, partition, SetAside(records, error, time.time()))

    def waits(self, stage: str, partition: int, destinations: str) -> None:
        """Record that a partition waits for destinations. It may have been taken over without a state."""
        self._leave(stage, partition, SetAside("", "", time.time(), destinations))

    def _leave(self, stage: str, partition: int, found: SetAside) -> None:
        owned = self._owned.get((stage, partition))
        if owned is None:
            owned = self._owned[stage, partition] = _Owned(lambda: _NOTHING, Counter(), time.time())
        since = found.since if owned.set_aside is None else owned.set_aside.since
        owned.set_aside = found._replace(since=since)
        last = owned.take_census()
        owned.take_census = lambda: last
        owned.resting = {}

    def read_again(self, stage: str, partition: int, take_census: Callable[[], Census]) -> None:
        """Record that a partition that is set aside has a state again."""
        owned = self._owned.get((stage, partition))
        if owned is not None:
            owned.take_census = take_census

    def recovered(self, stage: str, partition: int) -> None:
        """Record that a partition is set aside no longer."""
        owned = self._owned.get((stage, partition))
        if owned is not None:
            owned.set_aside = None

    def shared(self, stage: str, partitions: int) -> None:
        """Record how many partitions of the stage all workers share."""
        self._shared[stage] = partitions

    def released(self, stage: str, partition: int) -> None:
        """Stop tracking a partition."""
        self._owned.pop((stage, partition), None)

    def state_memory(self) -> int:
        """Return about how many bytes of memory the state of all partitions takes."""
        return sum(sum(owned.take_census().memory.values()) for owned in self._owned.copy().values())

    def gauges(self, lags: Sequence[Lag]) -> list[Numbers]:
        """All gauges about partitions and their state, computed now."""
        # A copy, because the consumer's thread may add a partition meanwhile.
        all_owned = self._owned.copy()
        censuses = {place: owned.take_census() for place, owned in all_owned.items()}
        episodes = Numbers(catalogue.OPEN_EPISODES)
        for kind in self._levels:
            episodes.add(kind, 0)
        owned_now = Numbers(catalogue.PARTITIONS_OWNED)
        clocks, nearly_due = Numbers(catalogue.CLOCKS), Numbers(catalogue.CLOCKS_NEARLY_DUE)
        for stage in self._stages:
            owned_now.add((stage,), 0)
            nearly_due.add((stage,), 0)
            for status in OPEN_STATUSES:
                clocks.add((stage, status), 0)
        records, sizes = Numbers(catalogue.STATE_RECORDS), Numbers(catalogue.STATE_BYTES)
        memory = Numbers(catalogue.STATE_MEMORY)
        for (stage, _), census in censuses.items():
            owned_now.add((stage,))
            nearly_due.add((stage,), census.clocks_nearly_due)
            for numbers, found in (
                (records, census.records),
                (sizes, census.sizes),
                (memory, census.memory),
                (clocks, census.clocks),
            ):
                for label, number in found.items():
                    numbers.add((stage, label), number)
        for owned in all_owned.values():
            for kind, number in owned.open_episodes.items():
                episodes.add(kind, number)
        lag_labels = [(self._stage_of[lag.topic], lag.topic, str(lag.partition)) for lag in lags]
        places = [(stage, str(partition)) for stage, partition in all_owned]
        return [
            episodes,
            records,
            sizes,
            memory,
            clocks,
            nearly_due,
            owned_now,
            gauge(
                catalogue.PARTITIONS, (((stage,), number) for stage, number in self._shared.copy().items())
            ),
            gauge(
                catalogue.RECENT_DEAD_LETTERS,
                zip(places, (census.recent_dead_letters for census in censuses.values()), strict=True),
            ),
            gauge(
                catalogue.PARTITION_TIME,
                (
                    (place, census.time / 1000)
                    for place, census in zip(places, censuses.values(), strict=True)
                    if census.time
                ),
            ),
            gauge(
                catalogue.DUPLICATES_KNOWN,
                (
                    (place, census.ids_known / 1000)
                    for place, census in zip(places, censuses.values(), strict=True)
                    if census.ids_known is not None
                ),
            ),
            gauge(
                catalogue.WITHOUT_ROOM,
                (
                    (place, 1)
                    for place, census in zip(places, censuses.values(), strict=True)
                    if not census.has_room
                ),
            ),
            gauge(
                catalogue.RULES_IN_FORCE,
                (
                    ((*place, short(census.rule_set)), 1)
                    for place, census in zip(places, censuses.values(), strict=True)
                ),
            ),
            gauge(
                catalogue.LAST_COMMIT,
                zip(places, (owned.last_commit for owned in all_owned.values()), strict=True),
            ),
            gauge(catalogue.CLOCK_DIFFERENCE, self._clock_differences()),
            gauge(
                catalogue.SOURCE_RESTING,
                (
                    ((stage, topic, str(partition), why), 1)
                    for (stage, partition), owned in all_owned.items()
                    for topic, why in owned.resting.items()
                ),
            ),
            gauge(
                catalogue.PARTITION_SET_ASIDE,
                (
                    ((*place, "destination" if owned.set_aside.waits_for else "record"), 1)
                    for place, owned in zip(places, all_owned.values(), strict=True)
                    if owned.set_aside
                ),
            ),
            gauge(catalogue.LAG_RECORDS, zip(lag_labels, (lag.records for lag in lags), strict=True)),
            gauge(catalogue.LAG_SECONDS, zip(lag_labels, (lag.seconds for lag in lags), strict=True)),
        ]

    def _clock_differences(self) -> Iterator[tuple[tuple[str, str], float]]:
        known_from = time.monotonic() - CLOCKS_COMPARED_SECONDS
        for (stage, partition), owned in self._owned.copy().items():
            if owned.clock_difference is not None and owned.clock_difference[1] > known_from:
                yield (stage, str(partition)), owned.clock_difference[0]

    def describe(self, lags: Iterable[Lag]) -> list[dict[str, Any]]:
        """The partitions for /status. The result names no channel, message, reporter or request."""
        lag_of: dict[StagePartition, dict[str, Any]] = {place: {} for place in self._owned}
        for lag in lags:
            lag_of.setdefault((self._stage_of[lag.topic], lag.partition), {})[lag.topic] = {
                "records": lag.records,
                "seconds": round(lag.seconds, 3),
            }
        places = sorted(self._owned)
        return [self._described(*place, self._owned[place], lag_of[place]) for place in places]

    def _described(self, stage: str, partition: int, owned: _Owned, lag: dict[str, Any]) -> dict[str, Any]:
        census = owned.take_census()
        return {
            "stage": stage,
            "partition": partition,
            "lag": lag,
            "time": moment(census.time / 1000) if census.time else None,
            "last_commit": moment(owned.last_commit),
            "rules": short(census.rule_set),
            "state_records": dict(census.records),
            "state_bytes": sum(census.sizes.values()),
            "state_memory_bytes": sum(census.memory.values()),
            "clocks": dict(census.clocks),
            "open_episodes": owned.open_episodes.total(),
            "recent_dead_letters": census.recent_dead_letters,
            "resting": dict(owned.resting),
            "set_aside": _set_aside(owned.set_aside),
        } | _hash_keys(census)


def _set_aside(found: SetAside | None) -> dict[str, str] | None:
    return None if found is None else {**found._asdict(), "since": moment(found.since)}


def _hash_keys(census: Census) -> dict[str, Any]:
    if census.hash_key is None:
        return {}
    return {
        "hash_key": census.hash_key,
        "earlier_hash_keys_needed_until": {
            key: moment(until / 1000) for key, until in census.earlier_hash_keys.items()
        },
    }


def moment(seconds: float) -> str:
    """Format seconds since the epoch as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
