"""Output headers that record the order of application, so the logs alone can be replayed.

Records of a partition arrive through several topics, and none of these shows how they were interleaved.
`enriched-reports` and `authority-routing` do. Whether a tick took effect before or after a record, or a
decision before or after a report, is in no other log either.
"""

from typing import Final

from streams.contract.wire.records import Headers

# On the first report or request after ticks: the number of ticks honoured before it. On an outcome: the
# number honoured since the last report or request.
TICKS_HEADER: Final = "tocsin-ticks"

# On the first report after decisions of people: in which order they were read (reports/decisions_read.py).
DECISIONS_HEADER: Final = "tocsin-decisions"

# On the event that an outcome of a clock led to: the number of reports or requests applied before it.
AFTER_HEADER: Final = "tocsin-after"


def ticks_headers(ticks: int) -> Headers:
    """Return the headers for the output of a report or request before which `ticks` ticks were honoured."""
    return [(TICKS_HEADER, b"%d" % ticks)] if ticks else []


def outcome_headers(applied: int, ticks: int) -> Headers:
    """Return the headers for an outcome's output: records applied before it, ticks since the last of them."""
    return [(AFTER_HEADER, b"%d" % applied), (TICKS_HEADER, b"%d" % ticks)]
