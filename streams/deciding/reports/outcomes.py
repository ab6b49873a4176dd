"""Applying what a desk decided: finding the messages, and crediting those who reported them."""

from collections.abc import Iterable, Sequence
from typing import Final

from streams.contract.events.internal.findings import finding_of, narrowest
from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    MessageSubject,
    ModerationOutcome,
    OutcomeSubject,
)
from streams.contract.events.outcome_reason import OutcomeReason
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.origin import Origin
from streams.contract.wire.reading import Decoded
from streams.contract.wire.records import new_tuple
from streams.counting.attribution import MessageReporters, ReportIdentity
from streams.counting.confirmation import Proof
from streams.counting.coordination.channel_itself import named_message
from streams.counting.credit import Credit
from streams.counting.known_outcome import KnownOutcome
from streams.deciding.partition.legal_clocks import OutcomeTrace
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.credits import pass_on_credit, publish_receipt
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.escalation.asking import answer_questions, drawn_message
from streams.deciding.reports.escalation.samples import SampleKey
from streams.deciding.reports.message_counts import count_outcome, count_report
from streams.deciding.reports.weightless import note_approval

# Reasons that do not say whether the reports were right: the message was gone, or could not be judged.
SAYS_NOTHING: Final[frozenset[OutcomeReason]] = frozenset({"not_found", "not_substantiated"})


def apply_outcome(
    batch: ReportBatch, channel_key: bytes, origin: Origin, decoded: Decoded[ModerationOutcome]
) -> None:
    """Apply an outcome whose channel is at home here; a duplicate has no effect.

    It does not move the partition's time and changes nothing that policies count: it is known better whom
    later reports come from, and the counters for transparency reports follow. It may answer a question that
    was asked about one of the messages, and so raise an escalation. A message that was gone before
    anybody could look, or could not be judged, says nothing about those who reported it: they are told, and
    an outcome that this one supersedes is taken back. One of a case whose answer is known is counted, and has
    no other effect. Raises Rejected, changing nothing, if the report or escalation that it is about is not
    known here.
    """
    outcome = decoded.event
    state = batch.state
    channel = outcome.subject.channel_ref
    hashed = state.recent.new_decision(decoded.ce_source, outcome.outcome_id, channel)
    if hashed is None:
        batch.counters.duplicates += 1
        return
    if outcome.known_answer is not None:
        state.recent.add(hashed, state.time.now)
        right = outcome.decision == outcome.known_answer
        batch.counters.desk_checks["golden_right" if right else "golden_wrong"] += 1
        return
    identity, messages = _judged(batch, channel_key, outcome.subject)
    state.recent.add(hashed, state.time.now)
    batch.counters.moderation_outcomes += 1
    decision = _decision(batch, outcome, decoded.time_ms, _probability(batch, outcome, messages))
    for number, message in enumerate(messages):
        key = message_key(channel_key, message)
        record = state.crowd.reporters_of(key)
        only = None if identity is None else record.reporter_of(identity)
        if identity is not None and only is None:
            # A desk was asked about it, and since then it left the sample of its message: nobody is credited.
            continue
        decides = decision.percent > 0 or outcome.supersedes is not None
        changes = record.add_outcome(decision, only) if decides else record.notices_of(decision, only)
        if number == 0 and (compared := record.second_opinion(decision, only)) is not None:
            batch.counters.desk_checks[compared] += 1
        if named_message(message) is not None:
            # Items and decisions that are counted are messages.
            count_outcome(batch, record, outcome, decision.decided_s, leads=number == 0)
        note_approval(batch, key, record, outcome, decoded.time_ms)
        state.crowd.put_reporters(key, record, state.time.now)
        _publish_changes(batch, channel, message, record, changes)
    trace = OutcomeTrace(origin, state.time.applied, state.time.ticks)
    answer_questions(batch, channel, messages, identity, decision, trace)


