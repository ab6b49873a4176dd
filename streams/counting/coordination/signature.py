"""Signatures of what a reporter reported, by which reporters who report the same messages are recognised.

A signature is a one-permutation MinHash (Li, Owen and Zhang, NIPS 2012): 32 bins of 16 bits, each with the
smallest value of the targets that fell into it, or 0 if none did. It is an int with bin 0 in the lowest bits,
so that a few operations on 512-bit numbers compare all bins at once.

A target is a message in a channel, as a keyed hash that is uniform in [0, 2**64). The key keeps attackers
from choosing further targets that would push those of a brigade out of a signature.
"""

from typing import Final, NamedTuple

import xxhash

BINS: Final = 32
BYTES: Final = 64
EMPTY: Final = 0

_LANES = sum(1 << 16 * lane for lane in range(BINS))
_HIGH = _LANES << 15
_LOW = _LANES * 0x7FFF


class Agreement(NamedTuple):
    """`used` bins have a value in either signature; in `equal` of them it is the same."""

    equal: int
    used: int


def enter(signature: int, target: int) -> int:
    """Return the signature with one more target. Of the target only the lowest 24 bits matter."""
    shift = (target & (BINS - 1)) << 4
    # Odd, so that a used bin is never 0.
    value = target >> 8 & 0xFFFF | 1
    there = signature >> shift & 0xFFFF
    if there and there <= value:
        return signature
    return signature ^ (there ^ value) << shift


def merge(one: int, other: int) -> int:
    """Return the signature of the targets of both: the smaller value of each bin, or the only one."""
    if not one or not other:
        return one | other
    # Values are odd, so the upper 15 bits order them, and the top bit of each lane is free to hold a borrow.
    larger = ((one >> 1 & _LOW | _HIGH) - (other >> 1 & _LOW)) & _HIGH
    take_other = larger | larger - (larger >> 15)
    both = _used(one) & _used(other)
    both |= both - (both >> 15)
    smaller = one ^ (one ^ other) & take_other
    return smaller & both | (one | other) & ~both


def agreement(one: int, other: int) -> Agreement:
    """Compare two signatures."""
    used = _used(one | other).bit_count()
    return Agreement(used - _used(one ^ other).bit_count(), used)


def used_bins(signature: int) -> int:
    """Return the number of bins with a value."""
    return _used(signature).bit_count()


def evidence_needed(*, member: bool, vouched: bool) -> int:
    """Return how many earlier targets two reporters of a message must share to be linked: 1 to 3.

    One is enough for an outsider of whom nothing speaks. A member of the channel has a reason to report what
    happens in it, and so has a `vouched` reporter, one who was upheld more often than reporters of that kind
    usually are. Both can be had by an attacker, who gains a target by each (docs/trust-measured.md has the
    figures).
    """
    return 1 + member + vouched


def linked(one: int, other: int, needed: int) -> bool:
    """Tell whether two reporters of a message belong together: `needed` bins agree, and a third of all used.

    The message itself, which is in neither signature, counts in that third for both. A third instead of a
    half finds accounts that also report honestly, and links hardly more honest reporters
    (docs/trust-measured.md).
    """
    agrees, used = agreement(one, other)
    return agrees >= needed and 3 * (agrees + 1) >= used + 1


def group_of(signature: int) -> int:
    """Return a hash, uniform in [0, 2**64), that most members of a brigade share, and strangers do not.

    It is made of the first used bin: the same earlier target, for all who reported it.
    """
    used = _used(signature)
    lane = (used & -used).bit_length() // 16 - 1 if used else 0
    value = signature >> 16 * lane & 0xFFFF
    return xxhash.xxh3_64_intdigest((lane << 16 | value).to_bytes(4, "little"))


def to_bytes(signature: int) -> bytes:
    """Return the 64 bytes of a signature: 32 numbers of 16 bits, little-endian."""
    return signature.to_bytes(BYTES, "little")


def from_bytes(data: bytes) -> int:
    """Read the bytes of `to_bytes`; none at all are the empty signature."""
    return int.from_bytes(data, "little")


def _used(lanes: int) -> int:
    """Return the top bit of each lane that is not 0."""
    return ((lanes & _LOW) + _LOW | lanes) & _HIGH
