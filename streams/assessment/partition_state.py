"""All that a partition remembers, and its records in the state topic."""

import struct
from collections.abc import Iterable

import msgspec

from streams.assessment.count_store import CountStore
from streams.assessment.counts import UnknownStateVersion
from streams.assessment.due import ClockKey, DueTransitions, EpisodeKey
from streams.assessment.duplicates import RecentReports
from streams.assessment.episodes import Cooldown, Episode, Timing, due_time
from streams.assessment.findings import CHANNEL_COUNTS
from streams.assessment.flood import FloodWindow
from streams.assessment.home_partition import HomePartitions
from streams.assessment.law.clock_state import CHANNEL_CLOCK, ClockStore, ReportClock
from streams.assessment.law.clocks import next_step_time
from streams.assessment.policies import CompiledRules
from streams.assessment.transparency import DAILY_COUNTERS, DailyCounters

# Types of state keys: the first byte. `P` is the runtime's.
PARTITION_TIME = b"T"
DUPLICATES_SLOT = b"D"
CHANNEL_EPISODES = b"C"

_VERSION = b"\x01"
# applied, now, newest append time, ticks since the last report; the flood window follows.
_TIME = struct.Struct(">QQQI")
_SLOT_NUMBER = struct.Struct(">Q")

# policy id, mode, episode
_StoredEpisode = tuple[str, str, Episode]
_encode_episodes = msgspec.msgpack.Encoder().encode
_decode_episodes = msgspec.msgpack.Decoder(list[_StoredEpisode]).decode


class PartitionState:
    """The state of one partition. Times are in ms since the epoch.

    `now` is the newest occurred_at applied, or later by ticks; `newest_append` is the append time that it stands for (see
    `note_append_time`); `applied` the number of reports applied; `ticks` how many ticks were honoured since the last of them.
    """

    __slots__ = (
        "_touched_channels",
        "applied",
        "clocks",
        "counts",
        "due",
        "episodes",
        "flood",
        "homes",
        "newest_append",
        "now",
        "partition",
        "partitions",
        "recent",
        "ticks",
        "transparency",
    )

    def __init__(self, partition: int, partitions: int, rules: CompiledRules) -> None:
        self.partition = partition
        self.partitions = partitions
        self.now = 0
        self.newest_append = 0
        self.applied = 0
        self.ticks = 0
        self.flood = FloodWindow()
        self.recent = RecentReports(rules.duplicates_remembered)
        self.episodes: dict[str, dict[tuple[str, str], Episode]] = {}
        self.clocks = ClockStore()
        self.due = DueTransitions()
        self.counts = CountStore()
        self.homes = HomePartitions(partitions)
        self.transparency = DailyCounters("reports", partition)
        self._touched_channels: dict[str, None] = {}

    def note_append_time(self, time: int, appended: int) -> None:
        """Before a record moves `now` on to `time`: note that its append time is `appended`, as far as that counts.

        The next tick moves time on by what has passed since `newest_append`. A record that comes late speaks of what was
        long before it was appended: were its append time taken as it is, so much time would be missing for good, and in
        an idle partition every clock would lapse late by as much.
        """
        if not self.newest_append:
            self.newest_append = appended
        elif appended > self.newest_append:
            self.newest_append += min(time - self.now, appended - self.newest_append)

    def episode(self, key: EpisodeKey) -> Episode | None:
        """The episode of a policy in a channel, if there is one."""
        of_channel = self.episodes.get(key.channel)
        return None if of_channel is None else of_channel.get((key.policy, key.mode))

    def put_episode(self, key: EpisodeKey, episode: Episode, timing: Timing, time: int) -> None:
        """Keep a new or changed episode and when it is next due after `time`."""
        self.episodes.setdefault(key.channel, {})[key.policy, key.mode] = episode
        self._touched_channels[key.channel] = None
        self.due.set(key, due_time(episode, time, timing))

    def remove_episode(self, key: EpisodeKey) -> None:
        """Forget an episode that is over."""
        of_channel = self.episodes[key.channel]
        del of_channel[key.policy, key.mode]
        if not of_channel:
            del self.episodes[key.channel]
        self._touched_channels[key.channel] = None

    def put_clock(self, key: ClockKey, kept: ReportClock) -> None:
        """Keep a new or changed clock and when its next step is due."""
        self.clocks.put(key, kept)
        self._schedule_clock(key, kept)

    def remove_clock(self, key: ClockKey) -> None:
        """Let go of a clock that an outcome has ended."""
        self.clocks.remove(key)
        self.due.remove(key)

    def schedule_clocks(self) -> None:
        """Set when each clock is due, after they were restored."""
        for key, kept in self.clocks:
            self._schedule_clock(key, kept)

    def _schedule_clock(self, key: ClockKey, kept: ReportClock) -> None:
        time = next_step_time(kept.clock)
        if time is None:
            self.due.remove(key)
        else:
            self.due.set(key, time)

    def drain_changes(self) -> dict[bytes, bytes | None]:
        """State records changed since the last call, by key; None deletes."""
        changes: dict[bytes, bytes | None] = {PARTITION_TIME: self._encode_time()}
        for number, slot in self.recent.drain_changes():
            changes[DUPLICATES_SLOT + _SLOT_NUMBER.pack(number)] = None if slot is None else _VERSION + slot
        for channel in self._touched_channels:
            changes[CHANNEL_EPISODES + channel.encode()] = self._encode_channel(channel)
        self._touched_channels = {}
        changes.update(self.clocks.drain_changes())
        changes.update(self.counts.drain_changes())
        return changes

    def _encode_time(self) -> bytes:
        times = _TIME.pack(self.applied, self.now, self.newest_append, self.ticks)
        return _VERSION + times + self.flood.encode()

    def _encode_channel(self, channel: str) -> bytes | None:
        of_channel = self.episodes.get(channel)
        if of_channel is None:
            return None
        return _VERSION + _encode_episodes([(*key, episode) for key, episode in of_channel.items()])


