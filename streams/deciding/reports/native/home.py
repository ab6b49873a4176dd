"""The native core at the home of channels: it counts ordinary reports, and publishes them with their law.

What it leaves out, `handle_stamped_report` applies. Where something may follow from a report, Python judges.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import tocsin_native

from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.checked_report import report_of
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.forms.stamp import stamp_of
from streams.contract.wire.origin import Origin
from streams.contract.wire.records import OutputRecord, new_tuple
from streams.contract.wire.times import DAY
from streams.counting.coordination.distinct_sketch import KEPT
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.partition.native.fast_path import FailedAt
from streams.deciding.reports.apply import judge_counted, since_last_report
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.escalation.episodes import Open
from streams.deciding.reports.native.finders import decision_teller, finding_json, law_finder
from streams.deciding.reports.native.home_rules import channel_home_rules
from streams.deciding.reports.rules import ReportRules


class _State(NamedTuple):
    """The parts of a partition's state that native/src/channel_home.rs uses, by the names that it knows."""

    fresh: Any
    ids: Any
    admit: Any
    counts: Any
    messages: Any
    arrivals: Any
    clusters: Any
    note_link: Any
    tell_decided: Any
    is_tripped: Any
    episodes: Any
    any_rests: bool
    partition: int
    guard: tuple[int, int] | None


class NativeChannelHome:
    """Applies ordinary reports by one set of rules."""

    __slots__ = ("_home",)

    def __init__(self, rules: ReportRules) -> None:
        self._home = tocsin_native.ChannelHome(
            encode(channel_home_rules(rules)),
            find_law=law_finder(rules),
            finding_of=finding_json,
            open_episode=Open,
        )

    def apply(self, batch: ReportBatch, entries: Sequence[msgspec.Raw], begin: int, more_outputs: int) -> int:
        """Apply reports from `begin` on, until one is out of the ordinary; return how many it were.

        What batch and state then hold is what the handler would have made of them. Raises FailedAt.
        """
        state, rules = batch.state, batch.rules
        time, recent, keys = state.time, state.recent, state.reporter_keys
        if (
            rules.trial is not None
            or rules.cases_alone
            # Reporters and ids need to be looked up in two ways.
            or rules.hash_keys.previous is not None
            or keys.earlier
            or recent.has_hashes_without_key
        ):
            return 0
        due = state.due.earliest()
        next_day = (time.now // DAY + 1) * DAY
        try:
            counted = self._home.apply(
                entries,
                # None of them makes others be forgotten before it is looked up.
                (begin, min(len(entries), begin + recent.room)),
                more_outputs,
                (
                    time.now,
                    time.newest_append,
                    next_day if due is None else min(due, next_day),
                    recent.forgotten_until,
                ),
                since_last_report(state),
                _parts(batch),
            )
        except Exception as error:
            raise FailedAt(self._home.failed_at) from error
        number = len(counted.event_times)
        if not number:
            return 0
        recent.add_all(counted.hashes, counted.now)
        batch.outputs += [new_tuple(OutputRecord, row) for row in counted.outputs]
        for counter in counted.daily:
            state.daily.count(*counter)
        time.restore(time.applied + number, counted.now, counted.newest_append, 0)
        batch.event_times += counted.event_times
        counters = batch.counters
        counters.applied += number
        counters.counted_natively += number
        counters.linked += counted.linked
        counters.links_without_effect += counted.links_without_effect
        state.breaker.note_read(number)
        if counted.judge:
            try:
                _judge(batch, entries[begin + number - 1])
            except Exception as error:
                raise FailedAt(number - 1) from error
        return number


def _parts(batch: ReportBatch) -> _State:
    state = batch.state
    crowd = state.crowd
    guard = crowd.guard
    return _State(
        state.recent.fresh,
        state.recent.table,
        state.newcomers.admit_all,
        state.counts,
        crowd.reporters,
        crowd.arrivals,
        crowd.clusters,
        crowd.note_link,
        decision_teller(batch),
        guard.tripped,
        state.episodes,
        len(state.budgets) > 0,
        state.partition,
        (guard.day, guard.active[-1]) if len(guard.active) == KEPT else None,
    )


def _judge(batch: ReportBatch, raw: msgspec.Raw) -> None:
    """Judge a report that was counted and published just now."""
    state, entry = batch.state, STAMPED_REPORTS.entry(raw)
    checked = entry.report
    report = report_of(checked)
    stamp = None if entry.stamp is None else stamp_of(entry.stamp)
    rules = batch.rules.of(report.channel.ref)
    origin = Origin(checked.topic, checked.partition, checked.offset, checked.appended)
    risk = rules.risk_model.score(report, 1.0 if stamp is None else stamp.factor)
    law = rules.resolver.resolve(report)
    case = Case(report, checked.ce_source, checked.occurred, origin, law, risk, stamp)
    channel_key, plan = checked.channel_ref.encode(), rules.plans[report.category]
    found = state.counts.find(CHANNEL_COUNTS + channel_key + plan.suffix)
    assert found is not None
    windows = [found.counts.measure(spec, state.time.now) for spec in plan.windows]
    judge_counted(batch, case, channel_key, rules, found.counts, windows, len(batch.outputs))
