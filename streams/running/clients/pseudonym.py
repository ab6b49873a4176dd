"""Pseudonyms: refs that name nobody without the key."""

import hashlib
import hmac
from functools import lru_cache
from typing import Final, Literal

LEAST_CHARACTERS: Final = 32
"""Of a key.

Shorter ones can be guessed, and identities are often known: a guess that fits names every one of them.
"""

_CHARACTERS: Final = 26

# The digits of base32 (RFC 4648) in lower case, and all pairs of them: base64.b32encode is Python code that
# takes as long as the hash, and encodes all of it.
_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(first + second for first in _DIGITS for second in _DIGITS)
_BITS: Final = 5 * _CHARACTERS
_SHIFTS: Final = tuple(range(_BITS - 10, -1, -10))


def pseudonym(
    key: bytes,
    kind: Literal["reviewer", "reporter", "channel", "account", "message", "report"],
    tenant: str,
    identity: str,
) -> str:
    """The ref of an identity, as docs/publishing.md recommends to every publisher.

    `tenant` names the system to which the identity belongs.
    """
    keyed = _keyed(key).copy()
    keyed.update(f"{kind}\0{tenant}\0{identity}".encode())
    digest = keyed.digest()
    first = int.from_bytes(digest, "big") >> 8 * len(digest) - _BITS
    return "".join([_PAIRS[first >> shift & 1023] for shift in _SHIFTS])


@lru_cache(maxsize=1)
def _keyed(key: bytes) -> hmac.HMAC:
    """The hash of nothing under a key, to copy: to begin one takes longer than to hash an identity."""
    return hmac.new(key, digestmod=hashlib.sha256)
