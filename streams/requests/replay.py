"""The order in which requests were applied, told again by the log of their routing.

As for reports (see `streams.partition.replay`): requests and outcomes come by several topics, and their interleaving is
in none of them. Each step on `authority-routing` that a record led to says where that record first stood.

    told = [applied_of(record.headers) for record in a whole partition of authority-routing, in order]
    order = order_of_application(
        [each for each in told if isinstance(each, Applied)],
        record_at,  # finds a record of authority-requests or clock-outcomes by its Source
        the same partition of authority-requests-internal, in order,
        [each for each in told if isinstance(each, AppliedOutcome)],
    )
    assess_requests(RequestState(partition, partitions, rules), list(order), rules)

That writes the same bytes to authority-routing and leads to the same state, the window of floods aside.
"""

from streams.events.enriched_report import Source
from streams.partition.replay import AFTER_HEADER, TICKS_HEADER, Applied, AppliedOutcome, outcome_headers
from streams.wire.origin import ORIGIN_HEADER, Origin, read_origin, written_origin
from streams.wire.records import Headers


def request_headers(origin: Origin, ticks: int) -> Headers:
    """The headers of what a request came to; `ticks` were honoured since the request before it."""
    told = [(ORIGIN_HEADER, written_origin(origin))]
    return [*told, (TICKS_HEADER, b"%d" % ticks)] if ticks else told


def settled_headers(origin: Origin, applied: int, ticks: int) -> Headers:
    """The headers of what an outcome did: it came after so many requests, and so many ticks since the last of them."""
    return [(ORIGIN_HEADER, written_origin(origin)), *outcome_headers(applied, ticks)]


def applied_of(headers: Headers) -> Applied | AppliedOutcome | None:
    """What the headers of a record of `authority-routing` say of the order; None for a step by time alone."""
    origin = read_origin(headers)
    if origin is None:
        return None
    source = Source(origin.topic, origin.partition, origin.offset)
    told = dict(headers)
    ticks = int(told.get(TICKS_HEADER, b"0"))
    if AFTER_HEADER not in told:
        return Applied(source, ticks)
    return AppliedOutcome(source, int(told[AFTER_HEADER]), ticks)
