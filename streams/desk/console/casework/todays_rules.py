"""Says whether today's rules would still open a case, by the evidence that its events have."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import UNSET

from streams.contract.events.escalation import Escalation
from streams.contract.wire.times import moment_ms
from streams.counting.conditions import Condition
from streams.counting.measures import MEASURES, MILLION, MeasureName
from streams.registry.policy import Level, Policy
from streams.registry.rules import Rules

# By whom a report is and how far that person is trusted: rules weigh these, and events have the result.
_WEIGHED: frozenset[MeasureName] = frozenset({"risk", "voices", "linked_share", "proven_voices"})
_WEIGHTS = ("scoring", "sources", "categories", "reporters")


class Today(NamedTuple):
    """Whether today's rules would open a case, and why; `cannot_tell` if its events do not say enough."""

    would_open: Literal["yes", "no", "cannot_tell"]
    why: str


def evidence(events: Sequence[Escalation]) -> Escalation:
    """Return the event with the most evidence: the first one at the highest level that was reached."""
    reached = [each for each in events if each.type != "resolved"]
    return max(reached, key=lambda each: each.level, default=events[0])


def todays_verdict(event: Escalation, now: Rules, then: Rules | None) -> Today:
    """Return what today's rules would do with the evidence of an event.

    `then` are the rules by which it came about; None if they are not known. Of a measure that weighs
    reporters the event has the value by the weights of then: where these may be others, it is not known.
    Whether signs of coordination or a question to a desk would hold a level back, no event says.
    """
    if event.clock is not None:
        return _of_clock(event.clock.obligation, now)
    policy = next((each for each in now.policies if each.id == event.policy), None)
    if policy is None:
        return Today("no", f"there is no policy {event.policy}")
    if policy.mode != event.mode:
        return Today("no", f"the policy {policy.id} is {policy.mode}")
    kind = "channel" if event.channel_kind is UNSET else event.channel_kind
    if policy.channel_kind not in (None, kind):
        return Today("no", f"the policy {policy.id} is for another kind: {policy.channel_kind}")
    if differs := _counts_else(event, policy):
        return Today("cannot_tell", f"the policy has {differs}")
    known = _measured(event)
    if not _same_weights(event, now, then):
        known = {name: steps for name, steps in known.items() if name not in _WEIGHED}
    return _judged(policy.levels, known)


def _of_clock(duty: str, now: Rules) -> Today:
    row = next((each for each in now.obligations if each.id == duty), None)
    if row is None or not row.arms:
        return Today("no", f"there is no row of law {duty} that starts a clock")
    return Today("cannot_tell", "which law applies follows from the report, which is not on the event")


def _counts_else(event: Escalation, policy: Policy) -> str:
    """Say what the policy counts today that the event did not; empty if it counts the same."""
    if set(policy.categories) != set(event.categories):
        return "other categories"
    span = moment_ms(event.window.end) - moment_ms(event.window.start)
    return "" if policy.window_ms == span else "another window"


def _same_weights(event: Escalation, now: Rules, then: Rules | None) -> bool:
    if event.registry_version == now.registry_version:
        return True
    return then is not None and all(getattr(then, part) == getattr(now, part) for part in _WEIGHTS)


def _measured(event: Escalation) -> Mapping[MeasureName, int]:
    """Return the measures that an event says, in their whole steps."""
    counts = event.counts
    anonymous = round(event.integrity.signals.get("anonymous_share", 0.0) * counts.reports)
    known: dict[MeasureName, int] = {
        "reports": counts.reports,
        "distinct_reporters": counts.distinct_reporters,
        "risk": round(event.score.value * MILLION),
        "trusted_flaggers": counts.trusted_flaggers,
        "automated": counts.automated,
        "state_actors": counts.state_actors,
        "anonymous_share": anonymous * MILLION // counts.reports if counts.reports else 0,
    }
    if counts.voices is UNSET:
        # Nobody of them is known to report together with others, and none was proved right.
        known |= {"voices": counts.distinct_reporters * MILLION, "linked_share": 0, "proven_voices": 0}
    else:
        known["voices"] = round(counts.voices * MILLION)
        if counts.proven_voices is not UNSET:
            known["proven_voices"] = counts.proven_voices
    # What a policy asked for, the event shows.
    shown = ((name, each.value) for each in event.conditions for name in MEASURES if name == each.measure)
    return known | {name: round(value * MEASURES[name].scale) for name, value in shown}


def _judged(levels: Sequence[Level], known: Mapping[MeasureName, int]) -> Today:
    held = {level.level: _holds(level, known) for level in levels}
    reached = [level for level in levels if held[level.level]]
    missing = sorted(
        {
            each.measure.name
            for level in levels
            if held[level.level] is None
            for each in (*level.when, *level.any_of)
            if each.measure.name not in known
        }
    )
    unknown = f"{', '.join(missing)} of then cannot be told" if missing else ""
    if reached:
        highest = reached[-1]
        above = any(level.level > highest.level and held[level.level] is None for level in levels)
        more = f", or more: {unknown}" if above else ""
        return Today("yes", f"at level {highest.level}, {highest.name}{more}")
    if missing:
        return Today("cannot_tell", unknown)
    return Today("no", f"level {levels[0].level} needs {levels[0].text}")


def _holds(level: Level, known: Mapping[MeasureName, int]) -> bool | None:
    """Return whether a level holds; None if that depends on what is not known."""
    alternatives = [_met(each, known) for each in level.any_of]
    needed = [_met(each, known) for each in level.when]
    if alternatives:
        needed.append(_any(alternatives))
    if False in needed:
        return False
    return None if None in needed else True


def _any(met: Iterable[bool | None]) -> bool | None:
    found = list(met)
    if True in found:
        return True
    return None if None in found else False


def _met(condition: Condition, known: Mapping[MeasureName, int]) -> bool | None:
    steps = known.get(condition.measure.name)
    return None if steps is None else condition.low <= steps < condition.high
