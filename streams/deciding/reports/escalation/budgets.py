"""How many episodes of a policy may open in an hour, and which of them wait for their turn.

Each level has a budget of its own, in each hour of event time. What is beyond it waits in the order in which
it came: every episode knows at once in which later hour it opens. The first one beyond opens all the same, as
a digest that says at the end of the hour how many others wait, and which.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from streams.contract.events import escalation
from streams.contract.events.report import ChannelKind
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import HOUR
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.reports.escalation.episodes import EpisodeKey
from streams.deciding.reports.escalation.policies import CompiledPolicy

SPENT: Final = b"b"
"""State key type of what is spent of a budget. The key is: type, policy, NUL, level."""
RESTING: Final = b"r"
"""State key type of an episode that waits. The key is: type, channel ref, NUL, policy, NUL, mode."""

# For so long the window in which an episode crossed its threshold can be measured once more, when it opens
# (counting/windows.py). So nothing waits longer, whatever the budget says.
LONGEST_REST_MS: Final = 12 * HOUR

# Names on a digest. Its event has some 100 bytes for each; the others are counted.
MOST_LISTED: Final = 100

Admission = Literal["within", "digest", "rests", "never_rests"]


class Rest(msgspec.Struct, frozen=True, array_like=True):
    """An episode opens at `until` (ms), with the counts of the time `since` which it should be open.

    `kind` is that of the channel, as the report says that raised it last.
    """

    until: int
    since: int
    kind: ChannelKind = "channel"


class Digest(msgspec.Struct, array_like=True):
    """`episode` opened beyond a budget in `hour`, and `waiting` others wait; `listed` are the first of them.

    `hour` is counted since the epoch. `listed` are pairs of a channel and an escalation id, `last` is when
    (ms) the last of all opens.
    """

    hour: int
    episode: EpisodeKey
    waiting: int = 0
    last: int = 0
    listed: list[tuple[str, str]] = []


class _Spent(msgspec.Struct, array_like=True):
    """The next episode may open in `hour` if it is past or now: `used` were admitted to it already."""

    hour: int
    used: int
    digest: Digest | None = None


_BudgetKey = tuple[str, int]
_encode = msgspec.msgpack.Encoder().encode
_decode_spent = msgspec.msgpack.Decoder(_Spent).decode
_decode_rest = msgspec.msgpack.Decoder(Rest).decode


class Budgets:
    """What is spent of the budgets of a partition, and what waits there."""

    __slots__ = ("_digests", "_resting", "_spent", "_touched")

    def __init__(self) -> None:
        self._spent: dict[_BudgetKey, _Spent] = {}
        self._resting: dict[EpisodeKey, Rest] = {}
        self._digests: dict[EpisodeKey, _BudgetKey] = {}
        self._touched: dict[bytes, None] = {}

    def __len__(self) -> int:
        """Return how many episodes wait."""
        return len(self._resting)

    def rest_of(self, key: EpisodeKey) -> Rest | None:
        """Return until when an episode waits; None if it does not."""
        return self._resting.get(key)

    def due(self, key: EpisodeKey, otherwise: int) -> int:
        """Return when (ms) the next step of an episode is due that would be due at `otherwise`."""
        rest = self._resting.get(key)
        if rest is not None:
            return rest.until
        digest = self.digest_of(key)
        return otherwise if digest is None else min(otherwise, (digest.hour + 1) * HOUR)

    def digest_of(self, key: EpisodeKey) -> Digest | None:
        """Return the digest that an episode carries; None if it carries none."""
        budget = self._digests.get(key)
        return None if budget is None else self._spent[budget].digest

    def is_spent(self, key: EpisodeKey, level: int, per_hour: int, now: int) -> bool:
        """Return whether an episode of this level would wait if it opened now."""
        spent = self._spent_at((key.policy, level), per_hour, now)
        return spent.hour > now // HOUR and spent.digest is not None

    def admit(
        self,
        key: EpisodeKey,
        level: int,
        per_hour: int,
        now: int,
        crossed: int,
        escalation_id: str,
        *,
        may_rest: bool,
        kind: ChannelKind = "channel",
    ) -> Admission:
        """Open an episode of this level, or let it wait; say which.

        `per_hour` is what the budget has in this partition, at least 1. The window in which it crossed the
        threshold ends with the pane of `crossed` (ms): if that can hardly be measured any more, it opens. One
        that waits already and has reached a higher level is admitted to that one, and opens no later than it
        would have. `kind` is that of the channel.
        """
        budget = (key.policy, level)
        hour = now // HOUR
        spent = self._spent[budget] = self._spent_at(budget, per_hour, now)
        self._touched[_spent_key(budget)] = None
        if spent.hour <= hour:
            spent.used += 1
            self.wake(key)
            return "within"
        if not may_rest:
            return "never_rests"
        digest = spent.digest
        if digest is None:
            self.wake(key)
            spent.digest = Digest(hour, key)
            self._digests[key] = budget
            return "digest"
        turn, at_last = spent.hour * HOUR, crossed + LONGEST_REST_MS
        before = self._resting.get(key)
        if before is not None:
            at_last = min(at_last, before.until)
        if at_last <= now:
            self.wake(key)
            return "within"
        if turn < at_last:
            spent.used += 1
        self._rest(key, Rest(min(turn, at_last), crossed, kind), digest, escalation_id)
        return "rests"

    def _rest(self, key: EpisodeKey, rest: Rest, digest: Digest, escalation_id: str) -> None:
        if key not in self._resting:
            digest.waiting += 1
            if len(digest.listed) < MOST_LISTED:
                digest.listed.append((key.channel, escalation_id))
        digest.last = max(digest.last, rest.until)
        self._resting[key] = rest
        self._touched[_resting_key(key)] = None

    def wake(self, key: EpisodeKey) -> Rest | None:
        """End the rest of an episode, and return it; None if it does not rest."""
        rest = self._resting.pop(key, None)
        if rest is not None:
            self._touched[_resting_key(key)] = None
        return rest

    def end_digest(self, key: EpisodeKey) -> Digest | None:
        """Return the digest that an episode carries, which ends; None if it carries none."""
        budget = self._digests.pop(key, None)
        if budget is None:
            return None
        spent = self._spent[budget]
        ended, spent.digest = spent.digest, None
        self._touched[_spent_key(budget)] = None
        return ended

    def turn_back(self, clock: int) -> None:
        """Let time go on at `clock` (ms): budgets begin anew, and nothing waits longer than from now."""
        self._touched.update((_spent_key(budget), None) for budget in self._spent)
        self._spent, self._digests = {}, {}
        for key, rest in self._resting.items():
            self._resting[key] = replace(
                rest, until=min(rest.until, clock + LONGEST_REST_MS), since=min(rest.since, clock)
            )
            self._touched[_resting_key(key)] = None

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, by key; None for one to delete."""
        spent = {_spent_key(budget): each for budget, each in self._spent.items()}
        for key in self._touched:
            record: _Spent | Rest | None = (
                spent.get(key) if key[:1] == SPENT else self._resting.get(_episode_of(key))
            )
            yield key, None if record is None else STATE_VERSION + _encode(record)
        self._touched = {}

    def restore_spent(self, key: bytes, value: bytes) -> None:
        """Restore what is spent of a budget. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        policy, level = key[1:].decode().split("\0")
        spent = self._spent[policy, int(level)] = _decode_spent(memoryview(value)[1:])
        if spent.digest is not None:
            self._digests[spent.digest.episode] = (policy, int(level))

    def restore_resting(self, key: bytes, value: bytes) -> None:
        """Restore an episode that waits. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._resting[_episode_of(key)] = _decode_rest(memoryview(value)[1:])

    def _spent_at(self, budget: _BudgetKey, per_hour: int, now: int) -> _Spent:
        """Return in which hour the next episode opens."""
        spent = self._spent.get(budget)
        hour = now // HOUR
        if spent is None:
            return _Spent(hour, 0)
        if spent.hour < hour:
            return _Spent(hour, 0, spent.digest)
        if spent.used >= per_hour:
            return _Spent(spent.hour + 1, 0, spent.digest)
        return spent