def new_state(partition: int, partitions: int, rules: CompiledRules) -> PartitionState:
    """The state of a partition to which nothing was applied yet."""
    return PartitionState(partition, partitions, rules)


def restore(
    partition: int, partitions: int, rules: CompiledRules, entries: Iterable[tuple[bytes, bytes]]
) -> PartitionState:
    """Build the state from the last value of every key, deleted ones left out.

    Raises UnknownStateVersion (a ValueError) naming type and version of a record that this version cannot read.
    """
    state = PartitionState(partition, partitions, rules)
    slots: dict[int, bytes] = {}
    for key, value in entries:
        kind = key[:1]
        if kind == CHANNEL_COUNTS:
            state.counts.restore(key, value)
            continue
        if kind == CHANNEL_CLOCK:
            state.clocks.restore(key, value)
            continue
        if kind == DAILY_COUNTERS:
            state.transparency.restore(key, value)
            continue
        if value[:1] != _VERSION or kind not in (PARTITION_TIME, DUPLICATES_SLOT, CHANNEL_EPISODES):
            raise UnknownStateVersion(
                f"state key type {kind!r} has version {value[:1].hex() or 'none'}; "
                f"known are {CHANNEL_COUNTS!r}, {CHANNEL_EPISODES!r}, {CHANNEL_CLOCK!r}, {DUPLICATES_SLOT!r} and {PARTITION_TIME!r} "
                f"in version {_VERSION.hex()}"
            )
        if kind == PARTITION_TIME:
            state.applied, state.now, state.newest_append, state.ticks = _TIME.unpack_from(value, 1)
            state.flood = FloodWindow.decode(value[1 + _TIME.size :])
        elif kind == DUPLICATES_SLOT:
            slots[_SLOT_NUMBER.unpack(key[1:])[0]] = value[1:]
        else:
            state.episodes[key[1:].decode()] = {
                (policy, mode): episode for policy, mode, episode in _decode_episodes(memoryview(value)[1:])
            }
    state.recent = RecentReports.restore(rules.duplicates_remembered, slots)
    _schedule(state, rules)
    state.schedule_clocks()
    return state


def _schedule(state: PartitionState, rules: CompiledRules) -> None:
    """Set when each episode is due: at once for an open one whose policy is gone."""
    for channel, of_channel in state.episodes.items():
        for (policy_id, mode), episode in of_channel.items():
            policy = rules.policies.get((policy_id, mode))
            if isinstance(episode, Cooldown):
                time = episode.until
            elif policy is None:
                time = state.now
            else:
                time = due_time(episode, state.now, policy.timing)
            state.due.set(EpisodeKey(channel, policy_id, mode), time)
