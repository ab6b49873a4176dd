"""Deterministic ids of the events that Tocsin writes, so a replay writes the same ids."""

from typing import Final
from uuid import UUID, uuid5

# Used only here, so Tocsin's ids cannot collide with those of other systems.
_NAMESPACE: Final = UUID("5b4e1f0c-6d0f-5c0e-9a53-2f4c7d1f8a60")


def stable_id(*parts: str) -> str:
    """The id that belongs to `parts`. At most one part may contain NUL, otherwise two lists could share an id."""
    return str(uuid5(_NAMESPACE, "\0".join(parts)))


def step_id(subject: str, sequence: int) -> str:
    """The id of event number `sequence` of `subject`, the id of an episode, a clock or a request."""
    return str(uuid5(UUID(subject), str(sequence)))
