"""Applies what people decided about a reporter: a warning, a pause, or the end of both."""

from datetime import date
from typing import Final, get_args

import msgspec

from streams.contract.events.internal.reporter_history import ReporterRehashed
from streams.contract.events.internal.reporter_paused import PausedFor, ReporterPaused
from streams.contract.events.report import ReporterKind
from streams.contract.events.reporter_notice import StandingNotice
from streams.contract.events.reporter_standing import ReporterStanding, StandingKind
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.reporter_history import (
    FORWARDED_HEADER,
    REPORTER_HEADER,
    earlier_hash,
    reporter_in,
    times_forwarded,
)
from streams.contract.wire.forms.reporter_notice import encode_standing_notice
from streams.contract.wire.forms.reporter_paused import reporter_paused_record
from streams.contract.wire.forms.reporter_standing_decoding import decode_reporter_standing
from streams.contract.wire.origin import Origin
from streams.contract.wire.reading import Decoded
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import DAY, epoch_ms, from_epoch_ms, months_later
from streams.contract.wire.topics import REPORTERS_INTERNAL
from streams.deciding.partition.rekey import pass_on
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.finding import reporter_of
from streams.deciding.reporters.rehashing import MOST_FORWARDED, ask_for_history
from streams.deciding.reporters.reporter import Reporter
from streams.deciding.reporters.standing import DecidedStanding
from streams.deciding.reporters.store import keep
from streams.registry.reporter_rules import StandingTerms

# As for decisions about reports (deciding/reports/credits.py): article 20 does not name this one, but who may
# complain about a single report should not have less time to complain about all of them.
_CONTEST_MONTHS: Final = 6


# Whose reports can be paused. What detectors and trusted flaggers send has other safeguards, and a reporter
# may be of several kinds, one after the other.
_CONCERNED: Final = frozenset(get_args(StandingKind))


def note_standing(reporter: Reporter, kind: ReporterKind, now: int, channel_ref: str) -> tuple[bool, bool]:
    """Note a report of a reporter about whom people decided; return whether it is paused, and watched.

    Forgets what was decided when nothing of it is needed any more at `now`, the partition's time (ms).
    """
    standing = reporter.standing
    if standing is None or kind not in _CONCERNED:
        return False, False
    if now >= standing.needed_until():
        reporter.standing = None
        return False, False
    if standing.is_paused(now):
        # It adds nothing that a later pause could take out.
        return True, False
    standing.note_channel(now, channel_ref)
    return False, True


def handle_standing(batch: ReporterBatch, record: SourceRecord, origin: Origin) -> None:
    """Apply a decision in the home of its reporter; a duplicate has no effect.

    After a change of the key it first goes to the home of the earlier hash, behind the question for what is
    known there, and comes back behind the answer. Raises Rejected if it does not fit what was decided before.
    """
    decoded = decode_reporter_standing(record.value, record.headers, origin.timestamp)
    standing, state, hex_hash = decoded.event, batch.state, reporter_in(record)
    new = state.recent.new_decision(decoded.ce_source, standing.standing_id, hex_hash.decode())
    if new is None:
        batch.counters.duplicates += 1
        return
    batch.advance(decoded.time_ms, origin.timestamp)
    key, reporter = reporter_of(batch, record, hex_hash)
    hashed, earlier = int(hex_hash, 16), earlier_hash(record)
    forwarded = times_forwarded(record)
    if reporter.moved_to and forwarded < MOST_FORWARDED:
        _send(batch, record, reporter.moved_to, forwarded + 1)
        return
    if earlier is not None and reporter.asked != earlier:
        ask_for_history(batch, reporter, earlier, ReporterRehashed(hashed, decoded.time_ms))
        keep(state.reporters, key, reporter, state.time.now)
        _send(batch, record, earlier, 1)
        return
    now = state.time.now
    before = reporter.standing
    decided = _decided(batch.rules.trust.standing, before, decoded)
    is_new_pause = standing.state == "paused" and not (before is not None and before.is_paused(now))
    state.recent.add(new, now)
    reporter.standing = decided
    keep(state.reporters, key, reporter, now)
    batch.outputs.append(encode_standing_notice(hashed, _notice(standing, decided, decoded.time_ms)))
    batch.counters.standing[standing.state] += 1
    if is_new_pause:
        _take_weight(batch, hashed, reporter, decided, decoded)
    batch.count_applied(decoded.time_ms)


def _decided(
    terms: StandingTerms, before: DecidedStanding | None, decoded: Decoded[ReporterStanding]
) -> DecidedStanding:
    """Return what holds after a decision. Raises Rejected, changing nothing, if it does not fit."""
    standing, at = decoded.event, decoded.time_ms
    if before is not None and at < before.decided:
        raise _unfit("decided_at", "a time that is not before the last decision about this reporter")
    kept = DecidedStanding(at) if before is None else msgspec.structs.replace(before, decided=at)
    if standing.state == "warned":
        kept.warned_until = at + terms.warning_days * DAY
    elif standing.state == "paused":
        if before is None or not before.is_warned(at):
            raise _unfit(
                "state",
                "`warned` first: no warning of this reporter is in force, and a pause needs one (Regulation "
                "(EU) 2022/2065, article 23(2))",
            )
        assert standing.until is not None, "the decoder requires it"
        kept.paused_until = epoch_ms(standing.until)
        if kept.paused_until > at + terms.longest_pause_days * DAY:
            raise Rejected(
                "invalid_value", "until", f"Must be at most {terms.longest_pause_days} days after decided_at."
            )
    else:
        if before is None or not (before.is_warned(at) or before.is_paused(at)):
            raise _unfit("state", "`warned` or `paused`: nothing is in force that could end")
        kept.warned_until = kept.paused_until = 0
    return kept


def _unfit(field: str, valid: str) -> Rejected:
    return Rejected("standing_not_possible", field, f"Must be {valid}.")


def _notice(standing: ReporterStanding, decided: DecidedStanding, at: int) -> StandingNotice:
    until = {"warned": decided.warned_until, "paused": decided.paused_until, "ended": None}[standing.state]
    day = _day(at)
    return StandingNotice(
        standing.standing_id,
        standing.report.report_id,
        standing.report.ce_source,
        standing.state,
        standing.reason,
        standing.rule,
        day,
        None if until is None else _day(until),
        months_later(day, _CONTEST_MONTHS),
    )


def _day(time_ms: int) -> date:
    return from_epoch_ms(time_ms).date()


def _take_weight(
    batch: ReporterBatch,
    hashed: int,
    reporter: Reporter,
    decided: DecidedStanding,
    decoded: Decoded[ReporterStanding],
) -> None:
    """Tell the channels that a pause begins, and that it is to be counted as a suspension."""
    earlier, at = reporter.asked, decoded.time_ms
    for channel in decided.channels:
        paused = ReporterPaused(hashed, earlier, at, channel, None)
        batch.passed_on.record(reporter_paused_record(paused), channel)
    what: PausedFor = "complaints" if decoded.event.reason == "manifestly_unfounded_complaints" else "notices"
    counted = ReporterPaused(hashed, earlier, at, None, what)
    batch.passed_on.record(reporter_paused_record(counted), hashed)


def _send(batch: ReporterBatch, record: SourceRecord, hashed: int, forwarded: int) -> None:
    """Send a decision to the home of another hash of its reporter."""
    key = b"%016x" % hashed
    home = batch.state.homes.of_key(key)
    more = [(REPORTER_HEADER, key), (FORWARDED_HEADER, b"%d" % forwarded)]
    pass_on(batch, record, REPORTERS_INTERNAL, record.key, home, more)
