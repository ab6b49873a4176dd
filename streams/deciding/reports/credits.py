"""What reporters of a message are told and credited with: receipts, credits, decisions."""

from datetime import date
from functools import lru_cache
from typing import Final

from streams.contract.events.detector_feedback import (
    DetectorFeedback,
    FeedbackState,
    FindingClassifier,
    FindingOutcome,
)
from streams.contract.events.internal.credit import CreditedOutcome, ReporterCredit
from streams.contract.events.internal.findings import Finding, kind_of
from streams.contract.events.reporter_notice import NoticeOutcome, ReporterNotice
from streams.contract.wire.forms.credit import CREDIT_BYTES, CREDITS
from streams.contract.wire.forms.detector_feedback import encode_detector_feedback
from streams.contract.wire.forms.reporter_notice import encode_receipt, encode_reporter_notice
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.times import DAY, from_epoch_ms, months_later
from streams.counting.attribution import ReportIdentity
from streams.counting.confirmation import Support
from streams.counting.credit import Credit
from streams.counting.known_outcome import Counted
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case

_DAY_S: Final = DAY // 1000
# Art. 20(1) and (2) DSA: complaints are possible for at least six months from the day on which the reporter
# is told.
REDRESS_MONTHS: Final = 6


def pass_on_credit(
    batch: ReportBatch,
    channel_ref: str,
    message_ref: str,
    credit: Credit,
    identity: ReportIdentity | None,
    finding: Finding | None = None,
) -> OutputRecord | None:
    """Pass on what changes for one reporter of a message; return what tells the reporter, to be published.

    None if nobody is told, as when it is not known which report it was. A detector, whose `finding` it was,
    is told in a topic of its own.

    A decision of weight 0 counts for nobody. What was gone makes no links: for these it is as if the message
    had been upheld. What could not be judged stays as it was, decided or not.
    """
    standing, counted = credit.standing, credit.standing.counted
    keys = batch.rules.hash_keys
    target = keys.current.target_hash(channel_ref, message_ref)
    before = credit.removed_support.before or credit.added_support.before
    reporter = credit.reporter if finding is None else finding.root
    published = ReporterCredit(
        reporter,
        target,
        credit.received_s,
        standing.decided_s,
        counted.verdict if counted.percent else "upheld",
        _credited(credit.removed, credit.removed_support),
        _credited(credit.added, credit.added_support),
        channel=0 if before else keys.current.channel_tag(channel_ref),
        earlier_channel=0 if keys.previous is None else keys.previous.channel_tag(channel_ref),
        decided_by=counted.reviewer,
        parts=() if finding is None else finding.parts,
    )
    changes = credit.removed is not None or credit.added is not None or counted.percent > 0
    if changes or standing.reason != "not_substantiated":
        batch.passed_on.entry(CREDITS, reporter, CREDIT_BYTES, published)
        batch.counters.credits += 1
    if identity is None or not credit.told:
        return None
    # A reporter of something already decided is told on the day of the report.
    day = _day(max(standing.decided_s, credit.received_s))
    state: FeedbackState = "superseded" if credit.anew else "decided"
    if finding is not None:
        feedback = DetectorFeedback(
            identity.report_id,
            identity.ce_source,
            state,
            day,
            finding.category,
            FindingOutcome(standing.verdict, standing.reason, standing.category),
            None if finding.classifier is None else FindingClassifier(*finding.classifier),
            finding.match,
        )
        kind = kind_of(finding.match, finding.classifier)
        batch.counters.feedback[kind, standing.verdict] += 1
        return encode_detector_feedback(finding.root, channel_ref, standing.outcome_id, feedback)
    if standing.ground is None:
        return None
    notice = ReporterNotice(
        identity.report_id,
        identity.ce_source,
        state,
        day,
        NoticeOutcome(standing.verdict, standing.ground, months_later(day, REDRESS_MONTHS)),
    )
    return encode_reporter_notice(credit.reporter, channel_ref, standing.outcome_id, notice)


def publish_receipt(batch: ReportBatch, case: Case, reporter: int) -> None:
    """Confirm to a reporter, by keyed hash, that the report was received, if its kind is told."""
    report = case.report
    who = report.reporter
    if who is None or who.kind not in batch.rules.registry.reporters.receipts:
        return
    day = case.received // DAY
    batch.outputs.append(
        encode_receipt(
            reporter, report.channel.ref, report.message_ref, report.report_id, case.ce_source, day
        )
    )


def _credited(counted: Counted | None, support: Support) -> CreditedOutcome | None:
    if counted is None or not counted.percent:
        return None
    decided_s, verdict, category, percent, reviewer = counted
    day = decided_s // _DAY_S
    return CreditedOutcome(day, verdict, category, percent, support.confirmed, reviewer, support.first)


# Decisions and reports of a week concern few days; making a date takes as long as half of a notice.
@lru_cache(maxsize=64)
def _day_of(day: int) -> date:
    return from_epoch_ms(day * DAY).date()


def _day(seconds: int) -> date:
    return _day_of(seconds // _DAY_S)
