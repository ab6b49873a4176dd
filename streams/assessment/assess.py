"""The one function that judges reports: the worker, the demo, the back-test and the benchmark all call it.

It knows no clock, no randomness and no Kafka: outputs and state are a function of the order of application alone,
however it is cut into batches and wherever the state was restored in between.
"""

from collections.abc import Sequence

from streams.assessment.application import apply_report
from streams.assessment.duplicates import report_hash
from streams.assessment.flood import WINDOW, FloodDetected
from streams.assessment.outcome import Outcome
from streams.assessment.partition_state import PartitionState
from streams.assessment.policies import CompiledRules
from streams.assessment.transitions import advance
from streams.events.dead_letter import Rejected, dead_letter
from streams.events.decoding import DecodedReport, decode_report
from streams.events.origin import INTERNAL_TOPIC, Origin, is_internal, origin_of, own_place, with_origin
from streams.events.record import MAX_PASSED_ON_BYTES, OutputRecord, SourceRecord, bytes_on_the_wire
from streams.events.tick import decode_tick

DEAD_LETTERS = "dead-letters"


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
        try:
            decoded = decode_report(record.value, record.headers, origin.timestamp)
        except Rejected as rejected:
            _refuse(record, rejected, outcome)
            flooded = state.flood.note(dead=True)
        else:
            flooded = state.flood.note(dead=False)
            try:
                _take(state, rules, record, internal, origin, decoded, outcome)
            except Exception as error:
                # Whatever it is, it stops the worker: an operator must be able to find the report.
                error.add_note(
                    f"while applying report {decoded.report.report_id}: "
                    f"{record.topic} partition {record.partition} offset {record.offset}"
                )
                raise
        if flooded and rules.dead_letter_breaker:
            raise FloodDetected(
                f"{state.flood.dead_letters} of the last {WINDOW} records of partition {state.partition} could not "
                "be read as reports. Nothing of this batch is written. Look at what is published; to let it pass into "
                "the dead letters, set TOCSIN_DEAD_LETTER_BREAKER=off."
            )
    outcome.changes = state.drain_changes()
    return outcome


def _refuse(record: SourceRecord, rejected: Rejected, outcome: Outcome) -> None:
    outcome.outputs.append(OutputRecord(DEAD_LETTERS, None, *dead_letter(record, rejected)))
    outcome.counters[f"dead_letter:{rejected.reason}"] += 1


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


def _take(
    state: PartitionState,
    rules: CompiledRules,
    record: SourceRecord,
    internal: bool,
    origin: Origin,
    decoded: DecodedReport,
    outcome: Outcome,
) -> None:
    """Send a report home, drop it as a duplicate, or apply it."""
    report = decoded.report
    channel_key, home = state.homes.of(report.channel.ref)
    if home != state.partition:
        if internal:
            raise NotAtHome(
                f"{record.topic} partition {record.partition} offset {record.offset}: the home of this report is "
                f"partition {home} of {state.partitions}. The number of partitions was changed."
            )
        headers = with_origin(record)
        if bytes_on_the_wire(channel_key, record.value, headers) > MAX_PASSED_ON_BYTES:
            limit = f"Must be at most {MAX_PASSED_ON_BYTES} bytes, uncompressed, with key and value."
            _refuse(record, Rejected("oversized", "headers", limit), outcome)
            return
        outcome.outputs.append(OutputRecord(INTERNAL_TOPIC, home, channel_key, record.value, headers))
        outcome.counters["rekeyed"] += 1
        return
    hashed = report_hash(decoded.ce_source, report.report_id)
    if hashed in state.recent:
        outcome.counters["duplicates"] += 1
        return
    state.recent.add(hashed)
    apply_report(state, rules, channel_key, origin, decoded, outcome)
