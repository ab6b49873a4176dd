"""Reports, records and policies for tests of the deterministic core."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.tick import encode_tick
from streams.contract.wire.origin import with_origin
from streams.contract.wire.records import Headers, OutputRecord
from streams.contract.wire.topics import REPORT_SOURCES
from streams.counting.conditions import Condition, condition
from streams.deciding.partition.batch import Batch
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.claims import UNRESTRICTED
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.registry.policy import Level, Policy
from streams.running.operations.core import CoreChoice
from tests.shipped import RULES as SHIPPED_RULES

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# 00:00 UTC, a pane boundary of every ring.
START = 20_700 * DAY

EXTERNAL = "message-reports"
INTERNAL = "message-reports-internal"
REPORTERS_INTERNAL = "reporters-internal"

PYTHON = CoreChoice("python", "TOCSIN_CORE=python")
# Which reports a topic takes is another test's subject.
# Nobody is asked before a level is reached, except in tests of that.
SHIPPED = dataclasses.replace(SHIPPED_RULES, sources=UNRESTRICTED, ask=None)


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def policy(**changes: Any) -> Policy:
    """A live policy with one level at three reports an hour. `changes` replace its fields."""
    values: dict[str, Any] = {
        "id": "spam",
        "mode": "live",
        "categories": ("spam",),
        "window": "PT1H",
        "window_ms": HOUR,
        "levels": levels({"reports": 3}),
        "clear_below": 0.6,
        "min_clear_ms": 30 * MINUTE,
        "cooldown_ms": HOUR,
        "reason": "for a test",
        "content_hash": "0",
    }
    return Policy(**{**values, **changes})


def levels(*whens: Mapping[str, Any]) -> tuple[Level, ...]:
    """Levels with these conditions: a threshold for `>=`, or (comparison, threshold). `any_of` has more of
    them.
    """
    return tuple(
        Level(
            number,
            f"level_{number}",
            _conditions({name: wanted for name, wanted in when.items() if name != "any_of"}),
            _conditions(when.get("any_of", {})),
        )
        for number, when in enumerate(whens, 1)
    )


def _conditions(when: Mapping[Any, Any]) -> tuple[Condition, ...]:
    return tuple(
        condition(name, *(wanted if isinstance(wanted, tuple) else (">=", wanted)))
        for name, wanted in when.items()
    )


def compiled(*policies: Policy, **settings: Any) -> ReportRules:
    return compile_report_rules(dataclasses.replace(SHIPPED, policies=policies), **settings)


def report(
    number: int,
    time: int,
    offset: int | None = None,
    appended: int | None = None,
    channel: str = "c",
    **fields: Any,
) -> Record:
    """A record of a report made at `time`. `number` sets its id, and its offset unless `offset` is given."""
    body = {
        "report_id": f"r{number}",
        "kind": "user_report",
        "occurred_at": rfc3339(time),
        "channel": {"ref": channel, "visibility": "public"},
        "category": "spam",
        "reporter": {"kind": "user", "ref": f"u{number}"},
        **fields,
    }
    return Record(
        EXTERNAL,
        0,
        number if offset is None else offset,
        time if appended is None else appended,
        b"any",
        msgspec.json.encode(body),
    )


def tick(after: int, appended: int, offset: int = 0, clock: int | None = None) -> Record:
    """A tick that the broker appended at `appended`; the clock of the worker shows the same unless it is
    given.
    """
    value, headers = encode_tick(after, appended if clock is None else clock)
    return Record(INTERNAL, 0, offset, appended, None, value, headers)


def run(state: ReportState, rules: ReportRules, records: Iterable[Record]) -> Batch:
    """Apply records in a partition, reports with a reporter's ref as they reach it if it is their home."""
    return report_stage(rules).apply(state, arriving(rules, records, state.partition, state.partitions))


