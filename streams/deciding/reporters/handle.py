"""The handlers of the stage of reporters: reports passed on by the stage of reports, and own records."""

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.contract.events.internal.credit import CREDIT_TYPE, CreditedOutcome, ReporterCredit
from streams.contract.events.internal.detector_end import DETECTOR_END_TYPE
from streams.contract.events.internal.passed_report import (
    CheckedReport,
    PassedReport,
    StampedReport,
    StoredStamp,
)
from streams.contract.events.internal.reporter_history import (
    HISTORY_TYPE,
    REHASHED_TYPE,
    ReporterHistory,
    ReporterRehashed,
)
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.forms.checked_report import checked_report, published_record
from streams.contract.wire.forms.credit import CREDITS, credit_record, decode_credit
from streams.contract.wire.forms.detector_end import decode_detector_end
from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.forms.report_decoding import decode_report
from streams.contract.wire.forms.reporter_history import decode_history, decode_rehashed, earlier_hash
from streams.contract.wire.forms.stamp import stored_signature
from streams.contract.wire.origin import Origin, own_type
from streams.contract.wire.records import SourceRecord, new_tuple
from streams.contract.wire.rejection import require_category
from streams.contract.wire.topics import (
    MESSAGE_REPORTS,
    REPORTER_STANDING,
    REPORTERS_INTERNAL,
    VERIFIED_REPORTS,
)
from streams.counting.coordination.channel_itself import message_or_channel
from streams.deciding.partition.reading import Bundled
from streams.deciding.partition.rekey import require_home
from streams.deciding.partition.stage import Handler
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.cases import publish_cases
from streams.deciding.reporters.decide_standing import handle_standing, note_standing
from streams.deciding.reporters.finding import reporter_of
from streams.deciding.reporters.findings import (
    credit_parts,
    end_holding,
    judge_finding,
    send_part,
    take_part,
)
from streams.deciding.reporters.rehashing import ask_for_history, forward, move_away
from streams.deciding.reporters.reporter import (
    CreditFacts,
    OutcomeFacts,
    Reporter,
    ReportFacts,
)
from streams.deciding.reporters.state import key_of_hash, state_key
from streams.deciding.reporters.store import keep
from streams.registry.category import CategoryRules

_CREDIT = CREDIT_TYPE.encode()
_REHASHED = REHASHED_TYPE.encode()
_HISTORY = HISTORY_TYPE.encode()
_DETECTOR_END = DETECTOR_END_TYPE.encode()
_SECOND = 1_000

# Of an entry beside its rest and source: places, times, hashes, refs and a stamp.
_ENTRY_BYTES = 300


def handle_passed_report(batch: ReporterBatch, passed: PassedReport[Any]) -> None:
    """Note a report that was passed on, and send it to its channel with its stamp, or drop it as a duplicate.

    Raises Rejected for a category that these rules do not have, which those of the worker that passed it on
    may, and for a reporter who is one too many for the publisher.
    """
    state, rules = batch.state, batch.rules
    report, hashed = passed.report, passed.reporter
    kind = report.reporter_kind
    assert kind is not None, "a report with a ref has a reporter"
    category = _known(batch, report.category)
    recent = state.recent
    event = recent.new_event(report.ce_source, report.report_id, report.channel_ref)
    if event is None and not report.attempts:
        # It would count twice in the limits here; the channel would drop it as well. One that was a dead
        # letter may have been refused there, after it had passed here.
        batch.counters.duplicates += 1
        return
    occurred = report.occurred
    received = occurred if report.received is None else report.received
    batch.advance(occurred, report.appended)
    key = key_of_hash(hashed)
    # After time has moved on: with the day it forgets who was silent for long.
    reporter = state.reporters.find(key)
    now = state.time.now
    if reporter is None:
        state.newcomers.admit("reporters", report.topic, report.ce_source, now)
        reporter = Reporter()
    if event is not None:
        recent.add(event, now)
    facts = ReportFacts(
        kind,
        now,
        received // _SECOND,
        category.code,
        rules.hash_key.target_hash(report.channel_ref, message_or_channel(report.message_ref, received)),
        state.channel_hash(rules.hash_key, report.channel_ref),
        report.member is not False,
        category.floor,
    )
    if passed.earlier is not None:
        ask_for_history(batch, reporter, passed.earlier, ReporterRehashed(hashed, occurred))
    standing = reporter.note_report(rules.trust, facts)
    paused = watched = False
    if reporter.standing is not None:
        paused, watched = note_standing(reporter, kind, now, report.channel_ref)
    keep(state.reporters, key, reporter, now)
    if kind == "automated":
        standing = judge_finding(batch, key, passed, category.code, standing)
    trust = standing.trust
    stamp = new_tuple(
        StoredStamp,
        (
            trust.trust_class,
            trust.mean,
            trust.lower,
            trust.outcomes,
            0.0 if paused else standing.factor,
            standing.first_time,
            standing.over_limit,
            # Nobody is linked to a reporter who is no voice.
            b"" if paused else stored_signature(standing.signature),
            standing.needed,
            () if paused else standing.proof,
            paused,
            watched,
            standing.channels,
        ),
    )
    batch.passed_on.entry(STAMPED_REPORTS, report.channel_ref, _size(report), StampedReport(report, stamp))
    batch.count_applied(occurred)
    counters = batch.counters
    counters.stamped[trust.trust_class] += 1
    counters.over_limit += standing.over_limit
    counters.paused += paused
    if kind == "automated":
        counters.detector_reports += 1
        counters.detector_trust += trust.mean
    if standing.many_channels is not None or standing.misuse is not None:
        publish_cases(batch, b"%016x" % hashed, report, standing, reporter.standing)


