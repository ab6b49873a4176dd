"""The one function that judges requests of authorities, as `streams.assessment.assess` does reports.

It knows no clock, no randomness and no Kafka: outputs and state are a function of the order of application alone.
Orders enter here and nowhere else: nothing that comes as a report gets into this function.
"""

from collections.abc import Sequence

from streams.assessment.assess import DEAD_LETTERS, NotAtHome
from streams.assessment.due import ClockKey
from streams.assessment.duplicates import outcome_hash, report_hash
from streams.assessment.flood import WINDOW, FloodDetected
from streams.assessment.law.clocks import check_outcome
from streams.assessment.outcome import Outcome
from streams.assessment.requests.application import apply_request
from streams.assessment.requests.request_clocks import serve_clocks, settle
from streams.assessment.requests.request_rules import RequestRules
from streams.assessment.requests.request_state import RequestState
from streams.events.dead_letter import Rejected, dead_letter
from streams.events.origin import (
    REQUESTS_INTERNAL_TOPIC,
    Origin,
    is_internal,
    origin_of,
    own_place,
    with_origin,
)
from streams.events.outcome_decoding import CLOCK_OUTCOMES, decode_clock_outcome
from streams.events.record import MAX_PASSED_ON_BYTES, OutputRecord, SourceRecord, bytes_on_the_wire
from streams.events.request_decoding import decode_request
from streams.events.tick import decode_tick


def assess_requests(state: RequestState, records: Sequence[SourceRecord], rules: RequestRules) -> Outcome:
    """Apply records in their order. Changes `state`, which must have been made with the same `rules`.

    Raises FloodDetected when the breaker trips, NotAtHome when partitions were added; whatever is raised, neither
    `state` nor anything of the batch may be used afterwards. Counters of the outcome besides those of reports:
    `request:<kind>:<decision>`, `refused:<code>` and `clock:<obligation>:<step>`.
    """
    outcome = Outcome()
    for record in records:
        internal = is_internal(record)
        if internal:
            after = decode_tick(record)
            if after is not None:
                _apply_tick(state, after, record.timestamp, outcome)
                continue
        origin = origin_of(record) if internal else own_place(record)
        # Clock outcomes come by the internal topic alone: the stage of reports reads theirs and passes them on.
        take = _take_outcome if internal and origin.topic.endswith(CLOCK_OUTCOMES) else _take_request
        try:
            take(state, rules, record, internal, origin, outcome)
        except Rejected as rejected:
            outcome.outputs.append(OutputRecord(DEAD_LETTERS, None, *dead_letter(record, rejected)))
            outcome.counters[f"dead_letter:{rejected.reason}"] += 1
            flooded = state.flood.note(dead=True)
        else:
            flooded = state.flood.note(dead=False)
        if flooded and rules.dead_letter_breaker:
            raise FloodDetected(
                f"{state.flood.dead_letters} of the last {WINDOW} records of partition {state.partition} could not "
                "be read as requests. Nothing of this batch is written. Look at what is published; to let it pass "
                "into the dead letters, set TOCSIN_DEAD_LETTER_BREAKER=off."
            )
    counted = state.transparency.drain(state.now)
    outcome.outputs.extend(counted.records)
    outcome.changes = state.drain_changes() | counted.changes
    return outcome


def _apply_tick(state: RequestState, after: int, append_time: int, outcome: Outcome) -> None:
    """Move time on by a tick, unless a request was applied since it was written: then its time has passed."""
    if after != state.applied or not state.applied:
        outcome.counters["ticks_ignored"] += 1
        return
    outcome.counters["ticks_honoured"] += 1
    passed = max(0, append_time - state.newest_append)
    state.newest_append += passed
    serve_clocks(state, state.now + passed, outcome)


def _take_request(
    state: RequestState,
    rules: RequestRules,
    record: SourceRecord,
    internal: bool,
    origin: Origin,
    outcome: Outcome,
) -> None:
    """Send a request home, drop it as a duplicate, or apply it. Raises Rejected when it cannot be used."""
    decoded = decode_request(record.value, record.headers, origin.timestamp)
    request = decoded.request
    key, home = state.homes.of(request.request_id)
    if home != state.partition:
        _send_home(state, record, internal, key, home, outcome)
        return
    hashed = report_hash(decoded.ce_source, request.request_id)
    if hashed in state.recent:
        outcome.counters["duplicates"] += 1
        return
    state.recent.add(hashed)
    try:
        apply_request(state, rules, decoded, origin, outcome)
    except Exception as error:
        # Whatever it is, it stops the worker: an operator must be able to find the request.
        error.add_note(
            f"while applying request {request.request_id}: "
            f"{record.topic} partition {record.partition} offset {record.offset}"
        )
        raise


def _send_home(
    state: RequestState, record: SourceRecord, internal: bool, key: bytes, home: int, outcome: Outcome
) -> None:
    if internal:
        raise NotAtHome(
            f"{record.topic} partition {record.partition} offset {record.offset}: the home of this record is "
            f"partition {home} of {state.partitions}. The number of partitions was changed."
        )
    headers = with_origin(record)
    if bytes_on_the_wire(key, record.value, headers) > MAX_PASSED_ON_BYTES:
        limit = f"Must be at most {MAX_PASSED_ON_BYTES} bytes, uncompressed, with key and value."
        raise Rejected("oversized", "headers", limit)
    outcome.outputs.append(OutputRecord(REQUESTS_INTERNAL_TOPIC, home, key, record.value, headers))
    outcome.counters["rekeyed"] += 1


def _take_outcome(
    state: RequestState,
    rules: RequestRules,  # noqa: ARG001
    record: SourceRecord,
    internal: bool,
    origin: Origin,
    outcome: Outcome,
) -> None:
    """Apply an outcome that was passed on; one that was applied before has no effect. Raises Rejected."""
    decoded = decode_clock_outcome(record.value, record.headers, origin.timestamp)
    word = decoded.outcome
    key, home = state.homes.of(word.key)
    if home != state.partition:
        _send_home(state, record, internal, key, home, outcome)
        return
    hashed = outcome_hash(decoded.ce_source, word.outcome_id)
    if hashed in state.recent:
        outcome.counters["duplicates"] += 1
        return
    clock_key = ClockKey(word.key, word.clock_id)
    kept = state.clocks.find(clock_key)
    if kept is None:
        detail = "Must name a clock that is open for the request of `key`."
        raise Rejected("clock_not_running", "clock_id", detail)
    at = decoded.occurred_ms
    check_outcome(kept.clock, word.outcome, word.reason, at=at, now=max(state.now, at))
    state.recent.add(hashed)
    serve_clocks(state, state.note_time(decoded.occurred_ms, origin.timestamp), outcome)
    outcome.counters["clock_outcomes"] += 1
    settle(state, clock_key, kept, word, decoded.occurred_ms, outcome)
