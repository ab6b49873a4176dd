"""The native core at the gate: it reads ordinary reports that are published, and passes them on.

What it leaves out, `report_handler` reads: it is the judge, and refuses what is wrong.
"""

from collections.abc import Sequence

import tocsin_native

from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.records import SourceRecord
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.native.reading_rules import reading_rules
from streams.deciding.reports.rules import ReportRules

# As the extension numbers them: to the home of the channel, and to that of the reporter.
_FORMS = (STAMPED_REPORTS, PASSED_REPORTS)


class NativeGate:
    """Passes ordinary reports on to the homes of their reporters and channels, by one set of rules."""

    __slots__ = ("_gate",)

    def __init__(self, rules: ReportRules) -> None:
        self._gate = tocsin_native.Gate(reading_rules(rules))

    def apply(self, batch: ReportBatch, records: Sequence[SourceRecord], begin: int) -> int:
        """Pass records on from `begin` on, until one is out of the ordinary; return how many it were.

        What the batch then holds is to the byte what the handler would have made of them. Raises what fails
        at the first one.
        """
        state, topic = batch.state, records[begin].topic
        # Operators decided about a source.
        if state.sources:
            return 0
        until = None if batch.until is None else batch.until.get(topic)
        place = state.partition, state.partitions
        entries, latest = self._gate.read(records, begin, place, until)
        if not entries:
            return 0
        batch.passed_on.encoded(_FORMS, entries)
        batch.read(topic, latest)
        to_reporters = sum(form for form, _, _, _ in entries)
        batch.counters.passed_to_reporters += to_reporters
        batch.counters.rekeyed += len(entries) - to_reporters
        batch.counters.natively += len(entries)
        state.breaker.note_read(len(entries))
        return len(entries)
