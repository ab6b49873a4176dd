"""The second oracle: the core applies the log again and must give the same bytes and the same state."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import msgspec
import orjson

from streams.contract.events.enriched_report import Source
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.counting.message_bytes import decode_reporters, encode_reporters
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.daily_counters import DAILY_COUNTERS, OWN_DAY_COUNTERS
from streams.deciding.partition.duplicates import SLOT_HEAD
from streams.deciding.partition.admission.refusal_budget import REFUSAL_BUDGET
from streams.deciding.partition.state import DUPLICATES_SLOT
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.crowd import LISTED_MESSAGES, MESSAGE_REPORTERS
from streams.deciding.reports.decisions_read import DECISIONS_READ, MOST_RUNS, DecisionsRead
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.stage import request_stage
from streams.registry.loader import load_rules
from streams.running.log.position import POSITION_KEY, decode_position
from tests import bundled
from tests.kafka.harness.deployment import (
    COUNTERS,
    ENRICHED,
    ESCALATIONS,
    FEEDBACK,
    INTEGRITY,
    INTERNAL,
    MODERATION,
    NOTICES,
    OUTCOMES,
    QUESTIONS,
    REPORTERS_INTERNAL,
    REPORTERS_STATE,
    REQUESTS,
    REQUESTS_INTERNAL,
    REQUESTS_STATE,
    ROUTING,
    SHADOW,
    SOURCE,
    STATE,
    VERIFIED,
    Deployment,
)
from tests.kafka.harness.platform import trusting_platform
from tests.kafka.harness.reader import Reader, Row
from tests.replay_order import (
    Applied,
    AppliedOutcome,
    applied_of_routing,
    applied_outcome,
    applied_report,
    order_of_application,
)
from tests.switching import AnyStage, batches, shelved

OUTPUTS = (ENRICHED, ESCALATIONS, SHADOW, QUESTIONS, ROUTING)
TOLD = (NOTICES, FEEDBACK)

# The key of a partition's time, and how many of its bytes are compared: the version and four numbers. The
# flood window after them also counts dead letters and duplicates, which the order of application does not
# contain.
TIME_KEY = b"T"
TIME_BYTES = 1 + 8 + 8 + 8 + 4

Cut = Callable[[list[Row]], Iterable[Sequence[Row]]]
Told = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
Written = tuple[int, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]


def shipped_rules(**changes: object) -> ReportRules:
    """The rules of a deployment's worker; `changes` go to load_rules."""
    return compile_report_rules(load_rules(**{"platform": trusting_platform(), **changes}))


def order_of(deployment: Deployment, reader: Reader, partition: int) -> list[Row]:
    """The records that a partition of the reports stage applied, in order, derived from the logs."""
    applied = [
        applied_report(Source(**orjson.loads(row.value)["source"]), row.headers)
        for row in reader.rows[deployment.name(ENRICHED)][partition]
    ]
    kept = reader.latest(deployment.name(STATE), partition)
    last = DecisionsRead()
    if DECISIONS_READ in kept:
        last.restore(DECISIONS_READ, kept[DECISIONS_READ])
    escalated: list[AppliedOutcome | None] = []
    if DECISIONS_READ not in kept:
        # Version 0.2 said it only of outcomes that led to an event.
        escalated = [
            applied_outcome(row.value, row.headers)
            for row in reader.rows[deployment.name(ESCALATIONS)][partition]
        ]
    return list(
        order_of_application(
            applied,
            _as_read(deployment, reader, partition),
            _applied(deployment, reader, INTERNAL, STATE, partition),
            [outcome for outcome in escalated if outcome is not None],
            _decisions(deployment, reader, partition),
            last.runs if last.after == len(applied) else (),
        )
    )


def order_of_requests(deployment: Deployment, reader: Reader, partition: int) -> list[Row]:
    """The records that a partition of the requests stage applied, in order."""
    applied = [applied_of_routing(row.headers) for row in reader.rows[deployment.name(ROUTING)][partition]]
    return list(
        order_of_application(
            [each for each in applied if isinstance(each, Applied)],
            _originals(deployment, reader, REQUESTS),
            _applied(deployment, reader, REQUESTS_INTERNAL, REQUESTS_STATE, partition),
            [each for each in applied if isinstance(each, AppliedOutcome)],
        )
    )


def _as_read(deployment: Deployment, reader: Reader, partition: int) -> Callable[[Source], Row]:
    """A function that finds what the channel's stage read of a report: the one entry of a bundle, or the
    original.
    """
    original = _originals(deployment, reader, SOURCE, VERIFIED)
    passed: dict[tuple[str, int, int], Row] = {}
    for row in reader.rows[deployment.name(INTERNAL)][partition]:
        for entry in bundled.entries([row]):
            report = entry.report
            place = report.topic, report.partition, report.offset
            assert place not in passed, f"{place} was passed on twice"
            alone = STAMPED_REPORTS.record(partition, deployment.partitions, [entry])
            passed[place] = replace(row, value=alone.value)
    return lambda source: passed.get((source.topic, source.partition, source.offset)) or original(source)


