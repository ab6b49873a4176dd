"""Reads what the console knows about itself."""

import sqlite3
from typing import NamedTuple


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
    rows = reader.execute("SELECT topic, count(*), sum(next_offset) FROM place GROUP BY topic ORDER BY topic")
    return [TopicRead(*row) for row in rows]


def acts_since(reader: sqlite3.Connection, since_ms: int) -> int:
    """How many acts there were since a time, counted or not."""
    (acts,) = reader.execute("SELECT count(*) FROM act WHERE at_ms >= ?", (since_ms,)).fetchone()
    return int(acts)


def refused_since(reader: sqlite3.Connection, since_ms: int) -> list[Refused]:
    """The acts since a time that did not count, by reason."""
    rows = reader.execute(
        "SELECT refused, count(*) FROM act WHERE at_ms >= ? AND refused IS NOT NULL GROUP BY refused ORDER BY 2 DESC, 1",
        (since_ms,),
    )
    return [Refused(*row) for row in rows]
