"""The state of a partition of the stage of reports, and its records in the state topic."""

from collections.abc import Iterable, Iterator

import msgspec

from streams.contract.events.report import Category
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.partition.moving import ByRef, Merged, Moves, ref_before_nul
from streams.deciding.partition.state import MOVES as SHARED_MOVES
from streams.deciding.partition.state import PartitionState
from streams.deciding.partition.stores import IN_PYTHON, Stores
from streams.deciding.partition.time import EventTime
from streams.deciding.reports.crowd import (
    APPROVALS,
    CHANNEL_ARRIVALS,
    CHANNEL_HISTORY,
    CHANNEL_SIZE,
    GUARD_RAIL,
    LISTED_MESSAGES,
    MESSAGE_CLUSTERS,
    MESSAGE_REPORTERS,
    WATCHED_REPORTS,
    Crowd,
    merge_guard_rails,
)
from streams.deciding.reports.decisions_read import DECISIONS_READ, DecisionsRead, forget_decisions
from streams.deciding.reports.escalation.budgets import RESTING, SPENT, Budgets, forget_spent
from streams.deciding.reports.escalation.episodes import (
    Cooldown,
    Episode,
    EpisodeKey,
    Open,
    Timing,
    next_change_time,
)
from streams.deciding.reports.escalation.question import asked_by
from streams.deciding.reports.escalation.samples import SAMPLE, Samples
from streams.deciding.reports.reporter_keys import REPORTER_KEYS, ReporterKeys, merge_keys
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.trial.counts import TRIAL_COUNTS, TrialCounts, forget_counts

CHANNEL_EPISODES = b"C"
"""State key type of a channel's episodes. The key is: type, channel ref."""

# policy id, mode, episode
_StoredEpisode = tuple[str, str, Episode]
_encode_episodes = msgspec.msgpack.Encoder().encode
_decode_episodes = msgspec.msgpack.Decoder(list[_StoredEpisode]).decode


