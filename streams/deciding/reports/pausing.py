"""What a pause of a reporter takes out of a channel, and what is noted before for it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from streams.contract.events.internal.reporter_paused import ReporterPaused
from streams.contract.events.report import UNSPECIFIED, Category
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import DAY
from streams.counting.counts import ChannelCounts
from streams.counting.held_counts import CHANNEL_COUNTS, category_suffix
from streams.counting.windows import FINE_MS
from streams.counting.withdrawal.additions import Addition, PaneSums, Sightings
from streams.counting.withdrawal.watched import Watched, WatchedReports
from streams.deciding.partition.daily_counters import Cell
from streams.deciding.partition.rekey import require_home
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case

# A suspension is of no country: the person who is suspended is not asked where they are.
_NO_COUNTRY: Final = "XX"


class Unwatched(NamedTuple):
    """What counts have before a report of a reporter who was warned, by keyed hash."""

    reporter: int
    sightings: Sightings
    sums: PaneSums


def before_watched(batch: ReportBatch, channel_key: bytes, counts: ChannelCounts, case: Case) -> Unwatched:
    """Return what `note_watched` needs, before the report of a reporter who was warned is counted."""
    state, ref = batch.state, case.known_as
    assert ref is not None, "only a reporter with a ref is stamped"
    keys = state.reporter_keys
    reporter = keys.reporter_hash(ref)
    if keys.earlier:
        keys.move_over(state.counts, channel_key, batch.rules.suffixes, ref, reporter)
    return Unwatched(reporter, counts.sightings(reporter), counts.at(case.occurred, state.time.now))


def note_watched(
    batch: ReportBatch, channel_key: bytes, counts: ChannelCounts, case: Case, before: Unwatched
) -> None:
    """Note what a counted report of a reporter who was warned has added.

    In floor categories it stays one for review, as if it had come after the pause.
    """
    state, category = batch.state, case.report.category
    added = Addition.between(case.occurred // FINE_MS, before.sums, counts.at(case.occurred, state.time.now))
    if batch.rules.registry.categories[category].floor:
        added.pane.reports = 0
    watched = state.crowd.watched_in(channel_key) or WatchedReports()
    watched.note(before.reporter, category, before.sightings, added)
    state.crowd.put_watched(channel_key, watched, state.time.now)


def apply_pause(batch: ReportBatch, record: SourceRecord, paused: ReporterPaused) -> None:
    """Take out of a channel what a paused reporter has added since the warning, or count the pause.

    Levels that were reached stay. It does not move the partition's time. Raises NotAtHome if the number of
    partitions was changed.
    """
    state = batch.state
    if paused.channel is None:
        require_home(state, record, state.homes.of_key(record.key or b""))
        cell: Cell = ("suspensions", paused.counted_for)
        day = paused.decided_ms // DAY
        state.daily.count_for(day, state.time.now, _NO_COUNTRY, UNSPECIFIED, cell)
        return
    channel_key, home = state.homes.of(paused.channel)
    require_home(state, record, home)
    watched = state.crowd.watched_in(channel_key)
    if watched is None:
        return
    watched.rename(paused.earlier, paused.reporter)
    _take_out(batch, channel_key, paused, watched.take(paused.reporter))
    state.crowd.put_watched(channel_key, watched, state.time.now)
    batch.counters.weight_taken_out += 1


def _take_out(
    batch: ReportBatch, channel_key: bytes, paused: ReporterPaused, added: Mapping[Category, Watched]
) -> None:
    counts = batch.state.counts
    for category, watched in sorted(added.items()):
        key = CHANNEL_COUNTS + channel_key + category_suffix(category)
        entry = counts.find(key)
        if entry is not None:
            # Who has not reported here since the change of the key is counted under the earlier hash.
            entry.counts.rename_reporter(paused.earlier, paused.reporter)
            entry.counts.withdraw(paused.reporter, watched.before, watched.added)
            counts.aged(key, entry)
