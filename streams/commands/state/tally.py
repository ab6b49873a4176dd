"""Compares two heaps of records without keeping them."""

import hashlib

_MODULUS = 2**128


class Tally:
    """The number of records and the sum of their hashes: equal for two heaps only if they hold the same."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, key: bytes, value: bytes) -> None:
        """Count a record; the order does not matter."""
        hashed = hashlib.blake2b(len(key).to_bytes(4, "big") + key + value, digest_size=16).digest()
        self.count += 1
        self._sum = (self._sum + int.from_bytes(hashed, "big")) % _MODULUS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and (self.count, self._sum) == (other.count, other._sum)

    __hash__ = None  # type: ignore[assignment]
