"""Transitions of episodes: those that a report causes, and those that time alone causes."""

from collections.abc import Sequence

from msgspec.structs import replace

from streams.contract.events.escalation import Digest
from streams.contract.events.report import ChannelKind
from streams.contract.wire.times import DAY, HOUR
from streams.counting.categories import CategoryShare, shares_of
from streams.counting.coordination.channel_itself import channel_on
from streams.counting.windows import window_spec
from streams.deciding.clocks.store import ClockKey
from streams.deciding.partition.due import DueKey
from streams.deciding.partition.legal_clocks import OutcomeTrace, take_clock_step
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.counters import BeyondBudget, EpisodeLevel, EscalationStep, QuestionStep
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.escalation.budgets import per_hour_here, published_digest
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
from streams.deciding.reports.escalation.samples import SampleKey
from streams.deciding.reports.escalation.sampling import leave_out_raised, take_sample_step
from streams.deciding.reports.escalation.window_shares import policy_shares
from streams.deciding.reports.trial.counting import count_reached


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
    late report would open another. One beyond the budget of its policy is published when it is its turn.
    """
    state = batch.state
    now = state.time.now
    episode = state.episode(key)
    cause = causing_report(case)
    scope = Scope(policy.policy.categories, policy.policy.window_ms, policy.level(level).name)
    before = episode.level if isinstance(episode, Open) else 0
    if isinstance(episode, Open) and state.budgets.rest_of(key) is not None:
        if level <= episode.level:
            return episode
        episode.level, episode.cause, episode.scope = level, cause, scope
        episode.clear_since = now if clear else None
        transition = Transition("opened", "threshold_crossed", now, counted_at)
    elif isinstance(episode, Open):
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
    if key.mode == "live":
        leave_out_raised(batch, key.channel, scope.categories)
    opens = transition.type != "opened" or _is_admitted(
        batch, key, policy, episode, counted_at, case.report.channel.kind
    )
    state.put_episode(key, episode, policy.timing, now)
    if opens:
        _publish(batch, key, episode, transition, shares, kind=case.report.channel.kind)
        _list_messages(batch, key, episode, policy, shares, counted_at)
    count_reached(batch, key, before, level)
    return episode


def _is_admitted(
    batch: ReportBatch,
    key: EpisodeKey,
    policy: CompiledPolicy,
    episode: Open,
    counted_at: int,
    kind: ChannelKind,
) -> bool:
    """Return whether an episode opens now, and does not wait for the budget of its policy."""
    state, level = batch.state, episode.level
    here = per_hour_here(policy, state.partitions)
    if here is None:
        return True
    may_rest = batch.rules.of(key.channel, key.mode).registry.may_rest(policy.policy)
    admission = state.budgets.admit(
        key, level, here, state.time.now, counted_at, episode.escalation_id, may_rest=may_rest, kind=kind
    )
    if admission != "within":
        batch.counters.beyond_budget[BeyondBudget(key.policy, level, admission)] += 1
    return admission != "rests"


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
    count_reached(batch, key, episode.level, level)
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
    """Take the step of a clock, an episode or a sample that is due at `time` (ms)."""
    if isinstance(key, ClockKey):
        take_clock_step(batch, key, time, publish_change)
    elif isinstance(key, SampleKey):
        take_sample_step(batch, time, key)
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
    policy = batch.rules.of(key.channel, key.mode).policies.get((key.policy, key.mode))
    _open_at_last(batch, time, key, episode, policy)
    _publish_digest(batch, time, key, episode, policy)
    _note_overdue(batch, key, episode, time)
    if policy is None:
        withdraw_question(batch, key, episode, time)
        shares = _shares(batch, key, episode, None, time)
        episode.sequence += 1
        _publish(batch, key, episode, Transition("resolved", "policy_changed", time, time), shares)
        state.remove_episode(key)
        return
    shares = _shares(batch, key, episode, policy, time)
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


def _open_at_last(
    batch: ReportBatch, time: int, key: EpisodeKey, episode: Open, policy: CompiledPolicy | None
) -> None:
    """Publish an episode that has waited for the budget of its policy, with the counts that it had then."""
    rest = batch.state.budgets.wake(key)
    if rest is None:
        return
    # What has become clear meanwhile stays open as long as what becomes clear now: a desk must see it.
    episode.clear_since = None
    shares = _shares(batch, key, episode, policy, rest.since)
    transition = Transition("opened", "threshold_crossed", time, rest.since)
    _publish(batch, key, episode, transition, shares, kind=rest.kind)
    if policy is not None:
        _list_messages(batch, key, episode, policy, shares, rest.since)


def _publish_digest(
    batch: ReportBatch, time: int, key: EpisodeKey, episode: Open, policy: CompiledPolicy | None
) -> None:
    """Publish which episodes wait, if this one says so, at the end of the hour or before it is resolved."""
    digest = batch.state.budgets.digest_of(key)
    if digest is None:
        return
    ends = resolution_time(episode, policy.timing) if policy is not None else time
    if time < (digest.hour + 1) * HOUR and (ends is None or time < ends):
        return
    batch.state.budgets.end_digest(key)
    if digest.waiting:
        # It stays at its level.
        batch.counters.raised_from[EpisodeLevel(key.policy, key.mode, episode.level)] += 1
        episode.sequence += 1
        shares = _shares(batch, key, episode, policy, time)
        transition = Transition("updated", "threshold_crossed", time, time)
        _publish(batch, key, episode, transition, shares, digest=published_digest(digest))


def _shares(
    batch: ReportBatch, key: EpisodeKey, episode: Open, policy: CompiledPolicy | None, end: int
) -> list[CategoryShare]:
    """Return the counts of an episode in the window that ends with the pane of `end` (ms)."""
    channel = key.channel.encode()
    if policy is not None:
        return policy_shares(batch.state, channel, policy, end)
    scope = episode.scope
    spec = window_spec(scope.window_ms, "")
    return shares_of(batch.state.counts, channel, scope.categories, spec, end)


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
    digest: Digest | None = None,
    kind: ChannelKind = "channel",
) -> None:
    arrivals = None
    if transition.type != "resolved" and any(share.counts.stamped.stamped for share in shares):
        arrivals = batch.state.crowd.arrivals_of(key.channel.encode())
    rules = batch.rules.of(key.channel, key.mode)
    batch.outputs.append(
        escalation_record(rules, key, episode, transition, shares, arrivals, outcome, digest, kind)
    )
    step = EscalationStep(key.policy, key.mode, transition.type, episode.level)
    batch.counters.escalations[step] += 1