def arriving(
    rules: ReportRules, records: Iterable[Record], partition: int | None = None, partitions: int = 1
) -> list[Record]:
    """The records, with each published report of a reporter with a ref as the stage of reporters sends it to
    the home of its channel: stamped, its reporter being one of whom nothing else is known.

    With `partition`, only those whose home it is. All other records are as they were: what is no report, or
    invalid, or has no reporter's ref.
    """
    way = _way(rules, partitions)
    found = []
    for record in records:
        stamped = way.stamped(record)
        found.append(record if stamped is None or partition not in (None, stamped.partition) else stamped)
    return found


def rekeyed(record: Record) -> Record:
    """A published report as a worker of 0.2 without the stage of reporters sent it to its channel's home."""
    return record._replace(topic=INTERNAL, headers=tuple(with_origin(record)))


class _Way:
    """The first two hops of a report, and what is written for the third."""

    def __init__(self, rules: ReportRules, partitions: int) -> None:
        self._partitions = partitions
        self._reports = report_stage(rules)
        self._reporters = reporter_stage(
            compile_reporter_rules(rules.registry, hash_key=rules.hash_keys.current)
        )
        # A partition that is no channel's home applies nothing itself.
        self._gate = self._reports.restore(-1, partitions)

    def stamped(self, record: Record) -> Record | None:
        source = next((name for name in REPORT_SOURCES if record.topic.endswith(name)), None)
        if source is None:
            return None
        for _, partition, *written in self._written(self._reports, self._gate, record, REPORTERS_INTERNAL):
            passed = Record(REPORTERS_INTERNAL, partition, 0, record.timestamp, *written)
            nothing_known = self._reporters.restore(partition, self._partitions)
            for _, home, *rest in self._written(self._reporters, nothing_known, passed, INTERNAL):
                topic = record.topic.removesuffix(source) + INTERNAL
                return Record(topic, home, record.offset, record.timestamp, *rest)
        return None

    @staticmethod
    def _written(stage: Any, state: Any, record: Record, topic: str) -> list[OutputRecord]:
        return [row for row in stage.apply(state, [record]).outputs if row.topic == topic]


_way = lru_cache(maxsize=16)(_Way)


def counted(batch: Batch) -> dict[str, float]:
    """The counters of a batch by name and labels, without those that are zero, and whichever core applied the
    reports.
    """
    names = {
        "dead_letters": "dead_letter",
        "clock_events": "clock",
        "escalations": "escalation",
        "raised_from": "raised",
        "requests": "request",
        "feedback": "feedback",
        "detectors_held": "held",
        "refusals": "refused",
        "stamped": "stamped",
        "cases": "case",
        "standing": "standing",
        "without_weight": "without weight",
        "questions": "question",
        "answered_after": "answered after",
        "desk_checks": "desk_check",
    }
    flat: dict[str, float] = {}
    for field in dataclasses.fields(batch.counters):
        # Who published a refused report says nothing about what it led to.
        if field.name in ("natively", "counted_natively", "refused_reports"):
            continue
        value = getattr(batch.counters, field.name)
        if isinstance(value, int | float):
            flat[field.name] = value
            continue
        for labels, number in value.items():
            parts = [str(labels)] if isinstance(labels, str | int) else map(str, labels)
            flat[":".join([names[field.name], *parts])] = number
    return {name: number for name, number in flat.items() if number}


def of_topic(outcome: Batch, topic: str) -> list[dict[str, Any]]:
    """The decoded values that a batch wrote to a topic."""
    return [msgspec.json.decode(output.value) for output in outcome.outputs if output.topic == topic]


def escalations(outcome: Batch) -> list[tuple[str, int, str]]:
    """(type, level, time) of each escalation."""
    return [(event["type"], event["level"], event["at"]) for event in of_topic(outcome, "escalations")]


def fold(stored: dict[bytes, bytes], changes: Mapping[bytes, bytes | None]) -> None:
    """Apply changes to `stored` as compaction of the state topic does: last value per key, no deleted keys."""
    for key, value in changes.items():
        if value is None:
            stored.pop(key, None)
        else:
            stored[key] = value