def per_hour_here(policy: CompiledPolicy, partitions: int) -> int | None:
    """Return what one partition has of a policy's budget: an equal part, rounded up. None without a budget.

    A policy in shadow has none: no desk works on its episodes. No partition knows what the others have spent,
    so all of them together may open more than the budget, by less than one episode for each partition.
    """
    per_hour = policy.policy.per_hour
    return None if per_hour is None or policy.key[1] != "live" else -(-per_hour // partitions)


def published_digest(digest: Digest) -> escalation.Digest:
    """Return a digest as an escalation says it."""
    return escalation.Digest(
        hour=rfc3339(digest.hour * HOUR),
        waiting=digest.waiting,
        open_by=rfc3339(digest.last),
        escalations=tuple(escalation.WaitingEpisode(ident, channel) for channel, ident in digest.listed),
    )


def forget_spent(_new: NewPartition, _shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Let budgets begin anew after a change of the number of partitions; what waits opens when it should."""
    return {}


def _spent_key(budget: _BudgetKey) -> bytes:
    policy, level = budget
    return SPENT + f"{policy}\0{level}".encode()


def _resting_key(key: EpisodeKey) -> bytes:
    return RESTING + "\0".join(key).encode()


def _episode_of(key: bytes) -> EpisodeKey:
    return EpisodeKey(*key[1:].decode().split("\0"))
