"""Applying what a desk decided: finding the messages, and crediting those who reported them."""

from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    MessageSubject,
    ModerationOutcome,
    OutcomeSubject,
)
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.reading import Decoded
from streams.contract.wire.records import new_tuple
from streams.counting.attribution import KnownOutcome, ReportIdentity
from streams.counting.confirmation import Proof
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.credits import publish_credit, publish_receipt
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.message_counts import count_outcome, count_report


def apply_outcome(batch: ReportBatch, channel_key: bytes, decoded: Decoded[ModerationOutcome]) -> None:
    """Apply an outcome whose channel is at home here; a duplicate has no effect.

    It does not move the partition's time and changes nothing that policies count: it is known better whom
    later reports come from, and the counters for transparency reports follow. A message that was gone before
    anybody could look says nothing about those who reported it: they are told, and an outcome that this one
    supersedes is taken back. Raises Rejected, changing nothing, if the report or escalation that it is about
    is not known here.
    """
    outcome = decoded.event
    state = batch.state
    channel = outcome.subject.channel_ref
    hashed = state.recent.new_decision(decoded.ce_source, outcome.outcome_id, channel)
    if hashed is None:
        batch.counters.duplicates += 1
        return
    identity, messages = _judged(batch, channel_key, outcome.subject)
    state.recent.add(hashed, state.time.now)
    batch.counters.moderation_outcomes += 1
    decision = _decision(batch, outcome, decoded.time_ms)
    for number, message in enumerate(messages):
        key = message_key(channel_key, message)
        record = state.crowd.reporters_of(key)
        only = None if identity is None else record.reporter_of(identity)
        decides = decision.percent > 0 or outcome.supersedes is not None
        changes = record.add_outcome(decision, only) if decides else record.notices_of(decision, only)
        count_outcome(batch, record, outcome, decision.decided_s, leads=number == 0)
        state.crowd.put_reporters(key, record, state.time.now)
        for credit in changes:
            publish_credit(batch, channel, message, credit, record.identities.get(credit.reporter))


def note_reporter(batch: ReportBatch, channel_key: bytes, case: Case, reporter: int) -> bool:
    """Note who reported a message, and confirm the receipt; return whether it is their first report of it.

    A report that arrives after a decision is credited at once, if it was received before it.
    """
    state, report = batch.state, case.report
    message = report.message_ref
    if message is None:
        # Nobody can decide about its message. It is a notice all the same.
        publish_receipt(batch, case, reporter)
        return True
    key = message_key(channel_key, message)
    record = state.crowd.reporters_of(key)
    ref = None if report.reporter is None else report.reporter.ref
    if ref is not None and (earlier := state.reporter_keys.hash_before(ref)) is not None:
        record.rename(earlier, reporter)
    before = record.reports
    # Detectors need not be told.
    told = report.reporter is not None and report.reporter.kind != "automated"
    identity = new_tuple(ReportIdentity, (case.ce_source, report.report_id)) if told else None
    received = case.received
    changes = record.add_report(reporter, received, identity)
    count_report(batch, record, case, received)
    state.crowd.put_reporters(key, record, state.time.now)
    first = record.reports > before
    if first:
        publish_receipt(batch, case, reporter)
    for credit in changes:
        # Of others it changes what supports their outcomes, which they need not be told.
        own = identity if credit.reporter == reporter else None
        publish_credit(batch, report.channel.ref, message, credit, own)
    return first


def note_proof(batch: ReportBatch, channel_key: bytes, case: Case, reporter: int, proof: Proof) -> None:
    """Note what proves a reporter of a message right elsewhere, after `note_reporter` has noted the report.

    Who reported it before them, and an outcome about it is upheld, is confirmed.
    """
    message = case.report.message_ref
    if message is None:
        return
    key = message_key(channel_key, message)
    record = batch.state.crowd.reporters_of(key)
    changes = record.add_proof(reporter, proof)
    batch.state.crowd.put_reporters(key, record, batch.state.time.now)
    for credit in changes:
        publish_credit(batch, case.report.channel.ref, message, credit, None)


def _judged(
    batch: ReportBatch, channel_key: bytes, subject: OutcomeSubject
) -> tuple[ReportIdentity | None, tuple[str, ...]]:
    """Return the messages that were judged, and the report if it was about one report alone."""
    crowd = batch.state.crowd
    if isinstance(subject, MessageSubject):
        return None, (subject.message_ref,)
    if isinstance(subject, EscalationSubject):
        listed = crowd.listed_messages(message_key(channel_key, subject.escalation_id))
        if not listed:
            raise Rejected(
                "subject_not_found",
                "subject.escalation_id",
                "Must be the id of an escalation of the last 180 days that names messages of the channel in "
                "`subject.channel_ref`. Send an outcome about each message instead.",
            )
        return None, listed
    identity = ReportIdentity(subject.ce_source, subject.report_id)
    key = crowd.message_of(channel_key, identity)
    if key is None:
        raise Rejected(
            "subject_not_found",
            "subject.report_id",
            "Must be, with `subject.ce_source`, somebody's first report about a message of the channel in "
            "`subject.channel_ref`, of which Tocsin still knows. Send an outcome about the message instead.",
        )
    return identity, (key.partition(b"\0")[2].decode(),)


def _decision(batch: ReportBatch, outcome: ModerationOutcome, decided_ms: int) -> KnownOutcome:
    probability = 1.0 if outcome.sampled is None else outcome.sampled
    percent = batch.rules.registry.reporters.percent(outcome.confidence, probability)
    return KnownOutcome(
        decided_ms // 1000,
        outcome.outcome_id,
        outcome.decision,
        outcome.category,
        0 if outcome.reason == "not_found" else percent,
        outcome.ground,
    )
