"""Transitions of episodes: those that a report causes, and those that time alone causes."""

from collections.abc import Sequence

from msgspec.structs import replace

from streams.contract.events.report import ChannelKind
from streams.contract.wire.times import DAY
from streams.counting.categories import CategoryShare, shares_of
from streams.counting.coordination.channel_itself import channel_on
from streams.counting.windows import window_spec
from streams.deciding.clocks.store import ClockKey
from streams.deciding.partition.due import DueKey
from streams.deciding.partition.legal_clocks import OutcomeTrace, take_clock_step
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.counters import EpisodeLevel, EscalationStep, QuestionStep
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.escalation.case_law import causing_report, protection_of
from streams.deciding.reports.escalation.clock_events import publish_change
from streams.deciding.reports.escalation.episodes import (
    Cooldown,
    EpisodeKey,
    Open,
    Scope,
    after_resolution,
    note_clear,
    resolution_time,
)
from streams.deciding.reports.escalation.escalations import (
    Transition,
    escalation_id,
    escalation_record,
    held_tier,
    most_reported_messages,
)
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.escalation.question import Question
from streams.deciding.reports.escalation.question_events import withdraw_question


def open_or_raise(
    batch: ReportBatch,
    key: EpisodeKey,
    policy: CompiledPolicy,
    level: int,
    shares: Sequence[CategoryShare],
    case: Case,
    counted_at: int,
    *,
    clear: bool,
    question: Question | None = None,
) -> Open:
    """Open the episode at `level`, or raise it, because of the report of `case` (see episodes.rise).

    `shares` are those of the window that ends with the pane of `counted_at` (ms), `clear` says whether the
    window of now is. `question` is what is known of asking a desk. Returns the episode. One that a
    window of the past opens begins now all the same: dated back, it would be resolved at once, and the next
    late report would open another.
    """
    state = batch.state
    now = state.time.now
    episode = state.episode(key)
    cause = causing_report(case)
    scope = Scope(policy.policy.categories, policy.policy.window_ms, policy.level(level).name)
    if isinstance(episode, Open):
        batch.counters.raised_from[EpisodeLevel(key.policy, key.mode, episode.level)] += 1
        episode.sequence += 1
        episode.level = level
        # Held already, except in state of earlier versions.
        episode.held = max(episode.held, protection_of(episode.cause))
        episode.clear_since = now if clear else None
        episode.cause = cause
        episode.scope = scope
        transition = Transition("updated", "level_raised", now, counted_at)
    else:
        episode = Open(
            escalation_id=escalation_id(key, case.ce_source, cause.report_id),
            level=level,
            sequence=1,
            clear_since=now if clear else None,
            first_report_id=cause.report_id,
            cause=cause,
            scope=scope,
            opened=now,
        )
        transition = Transition("opened", "threshold_crossed", now, counted_at)
    episode.question = question
    episode.held = max(held_tier(episode, shares, policy.spec, counted_at), protection_of(cause))
    state.put_episode(key, episode, policy.timing, now)
    _publish(batch, key, episode, transition, shares, kind=case.report.channel.kind)
    _list_messages(batch, key, episode, policy, shares, counted_at)
    return episode


def raise_by_answer(
    batch: ReportBatch,
    key: EpisodeKey,
    episode: Open,
    policy: CompiledPolicy,
    level: int,
    shares: Sequence[CategoryShare],
    outcome: OutcomeTrace,
) -> None:
    """Raise an open episode to `level` because a desk answered; `shares` are those of the window of now."""
    state = batch.state
    now = state.time.now
    batch.counters.raised_from[EpisodeLevel(key.policy, key.mode, episode.level)] += 1
    episode.sequence += 1
    episode.level = level
    episode.clear_since = None
    episode.scope = Scope(policy.policy.categories, policy.policy.window_ms, policy.level(level).name)
    episode.held = max(
        held_tier(episode, shares, policy.spec, now), episode.held, protection_of(episode.cause)
    )
    state.put_episode(key, episode, policy.timing, now)
    _publish(batch, key, episode, Transition("updated", "level_raised", now, now), shares, outcome)
    _list_messages(batch, key, episode, policy, shares, now)


