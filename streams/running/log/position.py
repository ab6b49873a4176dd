"""How far a partition's owner has applied its source topics.

Written to the state topic, in the same transaction.
"""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

# First byte of the runtime's own keys in a state topic. A stage's keys begin with other bytes, so no channel
# name can be mistaken for a position.
RESERVED_KEY_TYPE = b"P"
POSITION_KEY = RESERVED_KEY_TYPE + b"osition"

# In a partition as long as a restore of the state from a file is not finished. The value is the checksum of
# the file.
RESTORING_KEY = RESERVED_KEY_TYPE + b"restoring"

# Increase this when older workers cannot read what newer ones write.
POSITION_VERSION = 1


class UnknownPositionVersion(ValueError):
    """The position was written by another version of Tocsin."""


class SourcePosition(NamedTuple):
    """`next_offset`: the next to apply.

    `partitions`: the topic's partition count when the position was written.
    `last_append_time` (ms since the epoch) is that of the record before `next_offset`, None when there is
    none. It shows whether the topic was recreated, because aiokafka does not know topic ids.
    """

    next_offset: int
    partitions: int
    last_append_time: int | None


Position = Mapping[str, SourcePosition]


def encode_position(position: Position) -> bytes:
    """A version byte, then JSON with sorted keys, which can be read with a console consumer."""
    rows = {topic: list(source) for topic, source in position.items()}
    return bytes([POSITION_VERSION]) + orjson.dumps(rows, option=orjson.OPT_SORT_KEYS)


def decode_position(value: bytes) -> dict[str, SourcePosition]:
    """Decode the bytes of `encode_position`. Raises UnknownPositionVersion."""
    if not value or value[0] != POSITION_VERSION:
        found = f"version {value[0]}" if value else "no version"
        raise UnknownPositionVersion(f"the position has {found}, this worker reads {POSITION_VERSION}")
    rows = orjson.loads(value[1:])
    return {topic: SourcePosition(*row) for topic, row in rows.items()}
