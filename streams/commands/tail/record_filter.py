"""The filters of `tocsin tail`, by topic."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    AUTHORITY_ROUTING,
    CASE_ACTIVITY,
    CLOCK_OUTCOMES,
    DEAD_LETTERS,
    DETECTOR_FEEDBACK,
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    MODERATION_OUTCOMES,
    REFUSALS,
    REPORTER_NOTICES,
    REVIEW_QUESTIONS,
    TRANSPARENCY_COUNTERS,
)

_Value = dict[str, Any]

_ESCALATION_FILTERS: Mapping[str, Callable[[_Value, str], bool]] = {
    "channel": lambda value, wanted: value["channel_ref"] == wanted,
    # A policy may count several categories; its escalations concern all of them.
    "category": lambda value, wanted: wanted in value["categories"],
    "country": lambda value, wanted: any(row["code"] == wanted for row in value["jurisdictions"]),
    "policy": lambda value, wanted: value["policy"] == wanted,
    "type": lambda value, wanted: value["type"] == wanted,
}

_REQUEST_FILTERS: dict[str, Callable[[_Value, str], bool]] = {
    "category": lambda value, wanted: value["category"] == wanted,
    "country": lambda value, wanted: value["authority"]["country"] == wanted,
    "request": lambda value, wanted: value["request_id"] == wanted,
}

FILTERS: Mapping[str, Mapping[str, Callable[[_Value, str], bool]]] = {
    ESCALATIONS: _ESCALATION_FILTERS,
    ESCALATIONS_SHADOW: _ESCALATION_FILTERS,
    ENRICHED_REPORTS: {
        "channel": lambda value, wanted: value["report"]["channel"]["ref"] == wanted,
        "category": lambda value, wanted: value["report"]["category"] == wanted,
        "country": lambda value, wanted: any(row["code"] == wanted for row in value["jurisdictions"]),
    },
    AUTHORITY_ROUTING: _REQUEST_FILTERS
    | {
        "decision": lambda value, wanted: value["decision"] == wanted,
        "type": lambda value, wanted: value["type"] == wanted,
    },
    AUTHORITY_REQUESTS: _REQUEST_FILTERS,
    CLOCK_OUTCOMES: {
        "channel": lambda value, wanted: value["subject"] == "report" and value["key"] == wanted,
        "request": lambda value, wanted: value["subject"] == "request" and value["key"] == wanted,
    },
    MODERATION_OUTCOMES: {
        "channel": lambda value, wanted: value["subject"]["channel_ref"] == wanted,
        "category": lambda value, wanted: value["category"] == wanted,
        "decision": lambda value, wanted: value["decision"] == wanted,
    },
    CASE_ACTIVITY: {
        "channel": lambda value, wanted: value.get("channel_ref") == wanted,
        "request": lambda value, wanted: value.get("request_id") == wanted,
        "type": lambda value, wanted: value["kind"] == wanted,
    },
    REPORTER_NOTICES: {},
    REVIEW_QUESTIONS: {
        "channel": lambda value, wanted: value["channel_ref"] == wanted,
        "category": lambda value, wanted: value["category"] == wanted,
        "policy": lambda value, wanted: value["policy"] == wanted,
        "type": lambda value, wanted: value["type"] == wanted,
    },
    DETECTOR_FEEDBACK: {
        "category": lambda value, wanted: value["category"] == wanted,
        "decision": lambda value, wanted: value["outcome"]["decision"] == wanted,
    },
    TRANSPARENCY_COUNTERS: {
        "category": lambda value, wanted: value["category"] == wanted,
        "country": lambda value, wanted: value["country"] == wanted,
    },
    DEAD_LETTERS: {},
    REFUSALS: {},
}
"""By topic and filter name: a function that tells whether a record's value matches the wanted one."""


class RecordFilter(NamedTuple):
    """The wanted `values` by filter name. A record must match all; without any, every record matches."""

    values: Mapping[str, str]

    def matches(self, topic: str, record: SourceRecord) -> bool:
        """Whether to show a record. One that cannot be read is always shown, so that it is not overlooked."""
        if not self.values:
            return True
        try:
            value = orjson.loads(record.value or b"")
            return all(FILTERS[topic][name](value, wanted) for name, wanted in self.values.items())
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return True
