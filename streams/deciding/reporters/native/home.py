"""The native core at the home of reporters: it notes ordinary reports, and sends them on with their stamps.

What it leaves out, `handle_passed_report` notes.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import tocsin_native

from streams.contract.events.report import REPORTER_KINDS, ReporterKind
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.times import DAY
from streams.deciding.reporters.activity import CHANNELS, bits_of
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.reporter import WITHOUT_SIGNATURE
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.trust import untried

_FORMS = (STAMPED_REPORTS,)
_encode = msgspec.msgpack.Encoder().encode


class NativeReporterHome:
    """Notes ordinary reports by one set of rules."""

    __slots__ = ("_home",)

    def __init__(self, rules: ReporterStageRules) -> None:
        self._home = tocsin_native.ReporterHome(_handed_over(rules))

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
            state.reporters,
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
        # Of none an outcome is known.
        counters.stamped["low"] += number
        counters.over_limit += noted.over_limit
        state.breaker.note_read(number)
        return number


def _handed_over(rules: ReporterStageRules) -> dict[str, Any]:
    # What detectors find is judged in Python.
    kinds = [kind for kind in REPORTER_KINDS if kind != "automated"]
    return {
        "kinds": {kind: _kind(rules, kind) for kind in kinds},
        "floor": {category: row.floor for category, row in rules.categories.items()},
        "channels": CHANNELS,
        "hash_key": rules.hash_key.secret,
    }


def _kind(rules: ReporterStageRules, kind: ReporterKind) -> tuple[bytes, int | None, int | None, bool]:
    trust = untried(rules.trust.priors[kind])
    many = rules.trust.channels_per_week[kind]
    return (
        # The elements of a stamp, without the head of the array.
        _encode((trust.trust_class, trust.mean, trust.lower, trust.outcomes))[1:],
        rules.trust.reports_per_day[kind],
        None if many is None else bits_of(many),
        kind not in WITHOUT_SIGNATURE,
    )
