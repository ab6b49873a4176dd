"""Moving episodes: by a report, and by time alone."""

from streams.assessment.due import EpisodeKey
from streams.assessment.episodes import (
    Cause,
    Cooldown,
    Open,
    Scope,
    after_resolution,
    note_clear,
    resolution_time,
    rise,
)
from streams.assessment.escalations import Transition, escalation_id, escalation_record
from streams.assessment.findings import Part, judge, parts_of
from streams.assessment.outcome import Outcome
from streams.assessment.partition_state import PartitionState
from streams.assessment.policies import CompiledPolicy, CompiledRules, Verdict
from streams.assessment.windows import window_spec


def advance(
    state: PartitionState,
    rules: CompiledRules,
    time: int,
    outcome: Outcome,
) -> None:
    """Move the partition's time on to `time` (ms) and do what was due by then, in the order of (due time, key)."""
    while (due := state.due.pop(time)) is not None:
        _serve(state, rules, *due, outcome)
    expiry = state.counts.next_expiry()
    if expiry is not None and expiry <= time:
        state.counts.expire(time)
    state.now = time


def after_report(
    state: PartitionState,
    rules: CompiledRules,
    key: EpisodeKey,
    policy: CompiledPolicy,
    verdict: Verdict,
    parts: list[Part],
    cause: Cause,
    ce_source: str,
    outcome: Outcome,
) -> None:
    """Do to an episode what a report that was just counted means for it."""
    episode = state.episode(key)
    step = rise(episode, verdict.level)
    now = state.now
    if step is None:
        if isinstance(episode, Open) and note_clear(episode, now, clear=verdict.clear):
            state.put_episode(key, episode, policy.timing, now)
        return
    scope = Scope(policy.policy.categories, policy.policy.window_ms, _level_name(policy, verdict.level))
    if isinstance(episode, Open):
        episode.sequence += 1
        episode.level = verdict.level
        episode.clear_since = None
        episode.cause = cause
        episode.scope = scope
        transition = Transition("updated", "level_raised", now, now)
    else:
        episode = Open(
            escalation_id=escalation_id(key, ce_source, cause.report_id),
            level=verdict.level,
            sequence=1,
            clear_since=None,
            first_report_id=cause.report_id,
            cause=cause,
            scope=scope,
        )
        transition = Transition("opened", "threshold_crossed", now, now)
    state.put_episode(key, episode, policy.timing, now)
    _emit(rules, key, episode, transition, parts, outcome)


def _serve(
    state: PartitionState,
    rules: CompiledRules,
    time: int,
    key: EpisodeKey,
    outcome: Outcome,
) -> None:
    episode = state.episode(key)
    assert episode is not None
    if isinstance(episode, Cooldown):
        state.remove_episode(key)
        return
    policy = rules.policies.get((key.policy, key.mode))
    channel = key.channel.encode()
    if policy is None:
        scope = episode.scope
        parts = parts_of(state.counts, channel, scope.categories, window_spec(scope.window_ms, ""), time)
        episode.sequence += 1
        _emit(rules, key, episode, Transition("resolved", "policy_changed", time, time), parts, outcome)
        state.remove_episode(key)
        return
    parts = parts_of(state.counts, channel, policy.policy.categories, policy.spec, time)
    clear = judge(policy, parts, time).clear
    resolved_at = resolution_time(episode, policy.timing)
    if resolved_at is None or not clear:
        # Not clear although it was when it last was looked at: the policy's thresholds were changed since.
        note_clear(episode, time, clear=clear)
        state.put_episode(key, episode, policy.timing, time)
        return
    episode.sequence += 1
    _emit(rules, key, episode, Transition("resolved", "cleared", resolved_at, time), parts, outcome)
    state.put_episode(key, after_resolution(episode, resolved_at, policy.timing), policy.timing, time)


def _emit(
    rules: CompiledRules,
    key: EpisodeKey,
    episode: Open,
    transition: Transition,
    parts: list[Part],
    outcome: Outcome,
) -> None:
    outcome.outputs.append(escalation_record(rules, key, episode, transition, parts))
    outcome.counters[f"escalation:{key.policy}:{key.mode}:{transition.type}:{episode.level}"] += 1


def _level_name(policy: CompiledPolicy, number: int) -> str:
    return next(level.name for level in policy.policy.levels if level.level == number)
