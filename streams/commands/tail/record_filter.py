"""Which records of a topic a person wants to see."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from streams.wire.records import SourceRecord
from streams.wire.topics import (
    AUTHORITY_REQUESTS,
    AUTHORITY_ROUTING,
    CLOCK_OUTCOMES,
    DEAD_LETTERS,
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    TRANSPARENCY_COUNTERS,
)

_Value = dict[str, Any]

_OF_ESCALATIONS: Mapping[str, Callable[[_Value, str], bool]] = {
    "channel": lambda value, wanted: value["channel_ref"] == wanted,
    # A policy may count several categories; its escalations concern all of them.
    "category": lambda value, wanted: wanted in value["categories"],
    "country": lambda value, wanted: any(row["code"] == wanted for row in value["jurisdictions"]),
    "policy": lambda value, wanted: value["policy"] == wanted,
    "type": lambda value, wanted: value["type"] == wanted,
}

_OF_REQUESTS: dict[str, Callable[[_Value, str], bool]] = {
    "category": lambda value, wanted: value["category"] == wanted,
    "country": lambda value, wanted: value["authority"]["country"] == wanted,
    "request": lambda value, wanted: value["request_id"] == wanted,
}

FILTERS: Mapping[str, Mapping[str, Callable[[_Value, str], bool]]] = {
    ESCALATIONS: _OF_ESCALATIONS,
    ESCALATIONS_SHADOW: _OF_ESCALATIONS,
    ENRICHED_REPORTS: {
        "channel": lambda value, wanted: value["report"]["channel"]["ref"] == wanted,
        "category": lambda value, wanted: value["report"]["category"] == wanted,
        "country": lambda value, wanted: any(row["code"] == wanted for row in value["jurisdictions"]),
    },
    AUTHORITY_ROUTING: _OF_REQUESTS
    | {
        "decision": lambda value, wanted: value["decision"] == wanted,
        "type": lambda value, wanted: value["type"] == wanted,
    },
    AUTHORITY_REQUESTS: _OF_REQUESTS,
    CLOCK_OUTCOMES: {
        "channel": lambda value, wanted: value["subject"] == "report" and value["key"] == wanted,
        "request": lambda value, wanted: value["subject"] == "request" and value["key"] == wanted,
    },
    TRANSPARENCY_COUNTERS: {
        "category": lambda value, wanted: value["category"] == wanted,
        "country": lambda value, wanted: value["country"] == wanted,
    },
    DEAD_LETTERS: {},
}
"""By topic and name of the filter: whether a record's value is what is wanted."""


class RecordFilter(NamedTuple):
    """`values` by name of the filter; all must fit. Without any, every record is wanted."""

    values: Mapping[str, str]

    def holds(self, topic: str, record: SourceRecord) -> bool:
        """Whether a record is wanted; one that cannot be read is, so that it does not go unseen."""
        if not self.values:
            return True
        try:
            value = orjson.loads(record.value or b"")
            return all(FILTERS[topic][name](value, wanted) for name, wanted in self.values.items())
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return True
