"""The common format of state records: the key begins with its type, the value with a version."""

from typing import Final

# So far all types have the same version. A type whose encoding changes gets a new one.
STATE_VERSION: Final = b"\x01"


class UnknownStateVersion(ValueError):
    """A state record was written by another version of Tocsin."""


class UnknownHashKey(Exception):
    """State depends on a secret key that is not among the settings. Not a ValueError: nothing is damaged."""


def require_version(key_type: bytes, value: bytes | memoryview) -> None:
    """Raise UnknownStateVersion, naming the key's type, if another version of Tocsin wrote the value."""
    version = bytes(value[:1])
    if version != STATE_VERSION:
        raise UnknownStateVersion(
            f"state key type {key_type!r} has version {version.hex() or 'none'}; known: version {STATE_VERSION.hex()}"
        )
