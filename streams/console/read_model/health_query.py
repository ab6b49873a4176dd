"""Reads what the console knows about itself."""

import sqlite3
from typing import NamedTuple

from streams.console.read_model.statements import SQL


class TopicRead(NamedTuple):
    """How far a topic was read: its partitions, and the sum of the next offsets."""

    topic: str
    partitions: int
    offsets: int


class Refused(NamedTuple):
    """How many acts did not count for a reason."""

    reason: str
    acts: int


def topics_read(reader: sqlite3.Connection) -> list[TopicRead]:
    """How far each topic was read."""
    return [TopicRead(*row) for row in reader.execute(SQL["topics_read"])]


def acts_since(reader: sqlite3.Connection, since_ms: int) -> int:
    """How many acts there were since a time, counted or not."""
    (acts,) = reader.execute(SQL["acts_since"], (since_ms,)).fetchone()
    return int(acts)


def refused_since(reader: sqlite3.Connection, since_ms: int) -> list[Refused]:
    """The acts since a time that did not count, by reason."""
    return [Refused(*row) for row in reader.execute(SQL["refused_since"], (since_ms,))]
