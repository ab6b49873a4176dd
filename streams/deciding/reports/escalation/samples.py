"""A random sample of what no policy raised: which messages are drawn, and what waits to be looked at.

Desks see what looks serious, so their decisions say nothing about the rest. A keyed hash draws a share of the
messages; those that no policy raises within its window are published, each with the probability of the draw.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from streams.contract.events.report import Category, ChannelKind
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import DAY
from streams.deciding.partition.due import DueSteps
from streams.deciding.partition.hash_key import HashKey
from streams.deciding.reports.escalation.episodes import CausingReport

SAMPLE: Final = b"s"
"""State key type of a message that was drawn. The key is: type, channel ref, NUL, what it is about."""

# No mode of a policy is called so: the key of no episode is the same.
_MARK: Final = "\0sample"

# No window is longer, so nothing waits longer for a policy.
_LONGEST_WAIT_MS: Final = 30 * DAY


class SampleKey(NamedTuple):
    """A message in a channel, or the channel itself on a day, as a key of the schedule."""

    channel: str
    about: str
    mark: str = _MARK


class Sample(msgspec.Struct, array_like=True):
    """A message that was drawn because of the report `cause`, with the probability `sampled`.

    Until it is `shown`, it waits whether a policy raises its channel; afterwards, for a decision. `until`
    (ms) ends both. `raised`: a policy did so afterwards, so a desk sees it anyway. `named`: its reporter has
    a ref. `risk` is that of the report, `reported` when it was made (ms). `kind` is that of the channel.
    """

    cause: CausingReport
    ce_source: str
    sampled: float
    until: int
    reported: int
    risk: float
    named: bool
    shown: bool = False
    raised: bool = False
    kind: ChannelKind = "channel"

    @property
    def probability(self) -> float:
        """With which a decision about it was drawn: certain if a desk would see it without."""
        return self.sampled if self.shown and not self.raised else 1.0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sample).decode


def is_drawn(key: HashKey, channel: str, about: str, share: float) -> bool:
    """Return whether a message is drawn: a `share` of all are, and nobody without the key knows which."""
    return key.reporter_hash(f"{_MARK}\0{channel}\0{about}") < share * 2**64


class Samples:
    """The messages of a partition that were drawn and are not over, as bytes: few are looked at."""

    __slots__ = ("_kept", "_touched")

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, bytes]] = {}
        self._touched: dict[bytes, None] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self._kept.values()))

    def find(self, key: SampleKey) -> Sample | None:
        """Return what is known of a message that was drawn; None if it was not, or is over."""
        value = self._kept.get(key.channel, {}).get(key.about)
        return None if value is None else _decode(value)

    def put(self, key: SampleKey, sample: Sample, due: DueSteps) -> None:
        """Keep a message that was drawn, new or changed, and schedule its next step."""
        self._kept.setdefault(key.channel, {})[key.about] = _encode(sample)
        self._touched[_record_key(key)] = None
        due.set(key, sample.until)

    def remove(self, key: SampleKey, due: DueSteps) -> None:
        """Forget a message that was drawn."""
        of_channel = self._kept[key.channel]
        del of_channel[key.about]
        if not of_channel:
            del self._kept[key.channel]
        self._touched[_record_key(key)] = None
        due.remove(key)

    def of_channel(self, channel: str) -> list[tuple[SampleKey, Sample]]:
        """Return what was drawn in a channel."""
        kept = self._kept.get(channel, {})
        return [(SampleKey(channel, about), _decode(value)) for about, value in kept.items()]

    def categories(self) -> Iterator[Category]:
        """Yield the categories of all reports that were drawn."""
        for channel in self._kept:
            yield from (sample.cause.category for _, sample in self.of_channel(channel))

    def schedule(self, due: DueSteps) -> None:
        """Schedule the next step of each."""
        for channel in self._kept:
            for key, sample in self.of_channel(channel):
                due.set(key, sample.until)

    def turn_back(self, clock: int, due: DueSteps) -> None:
        """Let nothing wait longer than from `clock` (ms), to which time was set back."""
        for channel in sorted(self._kept):
            for key, sample in self.of_channel(channel):
                sample.until = min(sample.until, clock + _LONGEST_WAIT_MS)
                self.put(key, sample, due)

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, by key; None for one to delete."""
        for record in self._touched:
            key = _key_of(record)
            value = self._kept.get(key.channel, {}).get(key.about)
            yield record, None if value is None else STATE_VERSION + value
        self._touched = {}

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore a message that was drawn. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        of = _key_of(key)
        self._kept.setdefault(of.channel, {})[of.about] = value[1:]


def _record_key(key: SampleKey) -> bytes:
    return SAMPLE + f"{key.channel}\0{key.about}".encode()


def _key_of(record: bytes) -> SampleKey:
    channel, _, about = record[1:].decode().partition("\0")
    return SampleKey(channel, about)
