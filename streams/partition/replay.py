"""The order of application, told again by the logs.

Reports of a partition come by two topics and their interleaving is in neither; `enriched-reports` holds it. Ticks are
in the internal topic, and the enriched reports say how many of them took effect before each. The escalation that the
outcome of a clock leads to says where the outcome's record stands, and what was applied before it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.events.enriched_report import Source
from streams.events.escalation import Trace
from streams.wire.records import Headers, SourceRecord
from streams.wire.tick import decode_tick

# On the first report after ticks: how many of those with its `after` were honoured. Whether a tick came before or
# after that report is in no other log, and a replay must know. On an outcome: how many were since the last report.
TICKS_HEADER = "tocsin-ticks"

# On the escalation that an outcome led to: how many reports were applied before it.
AFTER_HEADER = "tocsin-after"


class Applied(NamedTuple):
    """One report in the order of application: the place of its original record, and the ticks honoured before it."""

    source: Source
    ticks: int


class AppliedOutcome(NamedTuple):
    """One outcome of a clock: the place of its original record, the reports applied before it, the ticks since those."""

    source: Source
    after: int
    ticks: int


class _Traced(msgspec.Struct):
    trace: Trace


_decode_trace = msgspec.json.Decoder(_Traced).decode


def applied_of(source: Source, headers: Headers) -> Applied:
    """What a record of `enriched-reports` (its `source` field and its headers) says of the order."""
    return Applied(source, int(dict(headers).get(TICKS_HEADER, b"0")))


def outcome_headers(applied: int, ticks: int) -> Headers:
    """The headers that tell when an outcome was applied: after so many reports, and so many ticks since the last."""
    return [(AFTER_HEADER, b"%d" % applied), (TICKS_HEADER, b"%d" % ticks)]


def outcome_of(value: bytes, headers: Headers) -> AppliedOutcome | None:
    """What a record of `escalations` says of an outcome; None if it is no outcome that led to it."""
    told = dict(headers)
    if AFTER_HEADER not in told:
        return None
    [(place, offset)] = _decode_trace(value).trace.partition_offsets.items()
    topic, _, partition = place.rpartition("/")
    return AppliedOutcome(
        Source(topic, int(partition), offset), int(told[AFTER_HEADER]), int(told[TICKS_HEADER])
    )


def order_of_application(
    applied: Iterable[Applied],
    record_at: Callable[[Source], SourceRecord],
    ticks: Iterable[SourceRecord],
    outcomes: Iterable[AppliedOutcome] = (),
) -> Iterator[SourceRecord]:
    """Yield the records to give to `assess`, from an empty state on, to get what the partition's owner got.

    `applied` is a whole partition of `enriched-reports` in order, `record_at` finds original records, `ticks` are
    those of the same partition of the internal topic in order, below the owner's position; other records among them are
    passed over. `outcomes` are those of the partition's channels in the order of `escalations`. What was dead-lettered,
    re-keyed away or a duplicate left no trace in counts and is not yielded.
    """
    ticks_after: dict[int, list[SourceRecord]] = defaultdict(list)
    for record in ticks:
        after = decode_tick(record)
        if after is not None:
            ticks_after[after].append(record)
    outcomes_after: dict[int, list[AppliedOutcome]] = defaultdict(list)
    for told in outcomes:
        outcomes_after[told.after].append(told)

    def between(number: int, honoured: int | None) -> Iterator[SourceRecord]:
        waiting = ticks_after[number][:honoured]
        passed = 0
        for told in outcomes_after[number]:
            yield from waiting[passed : told.ticks]
            passed = told.ticks
            yield record_at(told.source)
        yield from waiting[passed:]

    number = 0
    for number, report in enumerate(applied, 1):
        yield from between(number - 1, report.ticks)
        yield record_at(report.source)
    yield from between(number, None)