def _originals(deployment: Deployment, reader: Reader, *topics: str) -> Callable[[Source], Row]:
    """A function that finds the original of a report or request of `topics`, or of an outcome."""
    rows = {
        (deployment.name(name), number): {row.offset: row for row in rows}
        for name in (*topics, OUTCOMES, MODERATION)
        for number, rows in reader.rows[deployment.name(name)].items()
    }
    return lambda source: rows[source.topic, source.partition][source.offset]


def _applied(deployment: Deployment, reader: Reader, topic: str, state: str, partition: int) -> list[Row]:
    """The records of a topic below the committed position.

    Later ones were not applied: a worker may end before it reads its own last tick.
    """
    rows = reader.rows.get(deployment.name(topic), {}).get(partition, [])
    written = reader.latest(deployment.name(state), partition).get(POSITION_KEY)
    if written is None:
        return []
    position = decode_position(written).get(deployment.name(topic))
    return [] if position is None else [row for row in rows if row.offset < position.next_offset]


class Replayed:
    """What batches produce: outputs by topic, the last value of each daily counter, and the state."""

    def __init__(self, partition: int) -> None:
        self.outputs: dict[str, list[Written]] = defaultdict(list)
        self.counters: dict[bytes, bytes] = {}
        self.kept: dict[bytes, bytes] = {}
        self._partition = partition

    def add(self, outcome: Batch) -> None:
        """Add the results of a batch."""
        for topic, number, key, value, headers in outcome.outputs:
            if topic == COUNTERS:
                # Published once per batch, and a replay cuts batches differently: only the last value is the
                # same.
                self.counters[key] = value
            else:
                place = self._partition if number is None else number
                self.outputs[topic].append((place, key, value, tuple(headers)))
        for key, value in outcome.changes.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value


def check_replay(
    deployment: Deployment,
    reader: Reader,
    rules: ReportRules,
    cut: Cut | None = None,
    sets: Mapping[str, ReportRules] | None = None,
) -> dict[str, int]:
    """Compare the topics byte for byte with a replay. Returns the number of records compared per topic.

    `sets` are the sets of rules to which partitions have changed, by their ids. `cut(records)` splits the
    records into batches; by default there is one batch. Raises AssertionError at a difference.
    """
    compared = dict.fromkeys((*OUTPUTS, STATE, REQUESTS_STATE, COUNTERS), 0)
    told: Counter[tuple[str, Told]] = Counter()
    sets = sets or {}
    reports_stage = shelved(report_stage(rules), {name: report_stage(each) for name, each in sets.items()})
    requests_stage = shelved(_requests(rules), {name: _requests(each) for name, each in sets.items()})
    for partition in range(deployment.partitions):
        reports, requests = Replayed(partition), Replayed(partition)
        state = reports_stage.restore(partition, deployment.partitions)
        for records in _batches(order_of(deployment, reader, partition), cut):
            for batch in batches(reports_stage, state, records):
                reports.add(batch)
        told.update((topic, row[1:]) for topic in TOLD for row in reports.outputs[topic])
        requests_state = requests_stage.restore(partition, deployment.partitions)
        for records in _batches(order_of_requests(deployment, reader, partition), cut):
            for batch in batches(requests_stage, requests_state, records):
                requests.add(batch)
        for topic in OUTPUTS:
            expected = reports.outputs[topic] + requests.outputs[topic]
            rows = reader.rows[deployment.name(topic)][partition]
            found = [(row.partition, row.key, row.value, row.headers) for row in rows]
            for number, (ours, theirs) in enumerate(zip_longest(found, expected)):
                assert ours == theirs, (
                    f"{topic} {partition}, record {number} of {len(found)} differs from the replay, which has "
                    f"{len(expected)}: {_difference(ours, theirs)}. "
                    f"After the last report decisions came in {_runs(deployment, reader, partition)} runs: of "
                    f"more than {MOST_RUNS} the order is not known"
                )
            compared[topic] += len(found)
        for topic, kept in (
            (STATE, reports.kept),
            (REQUESTS_STATE, requests.kept),
            (COUNTERS, reports.counters | requests.counters),
        ):
            view = reader.latest(deployment.name(topic), partition)
            _check_state(f"{topic} {partition}", view, kept)
            compared[topic] += len(view)
    return compared | _check_reporters(deployment, reader, rules, cut, told, sets)


def _difference(ours: Any, theirs: Any) -> str:
    """What two records have around the first byte that differs."""
    if ours is None or theirs is None:
        return "one of them is missing"
    same = len(os.path.commonprefix([repr(ours), repr(theirs)]))
    around = slice(max(0, same - 200), same + 200)
    return f"...{repr(ours)[around]}... and in the replay ...{repr(theirs)[around]}..."


