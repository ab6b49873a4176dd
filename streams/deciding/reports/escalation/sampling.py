"""Drawing messages that no policy raised, and publishing them for a review."""

from collections.abc import Collection
from typing import Final

import msgspec

from streams.contract.events.escalation import ESCALATION_TYPE, Condition, EscalationType, Score, Window
from streams.contract.events.report import Category
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers, rfc3339
from streams.contract.wire.ids import stable_id, step_id
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.times import DAY
from streams.contract.wire.topics import ESCALATIONS
from streams.counting.coordination.channel_itself import named_message
from streams.counting.sums import WindowCounts
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.escalation.case_law import causing_report, law_of
from streams.deciding.reports.escalation.episodes import Open
from streams.deciding.reports.escalation.escalations import build_escalation
from streams.deciding.reports.escalation.priority import NO_PRIORITY
from streams.deciding.reports.escalation.samples import Sample, SampleKey, is_drawn
from streams.deciding.reports.rules import ReportRules
from streams.registry.policy import RANDOM_SAMPLE

# A sample that nobody has looked at for a week says no more about the rules of now than the next ones.
_SHOWN_MS: Final = 7 * DAY
# The window of a category that no live policy counts.
_DEFAULT_WINDOW_MS: Final = DAY


def draw(batch: ReportBatch, channel_key: bytes, rules: ReportRules, case: Case) -> None:
    """Draw the message of a report that counts, or leave it out: then it is in no sample.

    `rules` are those of its channel. What a live policy has raised already is left out, and so is a message
    about which there is a decision.
    """
    channel, state = case.report.channel.ref, batch.state
    share = rules.registry.sample_share
    if not share or case.without_weight is not None:
        return
    key = SampleKey(channel, case.about)
    if not is_drawn(rules.hash_keys.current, channel, case.about, share) or state.samples.find(key):
        return
    episodes = state.episodes.get(channel, {})
    plan = rules.plans[case.report.category]
    live = [policy for policy, _ in plan.policies if policy.policy.mode == "live"]
    if any(isinstance(episodes.get(policy.key), Open) for policy in live):
        return
    if state.crowd.reporters_of(message_key(channel_key, case.about)).is_decided:
        return
    window = max((policy.policy.window_ms for policy in live), default=_DEFAULT_WINDOW_MS)
    sample = Sample(
        causing_report(case),
        case.ce_source,
        share,
        state.time.now + window,
        case.occurred,
        case.risk.score,
        named=case.report.reporter is not None and case.report.reporter.ref is not None,
        kind=case.report.channel.kind,
    )
    state.samples.put(key, sample, state.due)
    batch.counters.samples["drawn"] += 1


def leave_out_raised(batch: ReportBatch, channel: str, categories: Collection[Category]) -> None:
    """Take out of the sample what a live policy that counts these categories raises in a channel."""
    samples, due = batch.state.samples, batch.state.due
    for key, sample in samples.of_channel(channel):
        if sample.cause.category not in categories:
            continue
        if sample.shown:
            sample.raised = True
            samples.put(key, sample, due)
        else:
            samples.remove(key, due)
            batch.counters.samples["raised"] += 1


def take_sample_step(batch: ReportBatch, time: int, key: SampleKey) -> None:
    """Publish at `time` (ms) what no policy has raised by then, or end what nobody has looked at."""
    state = batch.state
    sample = state.samples.find(key)
    assert sample is not None
    listed = message_key(key.channel.encode(), key.about)
    if sample.shown:
        _publish(batch, time, key, sample, "resolved")
        state.samples.remove(key, state.due)
    elif state.crowd.reporters_of(listed).is_decided:
        state.samples.remove(key, state.due)
        batch.counters.samples["decided"] += 1
    else:
        _publish(batch, time, key, sample, "opened")
        escalation = message_key(key.channel.encode(), _escalation_id(key, sample))
        state.crowd.list_messages(escalation, (key.about,), time)
        sample.shown, sample.until = True, time + _SHOWN_MS
        state.samples.put(key, sample, state.due)
        batch.counters.samples["shown"] += 1


def _publish(batch: ReportBatch, time: int, key: SampleKey, sample: Sample, kind: EscalationType) -> None:
    cause, rules = sample.cause, batch.rules.of(key.channel)
    message = named_message(key.about)
    escalation_id = _escalation_id(key, sample)
    counts = WindowCounts()
    counts.count(cause.reporter or "anonymous", 1 if sample.named else None, 0)
    counts.distinct_reporters = int(sample.named)
    event = build_escalation(
        rules,
        cause,
        law_of(rules, cause, (cause.category,), cause.tier),
        counts,
        escalation_id=escalation_id,
        sequence=1 if kind == "opened" else 2,
        type=kind,
        reason="threshold_crossed" if kind == "opened" else "cleared",
        at=time,
        policy=RANDOM_SAMPLE,
        policy_reason=f"Drawn at random, with a probability of {sample.sampled:g}: no policy raised it.",
        mode="live",
        level=1,
        level_name="review",
        channel_ref=key.channel,
        categories=(cause.category,),
        window=Window(start=rfc3339(sample.reported), end=rfc3339(time)),
        conditions=(Condition("reports", 1.0, 1.0),),
        score=Score(value=sample.risk, components={cause.category: sample.risk}),
        message_refs=() if message is None else (message,),
        first_report_id=cause.report_id,
        priority=NO_PRIORITY,
    )
    if not sample.raised:
        event = msgspec.structs.replace(event, sampled=sample.sampled)
    if sample.kind != "channel":
        event = msgspec.structs.replace(event, channel_kind=sample.kind)
    headers = event_headers(ESCALATION_TYPE, step_id(escalation_id, event.sequence), time)
    batch.outputs.append(OutputRecord(ESCALATIONS, None, key.channel.encode(), encode(event), headers))


def _escalation_id(key: SampleKey, sample: Sample) -> str:
    return stable_id(RANDOM_SAMPLE, key.channel, sample.ce_source, sample.cause.report_id)
