"""The order of application, told again by the logs.

Reports of a partition come by two topics and their interleaving is in neither; `enriched-reports` holds it. Ticks are
in the internal topic, and the enriched reports say how many of them took effect before each.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from streams.events.enriched_report import Source
from streams.events.record import Headers, SourceRecord
from streams.events.tick import decode_tick

# On the first report after ticks: how many of those with its `after` were honoured. Whether a tick came before or
# after that report is in no other log, and a replay must know.
TICKS_HEADER = "tocsin-ticks"


class Applied(NamedTuple):
    """One report in the order of application: the place of its original record, and the ticks honoured before it."""

    source: Source
    ticks: int


def applied_of(source: Source, headers: Headers) -> Applied:
    """What a record of `enriched-reports` (its `source` field and its headers) says of the order."""
    return Applied(source, int(dict(headers).get(TICKS_HEADER, b"0")))


def order_of_application(
    applied: Iterable[Applied], record_at: Callable[[Source], SourceRecord], ticks: Iterable[SourceRecord]
) -> Iterator[SourceRecord]:
    """Yield the records to give to `assess`, from an empty state on, to get what the partition's owner got.

    `applied` is a whole partition of `enriched-reports` in order, `record_at` finds original records, `ticks` are
    those of the same partition of the internal topic in order; other records among them are passed over. What was
    dead-lettered, re-keyed away or a duplicate left no trace in counts and is not yielded.
    """
    waiting: dict[int, list[SourceRecord]] = defaultdict(list)
    for record in ticks:
        after = decode_tick(record)
        if after is not None:
            waiting[after].append(record)
    number = 0
    for number, report in enumerate(applied, 1):
        yield from waiting[number - 1][: report.ticks]
        yield record_at(report.source)
    yield from waiting[number]