class ReportState(PartitionState):
    """What every stage keeps of a partition, the channels' counts and episodes, and who reported what.

    `time.now` follows occurred_at.
    """

    __slots__ = (
        "_touched_channels",
        "budgets",
        "counts",
        "crowd",
        "decisions",
        "episodes",
        "reporter_keys",
        "samples",
        "trial_counts",
    )

    def __init__(
        self, partition: int, partitions: int, rules: ReportRules, stores: Stores = IN_PYTHON
    ) -> None:
        super().__init__("reports", EventTime(), partition, partitions, rules.settings, stores)
        self.episodes: dict[str, dict[tuple[str, str], Episode]] = {}
        self.counts = stores.counts()
        self.crowd = Crowd(stores.messages(), stores.records)
        self.budgets = Budgets()
        self.samples = Samples()
        self.decisions = DecisionsRead()
        self.reporter_keys = ReporterKeys(rules.hash_keys)
        self.trial_counts = TrialCounts()
        self._touched_channels: dict[str, None] = {}

    def begin_day(self, time: int, at_most: int) -> bool:
        """Forget counts of days that no window reaches, and what else expired, at most so many of each.

        Returns False if some are left; otherwise also forgets the keys that only counts needed.
        """
        complete = self.counts.expire(time, at_most) & self.crowd.expire(time, at_most)
        if complete:
            self.reporter_keys.forget(time)
        return complete

    def changed_bytes(self) -> int:
        """Return about how many bytes the changed counts, clocks and records of reporters will take."""
        return self.clocks.changed_bytes + self.counts.changed_bytes + self.crowd.changed_bytes

    def next_due(self) -> int | None:
        """Return when (ms) the next step is due or something expires; None if nothing is scheduled."""
        times = (self.due.earliest(), self.counts.next_expiry(), self.crowd.next_expiry())
        return min((time for time in times if time is not None), default=None)

    def episode(self, key: EpisodeKey) -> Episode | None:
        """Return the episode of a policy in a channel; None if there is none."""
        of_channel = self.episodes.get(key.channel)
        return None if of_channel is None else of_channel.get((key.policy, key.mode))

    def put_episode(self, key: EpisodeKey, episode: Episode, timing: Timing, time: int) -> None:
        """Store a new or changed episode, and schedule its next step after `time`."""
        self.episodes.setdefault(key.channel, {})[key.policy, key.mode] = episode
        self._touched_channels[key.channel] = None
        self.due.set(key, self.budgets.due(key, next_change_time(episode, time, timing)))

    def touch_episodes(self, channel: str) -> None:
        """Store the episodes of a channel, of which one has changed; its next step is due when it was."""
        self._touched_channels[channel] = None

    def remove_episode(self, key: EpisodeKey) -> None:
        """Remove an episode."""
        of_channel = self.episodes[key.channel]
        del of_channel[key.policy, key.mode]
        if not of_channel:
            del self.episodes[key.channel]
        self._touched_channels[key.channel] = None

    def turn_back(self, clock: int, appended: int, rules: ReportRules) -> None:
        """Set the time back to `clock`: forget later counts, and judge episodes as of that time.

        An episode that became clear later is open and not clear. A cooldown that began later ends: without
        it, a resolution that came from wrong time would hold back a new escalation.
        """
        super().turn_back(clock, appended, rules)
        self.counts.turn_back(clock)
        self.crowd.turn_back(clock)
        self.budgets.turn_back(clock)
        self.samples.turn_back(clock, self.due)
        for channel in sorted(self.episodes):
            for (policy_id, mode), episode in sorted(self.episodes[channel].items()):
                self._turn_episode_back(EpisodeKey(channel, policy_id, mode), episode, clock, rules)

    def _turn_episode_back(self, key: EpisodeKey, episode: Episode, clock: int, rules: ReportRules) -> None:
        policy = rules.of(key.channel, key.mode).policies.get((key.policy, key.mode))
        if isinstance(episode, Cooldown):
            if policy is None or episode.until - policy.timing.cooldown > clock:
                self.remove_episode(key)
                self.due.remove(key)
        elif policy is None:
            self.due.set(key, clock)
        else:
            if episode.clear_since is not None and episode.clear_since > clock:
                episode.clear_since = None
            if episode.question is not None:
                episode.question = asked_by(episode.question, clock)
            self.put_episode(key, episode, policy.timing, clock)

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, by key; None for one to delete."""
        yield from super().drain_changes()
        for channel in self._touched_channels:
            yield CHANNEL_EPISODES + channel.encode(), self._encode_channel(channel)
        self._touched_channels = {}
        yield from self.counts.drain_changes()
        yield from self.crowd.drain_changes()
        yield from self.budgets.drain_changes()
        yield from self.samples.drain_changes()
        keys = self.reporter_keys.drain_change()
        if keys is not None:
            yield REPORTER_KEYS, keys
        if (decisions := self.decisions.drain_change()) is not None:
            yield decisions
        if (trial := self.trial_counts.drain_change()) is not None:
            yield trial

    def restore_episodes(self, key: bytes, value: bytes) -> None:
        """Restore the episodes of a channel. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self.episodes[key[1:].decode()] = {
            (policy, mode): episode for policy, mode, episode in _decode_episodes(memoryview(value)[1:])
        }

    def _encode_channel(self, channel: str) -> bytes | None:
        of_channel = self.episodes.get(channel)
        if of_channel is None:
            return None
        return STATE_VERSION + _encode_episodes([(*key, episode) for key, episode in of_channel.items()])