def _size(report: CheckedReport[Any]) -> int:
    rest = report.rest
    return _ENTRY_BYTES + len(report.ce_source) + (len(rest) if isinstance(rest, msgspec.Raw) else 0)


def handle_record_of_report(batch: ReporterBatch, record: SourceRecord, origin: Origin) -> None:
    """Do the same for a report that version 0.2 passed on: it wrote a record for each."""
    record_key = record.key or b""
    require_home(batch.state, record, batch.state.homes.of_key(record_key))
    decoded = decode_report(record.value, record.headers, origin.timestamp)
    checked = checked_report(decoded, origin, record.headers)
    handle_passed_report(batch, PassedReport(checked, int(record_key, 16), earlier_hash(record)))


def handle_own(batch: ReporterBatch, record: SourceRecord, origin: Origin) -> None:
    """Apply what a worker says of a reporter. Raises Rejected for any other record."""
    event_type = own_type(record)
    try:
        if event_type == _CREDIT:
            credit = decode_credit(record.value or b"")
            # It must be at home, as nothing else says for how many partitions it was written.
            reporter_of(batch, record)
            _apply_credit(batch, credit, origin.timestamp)
        elif event_type == _REHASHED:
            _apply_rehashed(batch, record, origin, decode_rehashed(record.value or b""))
        elif event_type == _HISTORY:
            _apply_history(batch, record, origin, decode_history(record.value or b""))
        elif event_type == _DETECTOR_END:
            end = decode_detector_end(record.value or b"")
            end_holding(batch, state_key(record.key or b""), int(end.part, 16))
        else:
            raise Rejected("bad_envelope", CE_TYPE, f"Must be a report that was passed on, or {CREDIT_TYPE}.")
    except msgspec.DecodeError:
        raise Rejected("invalid_value", WHOLE_VALUE, f"Must be what {CE_TYPE} says.") from None


def handle_credit(batch: ReporterBatch, credit: ReporterCredit) -> None:
    """Apply what a decision changes for a reporter, or send it after a reporter who has moved away.

    Raises Rejected for a category that these rules do not have.
    """
    # As if it had been appended when it was decided, so that no delay is missing from the time of an idle
    # partition.
    _apply_credit(batch, credit, credit.decided_s * _SECOND)


def _apply_credit(batch: ReporterBatch, credit: ReporterCredit, appended: int) -> None:
    removed, added = _outcome(batch, credit.removed), _outcome(batch, credit.added)
    decided_ms = credit.decided_s * _SECOND
    batch.advance(decided_ms, appended)
    state = batch.state
    key = key_of_hash(credit.reporter)
    reporter = state.reporters.find(key) or Reporter()
    now = state.time.now
    if not forward(batch, reporter, credit):
        facts = CreditFacts(
            time_ms=now,
            received_s=credit.received_s,
            target=credit.target,
            verdict=credit.decision,
            removed=removed,
            added=added,
            sure=not credit.decided_by,
            channel=credit.channel,
            earlier_channel=credit.earlier_channel,
        )
        credit_parts(batch, key, reporter, credit.parts, removed, added)
        changed = reporter.credit(facts)
        keep(state.reporters, key, reporter, now)
        batch.counters.credits += 1
        batch.counters.credits_late += not changed
    batch.count_applied(decided_ms)


def _apply_rehashed(
    batch: ReporterBatch, record: SourceRecord, origin: Origin, rehashed: ReporterRehashed
) -> None:
    """Send what is known under an earlier hash to the home of the current one."""
    batch.advance(rehashed.occurred_ms, origin.timestamp)
    key, reporter = reporter_of(batch, record)
    if rehashed.part is not None:
        send_part(batch, key, rehashed, rehashed.part)
    else:
        keep(batch.state.reporters, key, move_away(batch, reporter, rehashed), batch.state.time.now)
    batch.count_applied(rehashed.occurred_ms)


def _apply_history(
    batch: ReporterBatch, record: SourceRecord, origin: Origin, history: ReporterHistory
) -> None:
    """Add what was known of a reporter under an earlier hash."""
    batch.advance(history.occurred_ms, origin.timestamp)
    key, reporter = reporter_of(batch, record)
    if history.part is not None:
        take_part(batch, key, history, history.part)
    else:
        reporter.take_history(history)
        keep(batch.state.reporters, key, reporter, batch.state.time.now)
    batch.count_applied(history.occurred_ms)


def _known(batch: ReporterBatch, category: Category) -> CategoryRules:
    categories = batch.rules.categories
    require_category("category", category, categories)
    return categories[category]


def _outcome(batch: ReporterBatch, credited: CreditedOutcome | None) -> OutcomeFacts | None:
    if credited is None:
        return None
    return OutcomeFacts(
        credited.day,
        credited.decision,
        _known(batch, credited.category).code,
        credited.percent,
        credited.reviewer,
        credited.confirmed,
        credited.first,
    )


HANDLERS: Mapping[str, Handler] = {
    MESSAGE_REPORTS: handle_record_of_report,
    VERIFIED_REPORTS: handle_record_of_report,
    REPORTER_STANDING: handle_standing,
    REPORTERS_INTERNAL: handle_own,
}
"""By original topic.

What a worker says of a reporter has no origin: it is written to the internal topic itself.
"""

PASSED = Bundled(PASSED_REPORTS, handle_passed_report, lambda entry, _: published_record(entry.report))
"""What becomes of the reports in bundles that come to the home of their reporter."""

CREDITED = Bundled(CREDITS, handle_credit, credit_record)
"""What becomes of the credits in bundles."""
