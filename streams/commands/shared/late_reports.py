"""Tells in which policies' windows a late report cannot be, from the reports that were applied before it."""

from datetime import datetime

import msgspec

from streams.commands.shared.reach import Reach
from streams.contract.events.report import Category
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import epoch_ms


class _Report(msgspec.Struct):
    category: Category
    occurred_at: datetime


class _Enriched(msgspec.Struct):
    report: _Report


_DECODER = msgspec.json.Decoder(_Enriched)


class Applied(msgspec.Struct, frozen=True):
    """When a report occurred, and the least that the time of its partition was when it was applied (ms)."""

    category: Category
    occurred: int
    now: int


class LateReports:
    """Follows the records of `enriched-reports`, of each partition in the order of its log.

    A partition's time is that of the newest report applied, or later by its ticks, which are in no log of
    outputs. So what is late by what was read is late; from the middle of a log on some lateness is missed.
    """

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}

    def note(self, record: SourceRecord) -> Applied | None:
        """Note a record; None if it is no enriched report."""
        try:
            report = _DECODER.decode(record.value or b"").report
        except msgspec.DecodeError:
            return None
        occurred = epoch_ms(report.occurred_at)
        now = max(occurred, self._newest.get(record.partition, 0))
        self._newest[record.partition] = now
        return Applied(report.category, occurred, now)


def out_of_reach(reach: Reach, applied: Applied | None) -> str | None:
    """Which policies do not judge a report that was late; None if it was not, or all do."""
    if applied is None:
        return None
    return reach.out_of_reach(applied.category, applied.occurred, applied.now)
