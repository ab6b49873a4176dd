"""The one function that judges reports: the worker, the demo, the back-test and the benchmark all call it.

It knows no clock, no randomness and no Kafka: outputs and state are a function of the order of application alone,
however it is cut into batches and wherever the state was restored in between.
"""

from collections.abc import Sequence
from functools import partial

from streams.partition.batch import Outcome
from streams.partition.clock_outcomes import apply_clock_outcome
from streams.partition.duplicates import report_hash
from streams.partition.homecoming import pass_on, send_home
from streams.partition.loop import apply_records, place_note
from streams.reports.apply import apply_report
from streams.reports.rules import CompiledRules
from streams.reports.state import PartitionState
from streams.reports.transitions import advance
from streams.wire.origin import Origin
from streams.wire.outcome_decoding import decode_clock_outcome
from streams.wire.records import SourceRecord
from streams.wire.report_decoding import decode_report
from streams.wire.topics import AUTHORITY_REQUESTS_INTERNAL, MESSAGE_REPORTS_INTERNAL


def assess(state: PartitionState, records: Sequence[SourceRecord], rules: CompiledRules) -> Outcome:
    """Apply records in their order. Changes `state`, which must have been made with the same `rules`.

    Raises FloodDetected when the breaker trips, NotAtHome when partitions were added; whatever is raised, neither
    `state` nor anything of the batch may be used afterwards.
    """
    return apply_records(
        state,
        records,
        partial(_take_report, state, rules),
        partial(_take_outcome, state, rules),
        partial(advance, state, rules),
        kind="reports",
        breaker=rules.dead_letter_breaker,
    )


def next_due(state: PartitionState) -> int | None:
    """When (ms, in terms of `state.now`) something happens without a report; None when nothing waits."""
    times = (state.due.earliest(), state.counts.next_expiry())
    return min((time for time in times if time is not None), default=None)


def tick_after(state: PartitionState) -> int:
    """What a tick written now has to carry."""
    return state.applied


def _take_report(
    state: PartitionState, rules: CompiledRules, record: SourceRecord, origin: Origin, outcome: Outcome
) -> None:
    """Send a report home, drop it as a duplicate, or apply it. Raises Rejected when it cannot be used."""
    decoded = decode_report(record.value, record.headers, origin.timestamp)
    report = decoded.report
    channel_key, home = state.homes.of(report.channel.ref)
    if home != state.partition:
        send_home(state, record, MESSAGE_REPORTS_INTERNAL, channel_key, home, outcome)
        return
    hashed = report_hash(decoded.ce_source, report.report_id)
    if hashed in state.recent:
        outcome.counters["duplicates"] += 1
        return
    state.recent.add(hashed)
    try:
        apply_report(state, rules, channel_key, origin, decoded, outcome)
    except Exception as error:
        error.add_note(place_note(f"report {report.report_id}", record))
        raise


def _take_outcome(
    state: PartitionState, rules: CompiledRules, record: SourceRecord, origin: Origin, outcome: Outcome
) -> None:
    """Send the outcome of a clock home, or to the stage of requests, or apply it. Raises Rejected."""
    decoded = decode_clock_outcome(record.value, record.headers, origin.timestamp)
    key, home = state.homes.of(decoded.outcome.key)
    if decoded.outcome.subject == "request":
        pass_on(record, AUTHORITY_REQUESTS_INTERNAL, key, home, outcome)
        outcome.counters["clock_outcomes_passed_on"] += 1
    elif home != state.partition:
        send_home(state, record, MESSAGE_REPORTS_INTERNAL, key, home, outcome)
    else:
        apply_clock_outcome(state, rules, origin, decoded, outcome)
