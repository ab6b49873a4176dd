"""Reports that weigh nothing because of what people decided: of a paused reporter, or an approved version."""

from typing import Final

from streams.contract.events.enriched_report import WithoutWeight
from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.events.report import MessageReport, ReportKind
from streams.contract.wire.times import DAY
from streams.counting.attribution import MessageReporters
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.crowd import Approval, message_key

# These are looked at whatever was decided before, and end the approval: their senders answer for what they
# send, and a victim knows what a reviewer cannot see.
_REOPEN: Final[frozenset[ReportKind]] = frozenset({"trusted_flagger_notice", "statutory_victim_request"})


def why_without_weight(
    batch: ReportBatch, channel_key: bytes, report: MessageReport, stamp: ReportStamp | None
) -> WithoutWeight | None:
    """Return what people decided that takes the weight of a report; None for nearly all reports."""
    if stamp is not None and stamp.paused:
        return "reporter_paused"
    if report.message_version is not None and _is_approved(batch, channel_key, report):
        return "version_approved"
    return None


def _is_approved(batch: ReportBatch, channel_key: bytes, report: MessageReport) -> bool:
    assert report.message_ref is not None, "the decoder requires it"
    state = batch.state
    key = message_key(channel_key, report.message_ref)
    approval = state.crowd.approval(key)
    if approval is None or approval.version != report.message_version or state.time.now >= approval.until:
        return False
    if report.kind in _REOPEN:
        state.crowd.end_approval(key)
        return False
    return True


def note_approval(
    batch: ReportBatch, key: bytes, record: MessageReporters, outcome: ModerationOutcome, decided_ms: int
) -> None:
    """Let a dismissal hold for a version of its message, or end an earlier one that no longer stands.

    `record` has the outcome already: if a later one stands, as after an appeal, nothing holds.
    """
    state = batch.state
    standing = record.standing
    stands = standing is not None and standing.outcome_id == outcome.outcome_id
    version = outcome.holds_for_version
    if version is not None and stands:
        until = decided_ms + batch.rules.registry.reporters.approval_days * DAY
        state.crowd.approve(key, Approval(version, until, outcome.outcome_id))
        return
    approval = state.crowd.approval(key)
    if approval is not None and (
        outcome.supersedes == approval.outcome_id or (stands and outcome.decision == "upheld")
    ):
        state.crowd.end_approval(key)
