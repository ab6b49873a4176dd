"""How far a partition's owner has applied its source topics; kept in the state topic, in the same transaction."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

# First byte of the runtime's own keys in a state topic. A stage's keys begin with another byte, so no channel's name
# can imitate a position.
RESERVED_KEY_TYPE = b"P"
POSITION_KEY = RESERVED_KEY_TYPE + b"osition"

# Raised when an older worker could not read what a newer one writes.
POSITION_VERSION = 1


class UnknownPositionVersion(ValueError):
    """The position was written by another version of Tocsin."""


class SourcePosition(NamedTuple):
    """`next_offset`: the next to apply. `partitions`: the topic's partition count when it was written.

    `last_append_time` (ms) is that of the record before `next_offset`, None when nothing has been applied. It tells a
    recreated topic from the one we read: aiokafka's clients are never told the topic id.
    """

    next_offset: int
    partitions: int
    last_append_time: int | None


Position = Mapping[str, SourcePosition]


def encode_position(position: Position) -> bytes:
    """Version byte, then JSON with sorted keys: a person with a console consumer can read it."""
    rows = {topic: list(source) for topic, source in position.items()}
    return bytes([POSITION_VERSION]) + orjson.dumps(rows, option=orjson.OPT_SORT_KEYS)


def decode_position(value: bytes) -> dict[str, SourcePosition]:
    """Read what `encode_position` wrote. Raises UnknownPositionVersion."""
    if not value or value[0] != POSITION_VERSION:
        found = value[0] if value else "none"
        raise UnknownPositionVersion(f"position has version {found}, this worker reads {POSITION_VERSION}")
    rows = orjson.loads(value[1:])
    return {topic: SourcePosition(*row) for topic, row in rows.items()}
