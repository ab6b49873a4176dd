"""All that a partition of the stage of reports remembers, and its records in the state topic."""

from collections.abc import Iterable

import msgspec

from streams.counting.channel_windows import CHANNEL_COUNTS
from streams.counting.store import CountStore
from streams.partition.due import EpisodeKey
from streams.partition.state import STATE_VERSION, PartitionMemory, require_version
from streams.reports.episodes import Cooldown, Episode, Timing, due_time
from streams.reports.rules import CompiledRules

# Types of state keys besides those of every stage: the first byte.
CHANNEL_EPISODES = b"C"

# policy id, mode, episode
_StoredEpisode = tuple[str, str, Episode]
_encode_episodes = msgspec.msgpack.Encoder().encode
_decode_episodes = msgspec.msgpack.Decoder(list[_StoredEpisode]).decode


class PartitionState(PartitionMemory):
    """The state of one partition: what every stage remembers, and the channels' counts and episodes.

    `now` moves with occurred_at. `newest_append` is told by `note_append_time`.
    """

    __slots__ = ("_touched_channels", "counts", "episodes")

    def __init__(self, partition: int, partitions: int, rules: CompiledRules) -> None:
        super().__init__("reports", partition, partitions, rules.duplicates_remembered)
        self.episodes: dict[str, dict[tuple[str, str], Episode]] = {}
        self.counts = CountStore()
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

    def drain_changes(self) -> dict[bytes, bytes | None]:
        """State records changed since the last call, by key; None deletes."""
        changes = super().drain_changes()
        for channel in self._touched_channels:
            changes[CHANNEL_EPISODES + channel.encode()] = self._encode_channel(channel)
        self._touched_channels = {}
        changes.update(self.counts.drain_changes())
        return changes

    def restore_episodes(self, key: bytes, value: bytes) -> None:
        """Take back the episodes of a channel. Raises UnknownStateVersion."""
        require_version(key, value)
        self.episodes[key[1:].decode()] = {
            (policy, mode): episode for policy, mode, episode in _decode_episodes(memoryview(value)[1:])
        }

    def _encode_channel(self, channel: str) -> bytes | None:
        of_channel = self.episodes.get(channel)
        if of_channel is None:
            return None
        return STATE_VERSION + _encode_episodes([(*key, episode) for key, episode in of_channel.items()])


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
    own = {CHANNEL_COUNTS: state.counts.restore, CHANNEL_EPISODES: state.restore_episodes}
    state.take_back(entries, rules.duplicates_remembered, own)
    _schedule(state, rules)
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
