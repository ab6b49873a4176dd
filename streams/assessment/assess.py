"""The one function that judges reports: the worker, the demo, the back-test and the benchmark all call it.

It knows no clock, no randomness and no Kafka: outputs and state are a function of the order of application alone,
however it is cut into batches and wherever the state was restored in between.
"""

from collections.abc import Sequence

from streams.assessment.application import apply_report
from streams.assessment.clock_outcomes import apply_clock_outcome
from streams.assessment.duplicates import report_hash
from streams.assessment.flood import WINDOW, FloodDetected
from streams.assessment.outcome import Outcome
from streams.assessment.partition_state import PartitionState
from streams.assessment.policies import CompiledRules
from streams.assessment.transitions import advance
from streams.events.dead_letter import DeadLetterReason, Rejected, dead_letter
from streams.events.decoding import decode_report
from streams.events.origin import (
    INTERNAL_TOPIC,
    REQUESTS_INTERNAL_TOPIC,
    Origin,
    is_internal,
    origin_of,
    own_place,
    with_origin,
)
from streams.events.outcome_decoding import CLOCK_OUTCOMES, decode_clock_outcome
from streams.events.record import MAX_PASSED_ON_BYTES, OutputRecord, SourceRecord, bytes_on_the_wire
from streams.events.tick import decode_tick

DEAD_LETTERS = "dead-letters"

# Refusals of what could be read. They do not count as a flood: when logs are read from their beginning again, outcomes
# may come before the reports that arm their clocks, and can be driven again later.
READABLE: frozenset[DeadLetterReason] = frozenset({"clock_not_running", "not_pausable"})


class NotAtHome(Exception):
    """A re-keyed report lies in a partition that is not its channel's home: the number of partitions was changed."""


def assess(state: PartitionState, records: Sequence[SourceRecord], rules: CompiledRules) -> Outcome:
    """Apply records in their order. Changes `state`, which must have been made with the same `rules`.

    Raises FloodDetected when the breaker trips, NotAtHome when partitions were added; whatever is raised, neither
    `state` nor anything of the batch may be used afterwards.
    """
    outcome = Outcome()
    for record in records:
        internal = is_internal(record)
        if internal:
            after = decode_tick(record)
            if after is not None:
                _apply_tick(state, rules, after, record.timestamp, outcome)
                continue
        origin = origin_of(record) if internal else own_place(record)
        take = _take_outcome if origin.topic.endswith(CLOCK_OUTCOMES) else _take_report
        try:
            take(state, rules, record, internal, origin, outcome)
        except Rejected as rejected:
            outcome.outputs.append(OutputRecord(DEAD_LETTERS, None, *dead_letter(record, rejected)))
            outcome.counters[f"dead_letter:{rejected.reason}"] += 1
            flooded = state.flood.note(dead=rejected.reason not in READABLE)
        else:
            flooded = state.flood.note(dead=False)
        if flooded and rules.dead_letter_breaker:
            raise FloodDetected(
                f"{state.flood.dead_letters} of the last {WINDOW} records of partition {state.partition} could not "
                "be read as reports. Nothing of this batch is written. Look at what is published; to let it pass into "
                "the dead letters, set TOCSIN_DEAD_LETTER_BREAKER=off."
            )
    counted = state.transparency.drain(state.now)
    outcome.outputs.extend(counted.records)
    outcome.changes = state.drain_changes() | counted.changes
    return outcome


def next_due(state: PartitionState) -> int | None:
    """When (ms, in terms of `state.now`) something happens without a report; None when nothing waits."""
    times = (state.due.earliest(), state.counts.next_expiry())
    return min((time for time in times if time is not None), default=None)


def tick_after(state: PartitionState) -> int:
    """What a tick written now has to carry."""
    return state.applied


def _apply_tick(
    state: PartitionState, rules: CompiledRules, after: int, append_time: int, outcome: Outcome
) -> None:
    """Move time on by a tick, unless a report was applied since it was written: then its time has passed."""
    if after != state.applied or not state.applied:
        outcome.counters["ticks_ignored"] += 1
        return
    outcome.counters["ticks_honoured"] += 1
    state.ticks += 1
    passed = max(0, append_time - state.newest_append)
    state.newest_append += passed
    advance(state, rules, state.now + passed, outcome)


def _take_report(
    state: PartitionState,
    rules: CompiledRules,
    record: SourceRecord,
    internal: bool,
    origin: Origin,
    outcome: Outcome,
) -> None:
    """Send a report home, drop it as a duplicate, or apply it. Raises Rejected when it cannot be used."""
    decoded = decode_report(record.value, record.headers, origin.timestamp)
    report = decoded.report
    channel_key, home = state.homes.of(report.channel.ref)
    if home != state.partition:
        _send_home(state, record, internal, channel_key, home, outcome)
        return
    hashed = report_hash(decoded.ce_source, report.report_id)
    if hashed in state.recent:
        outcome.counters["duplicates"] += 1
        return
    state.recent.add(hashed)
    try:
        apply_report(state, rules, channel_key, origin, decoded, outcome)
    except Exception as error:
        # Whatever it is, it stops the worker: an operator must be able to find the report.
        error.add_note(
            f"while applying report {report.report_id}: "
            f"{record.topic} partition {record.partition} offset {record.offset}"
        )
        raise


def _take_outcome(
    state: PartitionState,
    rules: CompiledRules,
    record: SourceRecord,
    internal: bool,
    origin: Origin,
    outcome: Outcome,
) -> None:
    """Send the outcome of a clock home, or to the stage of requests, or apply it. Raises Rejected."""
    decoded = decode_clock_outcome(record.value, record.headers, origin.timestamp)
    key, home = state.homes.of(decoded.outcome.key)
    if decoded.outcome.subject == "request":
        _pass_on(record, REQUESTS_INTERNAL_TOPIC, home, key, outcome)
        outcome.counters["clock_outcomes_passed_on"] += 1
    elif home != state.partition:
        _send_home(state, record, internal, key, home, outcome)
    else:
        apply_clock_outcome(state, rules, origin, decoded, outcome)


def _send_home(
    state: PartitionState, record: SourceRecord, internal: bool, key: bytes, home: int, outcome: Outcome
) -> None:
    if internal:
        raise NotAtHome(
            f"{record.topic} partition {record.partition} offset {record.offset}: the home of this record is "
            f"partition {home} of {state.partitions}. The number of partitions was changed."
        )
    _pass_on(record, INTERNAL_TOPIC, home, key, outcome)
    outcome.counters["rekeyed"] += 1


def _pass_on(record: SourceRecord, topic: str, partition: int, key: bytes, outcome: Outcome) -> None:
    headers = with_origin(record)
    if bytes_on_the_wire(key, record.value, headers) > MAX_PASSED_ON_BYTES:
        limit = f"Must be at most {MAX_PASSED_ON_BYTES} bytes, uncompressed, with key and value."
        raise Rejected("oversized", "headers", limit)
    outcome.outputs.append(OutputRecord(topic, partition, key, record.value, headers))
