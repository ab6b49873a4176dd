"""The one function that judges requests of authorities, as `streams.reports.handle` does reports.

It knows no clock, no randomness and no Kafka: outputs and state are a function of the order of application alone.
Orders enter here and nowhere else: nothing that comes as a report gets into this function.
"""

from collections.abc import Sequence
from functools import partial

from streams.partition.batch import Outcome
from streams.partition.clock_outcomes import claim_clock
from streams.partition.duplicates import report_hash
from streams.partition.homecoming import send_home
from streams.partition.loop import apply_records, place_note
from streams.requests.apply import apply_request
from streams.requests.clock_events import serve_clocks, settle
from streams.requests.replay import settled_headers
from streams.requests.rules import RequestRules
from streams.requests.state import RequestState
from streams.wire.origin import Origin
from streams.wire.outcome_decoding import decode_clock_outcome
from streams.wire.records import SourceRecord
from streams.wire.request_decoding import decode_request
from streams.wire.topics import AUTHORITY_REQUESTS_INTERNAL


def assess_requests(state: RequestState, records: Sequence[SourceRecord], rules: RequestRules) -> Outcome:
    """Apply records in their order. Changes `state`, which must have been made with the same `rules`.

    Outcomes of clocks come by the internal topic, as the stage of reports passes them on; a replay gives them from
    their own place. Raises FloodDetected when the breaker trips, NotAtHome when partitions were added; whatever is
    raised, neither `state` nor anything of the batch may be used afterwards. Counters of the outcome besides those of
    reports: `request:<kind>:<decision>`, `refused:<code>` and `clock:<obligation>:<step>`.
    """
    return apply_records(
        state,
        records,
        partial(_take_request, state, rules),
        partial(_take_outcome, state),
        partial(serve_clocks, state),
        kind="requests",
        breaker=rules.dead_letter_breaker,
    )


def _take_request(
    state: RequestState, rules: RequestRules, record: SourceRecord, origin: Origin, outcome: Outcome
) -> None:
    """Send a request home, drop it as a duplicate, or apply it. Raises Rejected when it cannot be used."""
    decoded = decode_request(record.value, record.headers, origin.timestamp)
    request = decoded.request
    key, home = state.homes.of(request.request_id)
    if home != state.partition:
        send_home(state, record, AUTHORITY_REQUESTS_INTERNAL, key, home, outcome)
        return
    hashed = report_hash(decoded.ce_source, request.request_id)
    if hashed in state.recent:
        outcome.counters["duplicates"] += 1
        return
    state.recent.add(hashed)
    try:
        apply_request(state, rules, decoded, origin, outcome)
    except Exception as error:
        error.add_note(place_note(f"request {request.request_id}", record))
        raise


def _take_outcome(state: RequestState, record: SourceRecord, origin: Origin, outcome: Outcome) -> None:
    """Apply an outcome that was passed on; one that was applied before has no effect. Raises Rejected."""
    decoded = decode_clock_outcome(record.value, record.headers, origin.timestamp)
    word = decoded.outcome
    key, home = state.homes.of(word.key)
    if home != state.partition:
        send_home(state, record, AUTHORITY_REQUESTS_INTERNAL, key, home, outcome)
        return
    claimed = claim_clock(state, decoded, outcome)
    if claimed is None:
        return
    serve_clocks(state, state.note_time(decoded.occurred_ms, origin.timestamp), outcome)
    outcome.counters["clock_outcomes"] += 1
    headers = settled_headers(origin, state.applied, state.ticks)
    settle(state, *claimed, word, decoded.occurred_ms, headers, outcome)