def note_reporter(batch: ReportBatch, channel_key: bytes, case: Case, reporter: int) -> bool:
    """Note who reported a message, and confirm the receipt; return whether it is their first report of it.

    A report that arrives after a decision is credited at once, if it was received before it.
    """
    state, report = batch.state, case.report
    about = case.about
    key = message_key(channel_key, about)
    known_as = case.known_as
    earlier = None if known_as is None else state.reporter_keys.hash_before(known_as)
    if report.message_ref is None:
        record = state.crowd.reporters_of(key)
    else:
        record = case.message or state.crowd.reporters.new_record()
    finding, known = None, False
    if case.source is None:
        noted = reporter
        if earlier is not None:
            record.rename(earlier, noted)
    else:
        # Of several parts of a source each is credited, but they are no several findings.
        parts = case.source.parts
        noted = narrowest(reporter, parts)
        if earlier is not None:
            record.rename(narrowest(earlier, parts), noted)
        known = record.has_found(reporter)
        finding = finding_of(report, reporter, parts)
    before = record.reports
    identity = new_tuple(ReportIdentity, (case.ce_source, report.report_id))
    received = case.received
    changes = record.add_report(noted, received, identity, finding)
    if report.message_ref is not None:
        count_report(batch, record, case, received)
    state.crowd.put_reporters(key, record, state.time.now)
    first = record.reports > before
    # Each report about the channel itself is a notice of its own.
    if (first or report.message_ref is None) and not batch.rules.cases_alone:
        publish_receipt(batch, case, reporter)
    _publish_changes(batch, report.channel.ref, about, record, changes)
    return first and not known


def note_proof(batch: ReportBatch, channel_key: bytes, case: Case, reporter: int, proof: Proof) -> None:
    """Note where a reporter was right elsewhere, after `note_reporter` has noted the report.

    If an outcome about it is upheld, this confirms who had reported it before.
    """
    key = message_key(channel_key, case.about)
    record = batch.state.crowd.reporters_of(key)
    changes = record.add_proof(reporter, proof)
    batch.state.crowd.put_reporters(key, record, batch.state.time.now)
    _publish_changes(batch, case.report.channel.ref, case.about, record, changes)


def _publish_changes(
    batch: ReportBatch, channel: str, message: str, record: MessageReporters, changes: Iterable[Credit]
) -> None:
    for credit in changes:
        identity, finding = record.identities.get(credit.reporter), record.found.get(credit.reporter)
        told = pass_on_credit(batch, channel, message, credit, identity, finding)
        if told is not None:
            batch.outputs.append(told)


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
                "Must be the id of an escalation of the last 180 days about the channel in "
                "`subject.channel_ref`. Send an outcome about each message instead.",
            )
        return None, listed
    identity = ReportIdentity(subject.ce_source, subject.report_id)
    key = crowd.message_of(channel_key, identity)
    if key is None:
        asked_about = drawn_message(batch, subject.channel_ref, identity)
        if asked_about is not None:
            return identity, (asked_about,)
        raise Rejected(
            "subject_not_found",
            "subject.report_id",
            "Must be, with `subject.ce_source`, somebody's first report about a message of the channel in "
            "`subject.channel_ref`, or of its day about the channel, of which Tocsin still knows. Send "
            "an outcome about the message instead.",
        )
    return identity, (key.partition(b"\0")[2].decode(),)


def _probability(batch: ReportBatch, outcome: ModerationOutcome, messages: Sequence[str]) -> float:
    """Return the probability with which what was judged was drawn; a desk need not say that of a sample."""
    if outcome.sampled is not None:
        return outcome.sampled
    if len(messages) != 1:
        return 1.0
    sample = batch.state.samples.find(SampleKey(outcome.subject.channel_ref, messages[0]))
    return 1.0 if sample is None else sample.probability


def _decision(
    batch: ReportBatch, outcome: ModerationOutcome, decided_ms: int, probability: float
) -> KnownOutcome:
    rules = batch.rules.registry.reporters
    unseen = outcome.reason in SAYS_NOTHING
    return KnownOutcome(
        decided_ms // 1000,
        outcome.outcome_id,
        outcome.decision,
        outcome.category,
        0 if unseen else rules.percent(outcome.confidence, probability),
        outcome.ground,
        batch.rules.hash_keys.current.reviewer_tag(outcome.reviewer.ref),
        0 if unseen else rules.percent("two_agree", probability),
        0 if unseen else rules.percent_if_disputed(probability),
        outcome.confidence == "two_agree" or rules.reviewers.one_is_enough,
        outcome.supersedes is not None,
        reason=outcome.reason,
    )
