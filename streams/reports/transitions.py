"""Moving episodes: by a report, and by time alone."""

from streams.counting.channel_windows import Part, judge, parts_of
from streams.counting.store import DAY_MS
from streams.counting.windows import window_spec
from streams.partition.batch import Outcome
from streams.partition.due import ClockKey, DueKey, EpisodeKey
from streams.reports.clock_events import serve_clock
from streams.reports.episodes import (
    Cause,
    Cooldown,
    Open,
    Scope,
    after_resolution,
    note_clear,
    resolution_time,
)
from streams.reports.escalations import Transition, escalation_id, escalation_record
from streams.reports.rules import CompiledPolicy, CompiledRules
from streams.reports.state import PartitionState


def advance(
    state: PartitionState,
    rules: CompiledRules,
    time: int,
    outcome: Outcome,
) -> None:
    """Move the partition's time on to `time` (ms) and do what was due by then, in the order of (due time, key)."""
    while (due := state.due.pop(time)) is not None:
        _serve(state, rules, *due, outcome)
    if time // DAY_MS != state.now // DAY_MS:
        state.counts.expire(time)
    state.now = time


def open_or_raise(
    state: PartitionState,
    rules: CompiledRules,
    key: EpisodeKey,
    policy: CompiledPolicy,
    level: int,
    parts: list[Part],
    cause: Cause,
    ce_source: str,
    outcome: Outcome,
) -> None:
    """Bring the episode to `level`, which the report of `cause` made hold (see episodes.rise)."""
    now = state.now
    episode = state.episode(key)
    scope = Scope(policy.policy.categories, policy.policy.window_ms, _level_name(policy, level))
    if isinstance(episode, Open):
        outcome.counters[f"raised:{key.policy}:{key.mode}:{episode.level}"] += 1
        episode.sequence += 1
        episode.level = level
        episode.clear_since = None
        episode.cause = cause
        episode.scope = scope
        transition = Transition("updated", "level_raised", now, now)
    else:
        episode = Open(
            escalation_id=escalation_id(key, ce_source, cause.report_id),
            level=level,
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
    key: DueKey,
    outcome: Outcome,
) -> None:
    if isinstance(key, ClockKey):
        serve_clock(state, key, time, outcome)
        return
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