def _list_messages(
    batch: ReportBatch,
    key: EpisodeKey,
    episode: Open,
    policy: CompiledPolicy,
    shares: Sequence[CategoryShare],
    counted_at: int,
) -> None:
    # Also of reports without a reporter: desks decide about them too, and others may report the messages
    # later.
    if key.mode == "live":
        listed = message_key(key.channel.encode(), episode.escalation_id)
        messages = most_reported_messages(shares, policy.spec, counted_at)
        messages = messages or _days_of_channel(batch, key.channel.encode(), policy, counted_at)
        batch.state.crowd.list_messages(listed, messages, batch.state.time.now)


def _days_of_channel(
    batch: ReportBatch, channel_key: bytes, policy: CompiledPolicy, counted_at: int
) -> tuple[str, ...]:
    """Return what stands for the channel on the days of a window on which it was reported itself."""
    end = counted_at // DAY
    first = (counted_at - policy.policy.window_ms) // DAY
    days = [channel_on(day) for day in range(end, first - 1, -1)]
    return tuple(day for day in days if batch.state.crowd.is_reported(message_key(channel_key, day)))


def serve_due(batch: ReportBatch, time: int, key: DueKey) -> None:
    """Take the step of a clock or an episode that is due at `time` (ms)."""
    if isinstance(key, ClockKey):
        take_clock_step(batch, key, time, publish_change)
    else:
        assert isinstance(key, EpisodeKey)
        _take_episode_step(batch, time, key)


def _take_episode_step(batch: ReportBatch, time: int, key: EpisodeKey) -> None:
    state = batch.state
    episode = state.episode(key)
    assert episode is not None
    if isinstance(episode, Cooldown):
        state.remove_episode(key)
        return
    policy = batch.rules.policies.get((key.policy, key.mode))
    channel = key.channel.encode()
    _note_overdue(batch, key, episode, time)
    if policy is None:
        withdraw_question(batch, key, episode, time)
        scope = episode.scope
        shares = shares_of(state.counts, channel, scope.categories, window_spec(scope.window_ms, ""), time)
        episode.sequence += 1
        _publish(batch, key, episode, Transition("resolved", "policy_changed", time, time), shares)
        state.remove_episode(key)
        return
    shares = shares_of(state.counts, channel, policy.policy.categories, policy.spec, time)
    clear = policy.judge_shares(shares, time).clear
    resolved_at = resolution_time(episode, policy.timing)
    if resolved_at is None or not clear:
        # It may have been clear when last judged, and not be now because the policy's thresholds were
        # changed.
        note_clear(episode, time, clear=clear)
        state.put_episode(key, episode, policy.timing, time)
        return
    withdraw_question(batch, key, episode, resolved_at)
    episode.sequence += 1
    _publish(batch, key, episode, Transition("resolved", "cleared", resolved_at, time), shares)
    state.put_episode(key, after_resolution(episode, resolved_at, policy.timing), policy.timing, time)


def _note_overdue(batch: ReportBatch, key: EpisodeKey, episode: Open, time: int) -> None:
    """Count the episode's question if it should have been answered by `time` (ms), and was not."""
    question = episode.question
    if question is not None and question.next_due is not None and question.next_due <= time:
        episode.question = replace(question, overdue=True)
        batch.counters.questions[QuestionStep(key.policy, "overdue")] += 1


def _publish(
    batch: ReportBatch,
    key: EpisodeKey,
    episode: Open,
    transition: Transition,
    shares: Sequence[CategoryShare],
    outcome: OutcomeTrace | None = None,
    kind: ChannelKind = "channel",
) -> None:
    arrivals = None
    if transition.type != "resolved" and any(share.counts.stamped.stamped for share in shares):
        arrivals = batch.state.crowd.arrivals_of(key.channel.encode())
    record = escalation_record(batch.rules, key, episode, transition, shares, arrivals, outcome, kind)
    batch.outputs.append(record)
    step = EscalationStep(key.policy, key.mode, transition.type, episode.level)
    batch.counters.escalations[step] += 1
