"""Deterministic ids of the events that Tocsin writes, so a replay writes the same ids."""

from hashlib import sha1
from typing import Final
from uuid import UUID

# Used only here, so Tocsin's ids cannot collide with those of other systems.
NAMESPACE: Final = UUID("5b4e1f0c-6d0f-5c0e-9a53-2f4c7d1f8a60")
_namespace_hash = sha1(NAMESPACE.bytes, usedforsecurity=False).copy
# The two upper bits of that digit are 10.
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def stable_id(*parts: str) -> str:
    """The id that belongs to `parts`.

    At most one part may contain NUL, otherwise two lists could share an id.
    """
    hashed = _namespace_hash()
    hashed.update("\0".join(parts).encode())
    return _as_uuid(hashed.hexdigest())


def step_id(subject: str, sequence: int) -> str:
    """The id of event number `sequence` of `subject`, the id of an episode, a clock or a request."""
    name = bytes.fromhex(subject.replace("-", "")) + str(sequence).encode()
    return _as_uuid(sha1(name, usedforsecurity=False).hexdigest())


def _as_uuid(digits: str) -> str:
    """Return what uuid5 makes of a hash (RFC 9562, 5.5), in a third of its time: each receipt has an id."""
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
