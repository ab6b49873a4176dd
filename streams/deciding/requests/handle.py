"""The handlers of the stage of requests, one for each topic from which its records come."""

from collections.abc import Mapping

from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.origin import Origin
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import AUTHORITY_REQUESTS, AUTHORITY_REQUESTS_INTERNAL, CLOCK_OUTCOMES
from streams.deciding.partition.legal_clocks import apply_clock_outcome
from streams.deciding.partition.rekey import key_or_rekey
from streams.deciding.partition.stage import Handler
from streams.deciding.requests.apply import apply_request
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.keeping import count_from_fulfilment
from streams.deciding.requests.resuming import publish_outcome


def handle_request(batch: RequestBatch, record: SourceRecord, origin: Origin) -> None:
    """Apply a request, re-key it to its home, or drop it as a duplicate. Raises Rejected if it is invalid."""
    decoded = batch.rules.read_request(record.value, record.headers, origin.timestamp)
    request = decoded.event
    if key_or_rekey(batch, record, request.request_id, AUTHORITY_REQUESTS_INTERNAL) is None:
        return
    recent = batch.state.recent
    # The home depends on the id, so a request of another id cannot suppress this one.
    hashed = recent.new_event(decoded.ce_source, request.request_id, request.request_id)
    if hashed is None:
        batch.counters.duplicates += 1
        return
    batch.advance(decoded.time_ms, origin.timestamp)
    recent.add(hashed, batch.state.time.now)
    apply_request(batch, origin, decoded)


def handle_clock_outcome(batch: RequestBatch, record: SourceRecord, origin: Origin) -> None:
    """Apply an outcome of a request's clock, passed on by the stage of reports.

    Raises Rejected if it is invalid or does not fit the clock.
    """
    decoded = decode_clock_outcome(record.value, record.headers, origin.timestamp)
    if key_or_rekey(batch, record, decoded.event.key, AUTHORITY_REQUESTS_INTERNAL) is None:
        return
    applied = apply_clock_outcome(batch, origin, decoded, publish_outcome)
    if applied is not None:
        count_from_fulfilment(batch, decoded.event.key, *applied)


HANDLERS: Mapping[str, Handler] = {
    AUTHORITY_REQUESTS: handle_request,
    CLOCK_OUTCOMES: handle_clock_outcome,
}
"""By original topic. Outcomes arrive through the internal topic, from the stage of reports."""
