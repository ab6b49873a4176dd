"""What reporters of a message are told and credited with: receipts, credits, decisions."""

from datetime import date
from functools import lru_cache
from typing import Final

from streams.contract.events.internal.credit import CreditedOutcome, ReporterCredit
from streams.contract.events.reporter_notice import NoticeOutcome, ReporterNotice
from streams.contract.wire.forms.credit import credit_record
from streams.contract.wire.forms.reporter_notice import encode_receipt, encode_reporter_notice
from streams.contract.wire.times import DAY, from_epoch_ms, months_later
from streams.counting.attribution import Credit, KnownOutcome, ReportIdentity
from streams.counting.confirmation import Support
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case

_DAY_S: Final = DAY // 1000
# Art. 20(1) and (2) DSA: complaints are possible for at least six months from the day on which the reporter
# is told.
REDRESS_MONTHS: Final = 6


def publish_credit(
    batch: ReportBatch, channel_ref: str, message_ref: str, credit: Credit, identity: ReportIdentity | None
) -> None:
    """Publish what changes for one reporter of a message; tell the reporter if the report is known.

    A decision of weight 0 counts for nobody and makes no links: for these it is as if the message had been
    upheld.
    """
    standing = credit.standing
    target = batch.rules.hash_keys.current.target_hash(channel_ref, message_ref)
    keys = batch.rules.hash_keys
    before = credit.removed_support.before or credit.added_support.before
    published = ReporterCredit(
        credit.reporter,
        target,
        credit.received_s,
        standing.decided_s,
        standing.verdict if standing.percent else "upheld",
        _credited(credit.removed, credit.removed_support),
        _credited(credit.added, credit.added_support),
        0,
        0 if before else keys.current.channel_tag(channel_ref),
        0 if keys.previous is None else keys.previous.channel_tag(channel_ref),
    )
    batch.passed_on.record(credit_record(published), credit.reporter)
    batch.counters.credits += 1
    if identity is not None and standing.ground is not None:
        # A reporter of something already decided is told on the day of the report.
        day = _day(max(standing.decided_s, credit.received_s))
        notice = ReporterNotice(
            identity.report_id,
            identity.ce_source,
            "superseded" if credit.anew else "decided",
            day,
            NoticeOutcome(standing.verdict, standing.ground, months_later(day, REDRESS_MONTHS)),
        )
        batch.outputs.append(
            encode_reporter_notice(credit.reporter, channel_ref, standing.outcome_id, notice)
        )


def publish_receipt(batch: ReportBatch, case: Case, reporter: int) -> None:
    """Confirm to a reporter, by keyed hash, that the report was received, if its kind is told."""
    report = case.report
    who = report.reporter
    if who is None or who.kind not in batch.rules.registry.reporters.receipts:
        return
    notice = ReporterNotice(
        report.report_id, case.ce_source, "received", _day(case.received // 1000), outcome=None
    )
    batch.outputs.append(encode_receipt(reporter, report.channel.ref, report.message_ref, notice))


def _credited(decision: KnownOutcome | None, support: Support) -> CreditedOutcome | None:
    if decision is None or not decision.percent:
        return None
    return CreditedOutcome(
        decision.decided_s // _DAY_S,
        decision.verdict,
        decision.category,
        decision.percent,
        confirmed=support.confirmed,
        first=support.first,
    )


# Decisions and reports of a week concern few days; making a date takes as long as half of a notice.
@lru_cache(maxsize=64)
def _day_of(day: int) -> date:
    return from_epoch_ms(day * DAY).date()


def _day(seconds: int) -> date:
    return _day_of(seconds // _DAY_S)
