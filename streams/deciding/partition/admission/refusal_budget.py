"""How many refusals a publisher is told of in an hour.

Within a topic a `ce_source` is a claim: whoever may write there can have reports refused in the name of
another publisher of that topic. So what a publisher is told is bounded, however many reports are refused.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import HOUR
from streams.deciding.partition.moving import NewPartition, Shared

REFUSAL_BUDGET: Final = b"Q"
"""State key of the one record with the numbers of the current hour."""

# More than a person reads. A receiver that takes fifty milliseconds for each gets those of twelve partitions
# in a sixth of the hour.
MOST_PER_HOUR: Final = 1_000

Told = Literal["no", "yes", "last"]

_encode = msgspec.msgpack.Encoder(order="sorted").encode
_decode = msgspec.msgpack.Decoder(tuple[int, dict[str, int]]).decode


class RefusalBudget:
    """The refusals of one partition in the current hour, by publisher.

    Hours are those in which brokers wrote the reports: the partition's time stands still while everything is
    refused. Give it publishers that operators list: it remembers each until the next hour.
    """

    __slots__ = ("_changed", "_hour", "_told")

    def __init__(self) -> None:
        self._hour = 0
        self._told: dict[str, int] = {}
        self._changed = False

    def tell(self, ce_source: str, appended: int) -> Told:
        """Count a refused report that was written at `appended` (ms); return whether to tell its publisher.

        `last`: yes, and that no further one of this hour is told.
        """
        if appended // HOUR > self._hour:
            self._hour, self._told = appended // HOUR, {}
        told = self._told.get(ce_source, 0)
        if told >= MOST_PER_HOUR:
            return "no"
        self._told[ce_source] = told + 1
        self._changed = True
        return "last" if told + 1 == MOST_PER_HOUR else "yes"

    def turn_back(self, clock: int) -> None:
        """Count anew if a broker's clock was ahead of `clock` (ms), the right time."""
        if self._hour > clock // HOUR:
            self._hour, self._told, self._changed = clock // HOUR, {}, True

    def drain_change(self) -> tuple[bytes, bytes | None] | None:
        """Return the state record if it changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return REFUSAL_BUDGET, STATE_VERSION + _encode((self._hour, self._told))

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore the record. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._hour, self._told = _decode(memoryview(value)[1:])


def begin_anew(_new: NewPartition, _shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return nothing: a new partition tells as much as any within its first hour."""
    return {}
