"""Headers of outputs that hold the order of application, so that the logs alone can be replayed.

Records of a partition come by several topics and their interleaving is in none of them. `enriched-reports` and
`authority-routing` hold it. Whether a tick took effect before or after a record is in no other log either.
"""

from typing import Final

from streams.wire.records import Headers

# On the first report or request after ticks: how many of the ticks before it were honoured. On an outcome: how many were
# honoured since the last report or request.
TICKS_HEADER: Final = "tocsin-ticks"

# On the event that an outcome of a clock led to: how many reports or requests were applied before it.
AFTER_HEADER: Final = "tocsin-after"


def ticks_headers(ticks: int) -> Headers:
    """The headers of the output of a report or request before which so many ticks were honoured."""
    return [(TICKS_HEADER, b"%d" % ticks)] if ticks else []


def outcome_headers(applied: int, ticks: int) -> Headers:
    """The headers of what an outcome led to: it came after so many records, and so many ticks since the last of them."""
    return [(AFTER_HEADER, b"%d" % applied), (TICKS_HEADER, b"%d" % ticks)]
