"""What all records of a state topic share: a key that begins with its type, a value that begins with a version."""

from typing import Final

# One version for all types so far. A change of the encoding of one type gives that type a new one.
STATE_VERSION: Final = b"\x01"


class UnknownStateVersion(ValueError):
    """A state record was written by another version of Tocsin."""


def require_version(key_type: bytes, value: bytes | memoryview) -> None:
    """Raise UnknownStateVersion, naming the type of the key, for a value that this version did not write."""
    version = bytes(value[:1])
    if version != STATE_VERSION:
        raise UnknownStateVersion(
            f"state key type {key_type!r} has version {version.hex() or 'none'}; known: version {STATE_VERSION.hex()}"
        )
