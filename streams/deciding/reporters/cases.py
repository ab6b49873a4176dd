"""Publishes what a person should look at: a reporter in very many channels, and misuse of reporting."""

from typing import Any

from streams.contract.events.integrity_case import (
    CaseForReview,
    ExampleReport,
    IntegrityCaseKind,
    MisuseFactors,
    UnfoundedReports,
)
from streams.contract.events.internal.passed_report import CheckedReport
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.integrity_case import encode_integrity_case
from streams.contract.wire.ids import stable_id
from streams.contract.wire.times import DAY
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.misuse import Misuse
from streams.deciding.reporters.reporter import Standing
from streams.deciding.reporters.standing import DecidedStanding

_ISO_DAY = 10


def publish_cases(
    batch: ReporterBatch,
    record_key: bytes,
    report: CheckedReport[Any],
    standing: Standing,
    decided: DecidedStanding | None,
) -> None:
    """Publish the cases that a report led to. `record_key` is the reporter's keyed hash in hexadecimal.

    `decided` is what people decided about the reporter before.
    """
    if standing.many_channels is not None:
        sentence = (
            f"One reporter ({report.reporter_kind}) has reported about {standing.many_channels} different "
            "channels this week. It may be somebody who hunts abuse, or an account that reports whatever it "
            "is told to."
        )
        _publish(batch, record_key, report, "many_channels", sentence, channels=standing.many_channels)
    if standing.misuse is not None:
        factors = _factors(batch, standing.misuse)
        sentence = (
            f"Of {factors.decided} reports of one reporter ({report.reporter_kind}) that were decided since "
            f"{factors.since}, {factors.manifestly_unfounded} were manifestly unfounded "
            f"({factors.share:.0%}). {_what_can_be_done(report, decided, batch.state.time.now)}"
        )
        _publish(batch, record_key, report, "misuse", sentence, misuse=factors)


def _what_can_be_done(report: CheckedReport[Any], decided: DecidedStanding | None, now: int) -> str:
    """Return the sentence about the procedure of the law; what is done is for people to decide."""
    if report.reporter_kind == "trusted_flagger":
        return (
            "The platform can tell the Digital Services Coordinator who awarded the status (Digital Services "
            "Act, article 22(6))."
        )
    if decided is not None and decided.is_paused(now):
        return f"Their reports are paused until {rfc3339(decided.paused_until)[:_ISO_DAY]}."
    if decided is not None and decided.is_warned(now):
        return (
            f"They were warned; the warning is in force until {rfc3339(decided.warned_until)[:_ISO_DAY]}. "
            "Two people can pause their reports for a reasonable time (article 23(2))."
        )
    return "A person can warn them; a pause of their reports needs a warning first (article 23(2))."


def _publish(
    batch: ReporterBatch,
    record_key: bytes,
    report: CheckedReport[Any],
    kind: IntegrityCaseKind,
    sentence: str,
    *,
    channels: int | None = None,
    misuse: MisuseFactors | None = None,
) -> None:
    now = batch.state.time.now
    # A ce_source is the one part in which a publisher may write NUL.
    case_id = stable_id(
        "integrity-case",
        kind,
        record_key.decode(),
        report.channel_ref,
        report.report_id,
        report.ce_source,
    )
    case = CaseForReview(
        case_id=case_id,
        kind=kind,
        at=rfc3339(now),
        sentence=sentence,
        examples=(ExampleReport(report.report_id, report.ce_source),),
        reporter_kind=report.reporter_kind,
        channels=channels,
        misuse=misuse,
    )
    batch.outputs.append(encode_integrity_case(record_key, case, now))
    batch.counters.cases[kind] += 1


def _factors(batch: ReporterBatch, found: Misuse) -> MisuseFactors:
    wrong = found.manifestly_unfounded
    by_code = batch.rules.by_code
    rows = [(by_code[code], number) for code, number in found.unfounded if code in by_code]
    return MisuseFactors(
        since=rfc3339(found.since_day * DAY)[:_ISO_DAY],
        decided=found.decided,
        manifestly_unfounded=wrong,
        share=round(wrong / found.decided, 6),
        by_category=tuple(
            UnfoundedReports(row.category, number, row.severity)
            for row, number in sorted(rows, key=lambda each: each[0].category)
        ),
    )
