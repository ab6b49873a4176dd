"""What internal topics carry, whatever bundles it is in: their entries one by one."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from streams.contract.events.internal.credit import ReporterCredit
from streams.contract.events.internal.passed_report import StoredStamp
from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.wire.forms.credit import CREDITS
from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.forms.stamp import stamp_of, stored_signature
from streams.contract.wire.records import OutputRecord, SourceRecord

FORMS = (PASSED_REPORTS, STAMPED_REPORTS, CREDITS)


def entries(records: Iterable[SourceRecord | OutputRecord]) -> Iterator[Any]:
    """The entries of all bundles among the records, in their order; other records are passed over."""
    for record in records:
        for form in FORMS:
            if form.is_bundle(record):  # type: ignore[arg-type]
                yield from form.read(record).entries  # type: ignore[arg-type]


def credits_in(records: Iterable[SourceRecord | OutputRecord]) -> list[ReporterCredit]:
    """The credits on their way to the homes of reporters, each of which must be that of its hash."""
    found = []
    for record in records:
        if CREDITS.is_bundle(record):  # type: ignore[arg-type]
            partitions, credits = CREDITS.read(record)  # type: ignore[arg-type]
            homes = {home_partition(b"%016x" % credit.reporter, partitions) for credit in credits}
            assert homes == {record.partition}
            found += credits
    return found


def stored_stamp(stamp: ReportStamp) -> StoredStamp:
    """A stamp as it is in an entry."""
    return StoredStamp(*stamp[:7], stored_signature(stamp.signature), *stamp[8:])


def stamps(records: Iterable[SourceRecord | OutputRecord]) -> list[ReportStamp | None]:
    """The stamp of each report on its way to its channel's home."""
    return [
        None if entry.stamp is None else stamp_of(entry.stamp)
        for entry in entries(record for record in records if record.topic.endswith(STAMPED_REPORTS.topic))
    ]


def expanded(outputs: Iterable[OutputRecord]) -> list[OutputRecord]:
    """The outputs with a row of its own for each entry.

    Rows of an internal topic are sorted by destination, as only there they have an order: bundles are written
    when a batch ends. They follow all others.
    """
    plain: list[OutputRecord] = []
    internal: list[OutputRecord] = []
    for output in outputs:
        form = next((form for form in FORMS if form.is_bundle(output)), None)  # type: ignore[arg-type]
        if form is not None:
            rows = form.read(output).entries  # type: ignore[arg-type]
            internal += [output._replace(value=msgspec.msgpack.encode(row)) for row in rows]
        elif output.topic in (PASSED_REPORTS.topic, STAMPED_REPORTS.topic):
            internal.append(output)
        else:
            plain.append(output)
    return plain + sorted(internal, key=lambda row: (row.topic, row.partition))
