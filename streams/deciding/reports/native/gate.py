"""The native core at the gate: it reads ordinary reports that are published, and passes them on.

What it leaves out, `report_handler` reads: it is the judge, and refuses what is wrong.
"""

from collections.abc import Sequence

import msgspec
import tocsin_native

from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.records import SourceRecord
from streams.deciding.partition.native.fast_path import FailedAt
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.native.gate_rules import gate_rules, source_of
from streams.deciding.reports.native.home import NativeChannelHome
from streams.deciding.reports.rules import ReportRules

# As the extension numbers them: to the home of the channel, and to that of the reporter.
_FORMS = (STAMPED_REPORTS, PASSED_REPORTS)
# The channel's home is here.
_HERE = 2


class NativeGate:
    """Passes ordinary reports on to the homes of their reporters and channels, by one set of rules.

    Those whose channel is at home here are applied by `home`.
    """

    __slots__ = ("_gate", "_home")

    def __init__(self, rules: ReportRules, home: NativeChannelHome) -> None:
        self._gate = tocsin_native.Gate(encode(gate_rules(rules)), source_of=source_of)
        self._home = home

    def apply(
        self, batch: ReportBatch, records: Sequence[SourceRecord], begin: int, more_outputs: int
    ) -> int:
        """Pass records on from `begin` on, until one is out of the ordinary; return how many it were.

        What the batch then holds is to the byte what the handler would have made of them. Raises what fails
        at the first one, and FailedAt.
        """
        state, topic = batch.state, records[begin].topic
        until = None if batch.until is None else batch.until.get(topic)
        place = state.partition, state.partitions
        entries, latest = self._gate.read(records, begin, place, until)
        if not entries:
            return 0
        here = entries.pop() if entries[-1][0] == _HERE else None
        number = len(entries)
        batch.passed_on.encoded(_FORMS, entries)
        to_reporters = sum(form for form, _, _, _ in entries)
        batch.counters.passed_to_reporters += to_reporters
        batch.counters.rekeyed += number - to_reporters
        batch.counters.natively += number
        state.breaker.note_read(number)
        if here is not None:
            try:
                number += self._home.apply(batch, [msgspec.Raw(here[-1])], 0, more_outputs)
            except FailedAt as failed:
                raise FailedAt(number) from failed.__cause__
        if number:
            batch.read(topic, latest)
        return number
