"""The handlers of the stage of reports, one for each topic that it reads."""

from collections.abc import Mapping

from streams.contract.events.internal.findings import source_of
from streams.contract.events.internal.passed_report import (
    CheckedReport,
    PassedReport,
    RestWithChannel,
    StampedReport,
)
from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.report import MessageReport
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.checked_report import checked_report, published_record, report_of
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.forms.reporter_history import EARLIER_HEADER, REPORTER_HEADER
from streams.contract.wire.forms.reporter_paused import decode_reporter_paused
from streams.contract.wire.forms.reporter_standing_decoding import decode_reporter_standing
from streams.contract.wire.forms.stamp import read_stamp, stamp_of
from streams.contract.wire.origin import Origin, is_internal
from streams.contract.wire.reading import Decoded
from streams.contract.wire.records import SourceRecord, new_tuple
from streams.contract.wire.rejection import require_category
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS_INTERNAL,
    CLOCK_OUTCOMES,
    MESSAGE_REPORTS,
    MESSAGE_REPORTS_INTERNAL,
    MODERATION_OUTCOMES,
    REPORT_SOURCES,
    REPORTER_STANDING,
    REPORTERS_INTERNAL,
    VERIFIED_REPORTS,
    ReportSource,
    without_prefix,
)
from streams.deciding.partition.legal_clocks import apply_clock_outcome
from streams.deciding.partition.reading import Bundled
from streams.deciding.partition.rekey import key_or_rekey, pass_on, require_home
from streams.deciding.partition.stage import Handler
from streams.deciding.reports.apply import apply_report
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.claims import check_claims
from streams.deciding.reports.escalation.clock_events import publish_change
from streams.deciding.reports.outcomes import apply_outcome
from streams.deciding.reports.pausing import apply_pause
from streams.deciding.reports.rules import ReportRules

# As in HANDLERS, what is no source counts as the first one.
_SOURCES: Mapping[str, ReportSource] = {source: source for source in REPORT_SOURCES}


def report_handler(source: ReportSource) -> Handler:
    """Return the handler of reports that were published to `source`.

    It passes a published report with a reporter's ref, or of a detector that is named, on to the stage of
    reporters, which sends it to its channel's home with a stamp. Any other report it applies, passes on to
    its channel's home, or drops as a duplicate. It raises Rejected if the report is invalid or claims what
    that topic does not take.
    """

    def handle_report(batch: ReportBatch, record: SourceRecord, origin: Origin) -> None:
        state = batch.state
        decoded = batch.rules.read_report(record.value, record.headers, origin.timestamp)
        report = decoded.event
        # Also of a report that was re-keyed: the worker that did it may have had other rules.
        check_claims(batch.rules.registry.sources, source, report, decoded.ce_source)
        if is_internal(record):
            # Version 0.2 wrote a record for each report.
            channel_key, home = state.homes.of(report.channel.ref)
            require_home(state, record, home)
            # A publisher can forge the header, but not on an internal topic: only there a record has another
            # origin.
            stamp = None if origin.topic == record.topic else read_stamp(record.headers)
            apply_once(batch, channel_key, origin, decoded, stamp)
            return
        batch.read(record.topic, decoded.time_ms)
        reporter = report.reporter
        known_as: str | None = None
        parts: tuple[int, ...] = ()
        if reporter is not None:
            known_as = reporter.ref
            if reporter.kind == "automated" and (detector := source_of(report)) is not None:
                known_as, parts = detector
        if known_as is not None:
            keys = state.reporter_keys
            hashed = keys.reporter_hash(known_as)
            checked = checked_report(decoded, origin, record.headers)
            passed = PassedReport(checked, hashed, keys.hash_before(known_as), parts)
            batch.passed_on.entry(PASSED_REPORTS, hashed, _size(record, decoded), passed)
            batch.counters.passed_to_reporters += 1
            return
        channel_key, home = state.homes.of(report.channel.ref)
        if home == state.partition:
            apply_once(batch, channel_key, origin, decoded, None)
        else:
            entry = StampedReport(checked_report(decoded, origin, record.headers))
            batch.passed_on.entry(STAMPED_REPORTS, report.channel.ref, _size(record, decoded), entry)
            batch.counters.rekeyed += 1

    return handle_report


def handle_stamped_report(batch: ReportBatch, entry: StampedReport[RestWithChannel]) -> None:
    """Apply a report that was passed on to the home of its channel, or drop it as a duplicate.

    Raises Rejected for a category that these rules do not have, and for a claim that they do not allow: those
    of the worker that passed it on may.
    """
    checked, stored = entry.report, entry.stamp
    report = stamped_report(batch.rules, checked)
    origin = new_tuple(Origin, (checked.topic, checked.partition, checked.offset, checked.appended))
    decoded = new_tuple(Decoded, (report, checked.ce_source, checked.occurred))
    stamp = None if stored is None else stamp_of(stored)
    apply_once(batch, checked.channel_ref.encode(), origin, decoded, stamp)


