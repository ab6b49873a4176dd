"""The native core at the home of reporters: it notes ordinary reports, and sends them on with their stamps.

What it leaves out, `handle_passed_report` notes.
"""

from collections.abc import Sequence

import msgspec
import tocsin_native

from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.times import DAY
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.native.home_rules import reporter_home_rules
from streams.deciding.reporters.native.known import known_by
from streams.deciding.reporters.rules import ReporterStageRules

_FORMS = (STAMPED_REPORTS,)


class NativeReporterHome:
    """Notes ordinary reports by one set of rules."""

    __slots__ = ("_home",)

    def __init__(self, rules: ReporterStageRules) -> None:
        self._home = tocsin_native.ReporterHome(encode(reporter_home_rules(rules)), known_of=known_by(rules))

    def apply(
        self, batch: ReporterBatch, entries: Sequence[msgspec.Raw], begin: int, _more_outputs: int
    ) -> int:
        """Note reports from `begin` on, until one is out of the ordinary; return how many it were.

        What batch and state then hold is what the handler would have made of them. Raises what fails at the
        first one.
        """
        state = batch.state
        time, recent = state.time, state.recent
        # Hashes need to be looked up in two ways.
        if recent.has_hashes_without_key:
            return 0
        # With a day it is forgotten who was silent for long.
        due = state.due.earliest()
        next_day = (time.now // DAY + 1) * DAY
        noted = self._home.apply(
            entries,
            begin,
            # None of them makes others be forgotten before it is looked up.
            min(len(entries), begin + recent.room),
            state.partitions,
            (time.now, time.newest_append, next_day if due is None else min(due, next_day)),
            (recent.fresh, recent.table),
            (state.reporters, state.parts),
            state.newcomers,
        )
        number = len(noted.event_times)
        if not number:
            return 0
        recent.add_all(noted.hashes, noted.now)
        batch.passed_on.encoded(_FORMS, [(0, *entry) for entry in noted.entries])
        time.restore(time.applied + number, noted.now, noted.newest_append, 0)
        batch.event_times += noted.event_times
        counters = batch.counters
        counters.applied += number
        counters.natively += number
        counters.stamped.update(noted.stamped)
        counters.over_limit += noted.over_limit
        counters.detector_reports += len(noted.findings)
        for trust in noted.findings:
            counters.detector_trust += trust
        state.breaker.note_read(number)
        return number
