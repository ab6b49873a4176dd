"""How the state of a stage moves when the number of partitions changes.

Records that belong to a channel or a request go to its new home partition. What a partition keeps for all of
its channels together (its time, the ids it has applied) is computed for each new partition, from those of the
old partitions whose channels it may have. Each store says for its types of keys which of the two it is, so a
type that no store knows is refused instead of lost.
"""

from collections.abc import Callable, Mapping, Sequence
from math import gcd
from typing import NamedTuple

from streams.contract.wire.partitioner import home_partition


class Shared(NamedTuple):
    """What an old partition keeps for all of its channels: the records of the types that are Merged.

    `key_types` are all types of keys that the partition has, also of records that belong to a channel.
    """

    partition: int
    entries: Mapping[bytes, bytes]
    key_types: frozenset[bytes]

    def of_type(self, key_type: bytes) -> Mapping[bytes, bytes]:
        """Return the records of one type."""
        return {key: value for key, value in self.entries.items() if key[:1] == key_type}


class NewPartition(NamedTuple):
    """A partition after the change, of `partitions` in all, which remembers at most `most_ids`."""

    partition: int
    partitions: int
    most_ids: int


class ByRef(NamedTuple):
    """Records that move to the home of the channel or request whose ref (bytes) `ref` finds in their key."""

    ref: Callable[[bytes], bytes]

    def home(self, key: bytes, partitions: int) -> int:
        """Return the partition to which the record with this key belongs."""
        return home_partition(self.ref(key), partitions)


class Merged(NamedTuple):
    """Records that `merge` makes for a new partition, from those of the old ones that contribute to it."""

    merge: Callable[[NewPartition, Sequence[Shared]], Mapping[bytes, bytes]]


class NotMovable(NamedTuple):
    """Records that must be gone before the state can move; `remedy` says how."""

    remedy: str


Moves = Mapping[bytes, ByRef | Merged | NotMovable]
"""By type of key, its first byte."""


def ref_before_nul(key: bytes) -> bytes:
    """Return the ref in a key that consists of a type, a ref, and whatever follows a NUL."""
    return key[1:].partition(b"\0")[0]


def merged(moves: Moves, new: NewPartition, before: int, shared: Sequence[Shared]) -> dict[bytes, bytes]:
    """Return what the new partition keeps for all of its channels; `before` is the old number of partitions.

    A channel's home is hash mod partitions. So channels of the old partition n can be in the new partition m
    only if n and m leave the same remainder when divided by the greatest common divisor of both numbers.
    """
    common = gcd(before, new.partitions)
    contributing = [one for one in shared if one.partition % common == new.partition % common]
    entries: dict[bytes, bytes] = {}
    for rule in moves.values():
        if isinstance(rule, Merged):
            entries.update(rule.merge(new, contributing))
    return entries
