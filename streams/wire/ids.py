"""Ids of events that Tocsin writes: functions of what they are about, so that a replay writes the same ones."""

from typing import Final
from uuid import UUID, uuid5

# Made for this purpose alone, so that our ids collide with nobody else's.
_NAMESPACE: Final = UUID("5b4e1f0c-6d0f-5c0e-9a53-2f4c7d1f8a60")


def stable_id(*parts: str) -> str:
    """The id of what `parts` name together. At most one of them may hold NUL, or two lists could share an id."""
    return str(uuid5(_NAMESPACE, "\0".join(parts)))


def step_id(subject: str, sequence: int) -> str:
    """The id of the event with this number in the life of `subject`, itself an id."""
    return str(uuid5(UUID(subject), str(sequence)))