def stamped_report(rules: ReportRules, checked: CheckedReport[RestWithChannel]) -> MessageReport:
    """Return the report of an entry. Raises Rejected as `handle_stamped_report`."""
    require_category("category", checked.category, rules.plans)
    report = report_of(checked)
    source = _SOURCES.get(without_prefix(checked.topic), MESSAGE_REPORTS)
    check_claims(rules.registry.sources, source, report, checked.ce_source)
    return report


def apply_once(
    batch: ReportBatch,
    channel_key: bytes,
    origin: Origin,
    decoded: Decoded[MessageReport],
    stamp: ReportStamp | None,
) -> None:
    """Apply a report in its home, unless it is a duplicate."""
    recent, report = batch.state.recent, decoded.event
    hashed = recent.new_event(decoded.ce_source, report.report_id, report.channel.ref)
    if hashed is None:
        batch.counters.duplicates += 1
        return
    batch.advance(decoded.time_ms, origin.timestamp)
    apply_report(batch, channel_key, origin, decoded, stamp)
    # Afterwards, because to remember it may mean to forget others.
    recent.add(hashed, batch.state.time.now)


def _size(record: SourceRecord, decoded: Decoded[MessageReport]) -> int:
    # An entry is shorter than its JSON, but for the source if that was a header.
    return len(record.value or b"") + len(decoded.ce_source)


def handle_clock_outcome(batch: ReportBatch, record: SourceRecord, origin: Origin) -> None:
    """Apply an outcome of a report's clock, or pass one of a request's clock on to the stage of requests.

    Raises Rejected if it is invalid or does not fit the clock.
    """
    decoded = decode_clock_outcome(record.value, record.headers, origin.timestamp)
    outcome = decoded.event
    if outcome.subject == "request":
        key, home = batch.state.homes.of(outcome.key)
        pass_on(batch, record, AUTHORITY_REQUESTS_INTERNAL, key, home)
        batch.counters.clock_outcomes_passed_on += 1
    elif key_or_rekey(batch, record, outcome.key, MESSAGE_REPORTS_INTERNAL) is not None:
        # Not before: if steps remain that are due first, it is read again.
        try:
            apply_clock_outcome(batch, origin, decoded, publish_change)
        except Rejected:
            batch.state.decisions.note(record, batch.state.time)
            raise
        batch.state.decisions.note(record, batch.state.time)


def handle_moderation_outcome(batch: ReportBatch, record: SourceRecord, origin: Origin) -> None:
    """Apply what a desk decided about a message, report or escalation in the home of its channel.

    Raises Rejected if it is invalid, or about something that is not known there.
    """
    decoded = batch.rules.read_outcome(record.value, record.headers, origin.timestamp)
    if not is_internal(record):
        batch.read(record.topic, decoded.time_ms)
    channel_ref = decoded.event.subject.channel_ref
    channel_key = key_or_rekey(batch, record, channel_ref, MESSAGE_REPORTS_INTERNAL)
    if channel_key is not None:
        batch.state.decisions.note(record, batch.state.time)
        apply_outcome(batch, channel_key, origin, decoded)


def handle_reporter_standing(batch: ReportBatch, record: SourceRecord, origin: Origin) -> None:
    """Pass a decision about a reporter on to the reporter's home. Raises Rejected if it is invalid."""
    decoded = decode_reporter_standing(record.value, record.headers, origin.timestamp)
    batch.read(record.topic, decoded.time_ms)
    keys, ref = batch.state.reporter_keys, decoded.event.reporter.ref
    earlier = keys.hash_before(ref)
    key = b"%016x" % keys.reporter_hash(ref)
    more = [(REPORTER_HEADER, key)]
    if earlier is not None:
        more.append((EARLIER_HEADER, b"%016x" % earlier))
    # With its own key: the hash must not get into a dead letter.
    pass_on(batch, record, REPORTERS_INTERNAL, record.key, batch.state.homes.of_key(key), more)


def handle_own(batch: ReportBatch, record: SourceRecord, origin: Origin) -> None:
    """Apply what the stage of reporters says of a channel; anything else is read as a report."""
    paused = decode_reporter_paused(record)
    if paused is None:
        HANDLERS[MESSAGE_REPORTS](batch, record, origin)
    else:
        batch.state.decisions.note(record, batch.state.time)
        apply_pause(batch, record, paused)


HANDLERS: Mapping[str, Handler] = {
    MESSAGE_REPORTS: report_handler(MESSAGE_REPORTS),
    VERIFIED_REPORTS: report_handler(VERIFIED_REPORTS),
    CLOCK_OUTCOMES: handle_clock_outcome,
    MODERATION_OUTCOMES: handle_moderation_outcome,
    REPORTER_STANDING: handle_reporter_standing,
    MESSAGE_REPORTS_INTERNAL: handle_own,
}
"""By original topic. The first one also takes records whose topic is not in the table: it may claim least."""

STAMPED = Bundled(STAMPED_REPORTS, handle_stamped_report, lambda entry, _: published_record(entry.report))
"""What becomes of the reports in bundles that come to the home of their channel."""

ALIGNED = (MESSAGE_REPORTS, VERIFIED_REPORTS, MODERATION_OUTCOMES, REPORTER_STANDING)
"""The sources that are read side by side. Outcomes of clocks are not: each is about a clock that runs."""
