"""The secret key under which reporters are hashed before they are remembered."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

SHORTEST_KEY: Final = 32
# The most that BLAKE2b takes.
LONGEST_KEY: Final = 64

# Anybody can read it here, so it hides nothing. For the demo, the tests and the benchmark.
DEMONSTRATION_KEY: Final = b"tocsin demonstration key, public"


@dataclass(frozen=True, slots=True)
class HashKey:
    """A key that hashes refs of reporters. `id` names it in state, logs and /status without revealing it.

    `secret` is the key itself, for a hash function outside of Python; it must not get into any of these.

    Without the key nobody can choose refs by their hash, which would steer the sample of reporters (see
    counting/seen/distinct.py), or try refs that they know against the hashes in the state.
    """

    id: str
    reporter_hash: Callable[[str], int]
    secret: bytes = field(repr=False)

    def target_hash(self, channel_ref: str, message_ref: str) -> int:
        """Return the hash of a message in a channel. No ref has NUL, so it is the hash of no reporter."""
        return self.reporter_hash(f"{channel_ref}\0{message_ref}")

    def channel_hash(self, channel_ref: str) -> int:
        """Return the hash of a channel."""
        return self.reporter_hash(f"{channel_ref}\0")

    def channel_tag(self, channel_ref: str) -> int:
        """Return a tag of a channel: 32 bits, never 0. Of 8 channels two agree once in a hundred million."""
        return self.channel_hash(channel_ref) >> 32 or 1

    def reviewer_tag(self, ref: str) -> int:
        """Return a tag of a person of a desk: 1 to 65,535. Two of a hundred people share one once in 14."""
        return self.reporter_hash(f"\0{ref}") % 65_535 + 1


class HashKeys(NamedTuple):
    """The key for new hashes, and the one used before it, if the state may still have hashes of that one."""

    current: HashKey
    previous: HashKey | None = None


def hash_key(secret: bytes) -> HashKey:
    """Return the key made of SHORTEST_KEY to LONGEST_KEY secret bytes.

    Its hashes are uniform in [0, 2**64).
    """
    # Copying a hash that has taken in the key saves a third of the time of making one per ref.
    copy = hashlib.blake2b(key=secret, digest_size=8, person=b"reporter").copy

    def reporter_hash(ref: str) -> int:
        hashed = copy()
        hashed.update(ref.encode())
        return int.from_bytes(hashed.digest(), "little")

    return HashKey(
        hashlib.blake2b(key=secret, digest_size=4, person=b"key-id").hexdigest(), reporter_hash, secret
    )


UNKEYED: Final = HashKey("unkeyed", lambda ref: xxh3_64_intdigest(ref.encode()), b"")
"""How versions before keys hashed reporters; only to recognise them in the state of such a version."""

DEMONSTRATION: Final = HashKeys(hash_key(DEMONSTRATION_KEY))
