"""The handlers of the stage of reports, one for each topic that it reads."""

from collections.abc import Mapping

from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.forms.reporter_history import EARLIER_HEADER
from streams.contract.wire.forms.stamp import read_stamp
from streams.contract.wire.origin import Origin, is_internal
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS_INTERNAL,
    CLOCK_OUTCOMES,
    MESSAGE_REPORTS,
    MESSAGE_REPORTS_INTERNAL,
    MODERATION_OUTCOMES,
    REPORTERS_INTERNAL,
    VERIFIED_REPORTS,
    ReportSource,
)
from streams.deciding.partition.legal_clocks import apply_clock_outcome
from streams.deciding.partition.rekey import key_or_rekey, pass_on
from streams.deciding.partition.stage import Handler
from streams.deciding.reports.apply import apply_report
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.claims import check_claims
from streams.deciding.reports.escalation.clock_events import publish_change
from streams.deciding.reports.outcomes import apply_outcome


def report_handler(source: ReportSource) -> Handler:
    """Return the handler of reports that were published to `source`.

    It passes a published report with a reporter's ref on to the stage of reporters, which sends it to its
    channel's home with a stamp. Any other report it applies, re-keys to its home, or drops as a duplicate. It
    raises Rejected if the report is invalid or claims what that topic does not take.
    """

    def handle_report(batch: ReportBatch, record: SourceRecord, origin: Origin) -> None:
        decoded = batch.rules.read_report(record.value, record.headers, origin.timestamp)
        report = decoded.event
        # Also of a report that was re-keyed: the worker that did it may have had other rules.
        check_claims(batch.rules.registry.sources, source, report, decoded.ce_source)
        if not is_internal(record):
            batch.read(record.topic, decoded.time_ms)
            reporter = report.reporter
            if reporter is not None and reporter.ref is not None:
                _pass_on_to_reporters(batch, record, reporter.ref)
                return
        channel_key = key_or_rekey(batch, record, report.channel.ref, MESSAGE_REPORTS_INTERNAL)
        if channel_key is None:
            return
        recent = batch.state.recent
        hashed = recent.new_event(decoded.ce_source, report.report_id, report.channel.ref)
        if hashed is None:
            batch.counters.duplicates += 1
            return
        batch.advance(decoded.time_ms, origin.timestamp)
        # A publisher can forge the header, but not on an internal topic: only there a record has another
        # origin.
        stamp = None if origin.topic == record.topic else read_stamp(record.headers)
        apply_report(batch, channel_key, origin, decoded, stamp)
        # Afterwards, because to remember it may mean to forget others.
        recent.add(hashed, batch.state.time.now)

    return handle_report


def _pass_on_to_reporters(batch: ReportBatch, record: SourceRecord, reporter_ref: str) -> None:
    """Send a valid report to the stage of reporters, which stamps it and sends it to its channel."""
    keys = batch.state.reporter_keys
    key, home = batch.state.homes.of(f"{keys.reporter_hash(reporter_ref):016x}")
    added = []
    if (before := keys.hash_before(reporter_ref)) is not None:
        added = [(EARLIER_HEADER, b"%016x" % before)]
    pass_on(batch, record, REPORTERS_INTERNAL, key, home, added=added, more_headers=1)
    batch.counters.passed_to_reporters += 1


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
        apply_clock_outcome(batch, origin, decoded, publish_change)


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
        apply_outcome(batch, channel_key, decoded)


HANDLERS: Mapping[str, Handler] = {
    MESSAGE_REPORTS: report_handler(MESSAGE_REPORTS),
    VERIFIED_REPORTS: report_handler(VERIFIED_REPORTS),
    CLOCK_OUTCOMES: handle_clock_outcome,
    MODERATION_OUTCOMES: handle_moderation_outcome,
}
"""By source topic. The first one also takes records whose topic is not in the table: it may claim least."""

ALIGNED = (MESSAGE_REPORTS, VERIFIED_REPORTS, MODERATION_OUTCOMES)
"""The sources that are read side by side. Outcomes of clocks are not: each is about a clock that runs."""