def _runs(deployment: Deployment, reader: Reader, partition: int) -> int:
    read = DecisionsRead()
    value = reader.latest(deployment.name(STATE), partition).get(DECISIONS_READ)
    if value is not None:
        read.restore(DECISIONS_READ, value)
    return len(read.runs)


def _requests(rules: ReportRules) -> AnyStage:
    return request_stage(compile_request_rules(rules.registry, settings=rules.settings))


def _reporters(rules: ReportRules) -> AnyStage:
    return reporter_stage(compile_reporter_rules(rules.registry, settings=rules.settings))


def _check_reporters(
    deployment: Deployment,
    reader: Reader,
    rules: ReportRules,
    cut: Cut | None,
    told: Counter[tuple[str, Told]],
    sets: Mapping[str, ReportRules],
) -> dict[str, int]:
    """Compare what the stage of reporters wrote with a replay of its only source, in which ticks stand as
    well. `told` is what the stage of reports tells reporters and detectors; the other one tells them too.
    """
    stage = shelved(_reporters(rules), {name: _reporters(each) for name, each in sets.items()})
    expected: Counter[tuple[str, Written]] = Counter()
    records = 0
    for partition in range(deployment.partitions):
        replayed = Replayed(partition)
        state = stage.restore(partition, deployment.partitions)
        rows = _applied(deployment, reader, REPORTERS_INTERNAL, REPORTERS_STATE, partition)
        for part in _batches(rows, cut):
            for batch in batches(stage, state, part):
                replayed.add(batch)
        view = reader.latest(deployment.name(REPORTERS_STATE), partition)
        _check_state(f"{REPORTERS_STATE} {partition}", view, replayed.kept)
        records += len(view)
        expected.update((topic, row) for topic, rows in replayed.outputs.items() for row in rows)
        told.update((topic, row[1:]) for topic in TOLD for row in replayed.outputs[topic])
    # Several partitions write to one, so the order there is that of their transactions.
    assert told == Counter(
        (topic, (row.key, row.value, row.headers))
        for topic in TOLD
        for row in reader.all(deployment.name(topic))
    )
    found = Counter(
        (INTEGRITY, (row.partition, row.key, row.value, row.headers))
        for row in reader.all(deployment.name(INTEGRITY))
    )
    integrity = [row[1:] for topic, row in expected if topic == INTEGRITY]
    assert sorted(integrity) == sorted(row[1:] for _, row in found)
    # A replay cuts batches, and so bundles, differently.
    outputs = [OutputRecord(topic, *row) for topic, row in expected.elements() if topic == INTERNAL]
    stamped = _stamped(outputs)
    assert stamped == _stamped(reader.all(deployment.name(INTERNAL)))
    by_topic = Counter(topic for topic, _ in told.elements())
    return {REPORTERS_STATE: records, INTERNAL: sum(stamped.values()), INTEGRITY: len(integrity), **by_topic}


def _stamped(records: Iterable[Row | OutputRecord]) -> Counter[tuple[int | None, bytes]]:
    """The reports with a stamp, by the partition to which they were sent."""
    return Counter(
        (record.partition, msgspec.msgpack.encode(entry))
        for record in records
        for entry in bundled.entries([record])
        if entry.stamp is not None
    )


def _decisions(deployment: Deployment, reader: Reader, partition: int) -> list[Row]:
    """The outcomes that a partition has read, of what is at home in it; others it passed on."""
    return [
        row
        for topic in (MODERATION, OUTCOMES)
        for row in _applied(deployment, reader, topic, STATE, partition)
        if row.value is not None and home_partition(_home_key(row.value), deployment.partitions) == partition
    ]


def _home_key(outcome: bytes) -> bytes:
    document = orjson.loads(outcome)
    key: str = document["key"] if "clock_id" in document else document["subject"]["channel_ref"]
    return key.encode()


def _batches(records: list[Row], cut: Cut | None) -> Iterable[Sequence[Row]]:
    if cut is not None:
        return cut(records)
    return [records] if records else []


def _check_state(where: str, view: dict[bytes, bytes], kept: dict[bytes, bytes]) -> None:
    view.pop(POSITION_KEY, None)
    # Counts refused reports, which the order of application does not contain.
    view.pop(REFUSAL_BUDGET, None)
    for state in (view, kept):
        if TIME_KEY in state:
            state[TIME_KEY] = state[TIME_KEY][:TIME_BYTES]
    different = [key for key in view.keys() | kept.keys() if view.get(key) != kept.get(key)]
    shown = [(key, view.get(key), kept.get(key)) for key in different[:3]]
    assert not different, f"{where}: {len(different)} records differ from the replay, first {shown}"