def restore_reports(
    partition: int,
    partitions: int,
    rules: ReportRules,
    entries: Iterable[tuple[bytes, bytes]],
    stores: Stores = IN_PYTHON,
) -> ReportState:
    """Build the state from the last value of every key, without deleted keys.

    Raises UnknownStateVersion (a ValueError) with type and version of a record that this version cannot read,
    UnknownHashKey if reporters are hashed with a key that is not among the rules, and UnknownCategory if an
    open episode or clock is of a category that is not.
    """
    state = ReportState(partition, partitions, rules, stores)
    own = {
        CHANNEL_COUNTS: state.counts.restore,
        CHANNEL_EPISODES: state.restore_episodes,
        REPORTER_KEYS: state.reporter_keys.restore,
        DECISIONS_READ: state.decisions.restore,
        SPENT: state.budgets.restore_spent,
        RESTING: state.budgets.restore_resting,
        SAMPLE: state.samples.restore,
        TRIAL_COUNTS: state.trial_counts.restore,
        **state.crowd.readers,
    }
    state.restore(entries, own)
    state.reporter_keys.settle(state.counts)
    rebind_reports(state, rules)
    return state


def rebind_reports(state: ReportState, rules: ReportRules) -> None:
    """Let a state be judged by these rules: what it holds stays, and what is due follows from them.

    An open episode goes on under the levels and times that its policy has now; without such a policy, or if
    its mode is another, it is resolved at the next step of time. So it is in a channel that comes to the
    share of a candidate, or leaves it. Raises UnknownCategory if an open episode or clock is of a category
    that is not among the rules; then nothing has changed.
    """
    state.require_categories(rules.registry.categories, _needed(state, rules))
    _schedule(state, rules)
    if rules.trial is None:
        state.trial_counts.begin(0)


def _needed(state: ReportState, rules: ReportRules) -> Iterator[Category]:
    """Yield the categories that the next event of each open episode needs, and of each sample."""
    yield from state.samples.categories()
    for channel, of_channel in state.episodes.items():
        for key, episode in of_channel.items():
            if isinstance(episode, Open):
                # An episode whose policy is gone is resolved with the counts of all that it had.
                scope = () if key in rules.of(channel, key[1]).policies else episode.scope.categories
                yield from {episode.cause.category, *scope}


def _schedule(state: ReportState, rules: ReportRules) -> None:
    """Schedule the next step of each episode and sample: at once for an open one whose policy is gone."""
    state.samples.schedule(state.due)
    now = state.judged_from()
    for channel, of_channel in state.episodes.items():
        for (policy_id, mode), episode in of_channel.items():
            policy = rules.of(channel, mode).policies.get((policy_id, mode))
            if isinstance(episode, Cooldown):
                time = episode.until
            elif policy is None:
                time = now
            else:
                time = next_change_time(episode, now, policy.timing)
                time = state.budgets.due(EpisodeKey(channel, policy_id, mode), time)
            state.due.set(EpisodeKey(channel, policy_id, mode), time)


MOVES: Moves = {
    **SHARED_MOVES,
    CHANNEL_COUNTS: ByRef(ref_before_nul),
    CHANNEL_EPISODES: ByRef(ref_before_nul),
    REPORTER_KEYS: Merged(merge_keys),
    MESSAGE_REPORTERS: ByRef(ref_before_nul),
    MESSAGE_CLUSTERS: ByRef(ref_before_nul),
    CHANNEL_ARRIVALS: ByRef(ref_before_nul),
    LISTED_MESSAGES: ByRef(ref_before_nul),
    WATCHED_REPORTS: ByRef(ref_before_nul),
    APPROVALS: ByRef(ref_before_nul),
    CHANNEL_SIZE: ByRef(ref_before_nul),
    CHANNEL_HISTORY: ByRef(ref_before_nul),
    GUARD_RAIL: Merged(merge_guard_rails),
    DECISIONS_READ: Merged(forget_decisions),
    SPENT: Merged(forget_spent),
    RESTING: ByRef(ref_before_nul),
    SAMPLE: ByRef(ref_before_nul),
    TRIAL_COUNTS: Merged(forget_counts),
}
"""How the records of the stage of reports move when the number of partitions changes."""
