"""Which records led to what a batch publishes, and which traces they belong to.

Every escalation, judgement of a request and dead letter names the record that led to it, so what decides need
not know of traces.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from streams.contract.events.internal.passed_report import CheckedReport
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.envelope import TRACEPARENT
from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.origin import origin_of, read_origin
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import AUTHORITY_ROUTING, DEAD_LETTERS, ESCALATIONS, ESCALATIONS_SHADOW
from streams.running.log.log import Write

RecordPlace = tuple[str, int, int]
"""Topic (with prefix), partition and offset of a record, where its publisher wrote it."""


class _Trace(msgspec.Struct):
    partition_offsets: dict[str, int]


class _Escalation(msgspec.Struct):
    trace: _Trace


_decode = msgspec.json.Decoder(_Escalation).decode


def _of_escalation(write: Write) -> Iterator[RecordPlace]:
    for place, offset in _decode(write[1] or b"").trace.partition_offsets.items():
        topic, _, partition = place.rpartition("/")
        yield topic, int(partition), offset


def _of_routing(write: Write) -> Iterator[RecordPlace]:
    # If time alone changed a clock, there is none.
    if (origin := read_origin(write[2])) is not None:
        yield origin.topic, origin.partition, origin.offset


def _of_dead_letter(write: Write) -> Iterator[RecordPlace]:
    headers = dict(write[2])
    yield headers["tocsin-topic"].decode(), int(headers["tocsin-partition"]), int(headers["tocsin-offset"])


_CAUSES: Final[Mapping[str, Callable[[Write], Iterator[RecordPlace]]]] = {
    ESCALATIONS: _of_escalation,
    ESCALATIONS_SHADOW: _of_escalation,
    AUTHORITY_ROUTING: _of_routing,
    DEAD_LETTERS: _of_dead_letter,
}


def causes(topic: str, writes: Iterable[Write]) -> Iterator[RecordPlace]:
    """Yield the places of the records that led to `writes` to a topic (without prefix).

    What time alone led to names an earlier record, or none.
    """
    of_one = _CAUSES[topic]
    for write in writes:
        yield from of_one(write)


def traceparents(
    records: Sequence[SourceRecord], places: Collection[RecordPlace]
) -> Mapping[RecordPlace, bytes]:
    """Return the traceparent, as published, of each report or other record that has one and is from `places`.

    Bundles among `records` are unpacked once more: only where something notable was decided, and a tenth of
    what its reports cost.
    """
    found = {}
    for record in records:
        if (bundled := _reports_in(record)) is None:
            place = origin_of(record)[:3]
            if place in places and (header := dict(record.headers).get(TRACEPARENT)):
                found[place] = header
            continue
        for report in bundled:
            place = report.topic, report.partition, report.offset
            if report.traceparent is not None and place in places:
                found[place] = report.traceparent.encode()
    return found


def _reports_in(record: SourceRecord) -> Sequence[CheckedReport[Any]] | None:
    """Return the reports in a bundle, none if it cannot be read; None for any other record."""
    try:
        if PASSED_REPORTS.is_bundle(record):
            return [entry.report for entry in PASSED_REPORTS.read(record).entries]
        if STAMPED_REPORTS.is_bundle(record):
            return [entry.report for entry in STAMPED_REPORTS.read(record).entries]
    except (Rejected, ValueError):
        return ()
    return None
