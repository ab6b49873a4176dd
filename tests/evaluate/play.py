"""Plays a world through the stages, and keeps what the figures need."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.counting.sums import WindowCounts
from streams.deciding.reports.escalation.policies import CompiledPolicy, compile_policy
from streams.deciding.reports.risk import RiskModel
from streams.contract.events.report import MessageReport, Reporter
from streams.contract.wire.times import from_epoch_ms
from streams.registry.rules import Rules
from tests.evaluate.desks import DeskSettings, WorldDesk
from tests.evaluate.stages import DAY, MINUTE, START, Reached, Stages
from tests.evaluate.world import Reporting, Target, World

# How long after its last report a target is still asked for: a desk that answers questions takes part of a day.
_AFTER = DAY


@dataclass(slots=True)
class Outcome:
    """What became of one target. Times are in ms.

    `cooling`: an episode had resolved so lately that no other one could open at its level. `voices` and `heads` in the window of its policy when its last report is applied. `by_heads`: when each
    level would be reached if every reporter counted, with the weight of a reporter of whom nothing is known.
    """

    story: str
    right: bool
    number: int
    target: Target
    voices: float = 0.0
    heads: int = 0
    linked: int = 0
    suspected: bool = False
    cooling: bool = False
    reached: dict[int, int] = field(default_factory=dict)
    by_heads: dict[int, int] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """The highest level from the first report on until a day after the last one."""
        return max(self.reached, default=0)


@dataclass(slots=True)
class Played:
    """What came of a world."""

    world: World
    stages: Stages
    outcomes: list[Outcome]
    decided: int
    answered: int


def play(world: World, rules: Rules, settings: DeskSettings) -> Played:
    """Play a world with these rules and desks."""
    stages = Stages(rules, together=5 * MINUTE)
    desk = WorldDesk(stages, world, settings)
    outcomes = [
        Outcome(story.name, story.right, number, target)
        for story in world.stories
        for number, target in enumerate(sorted(story.targets, key=lambda each: each.begin))
    ]
    for outcome in outcomes:
        stages.schedule(outcome.target.end + 1, lambda _, outcome=outcome: _look(stages, outcome))  # type: ignore[misc]
    for each in world.reports:
        stages.report(
            each.at,
            each.channel,
            each.category,
            each.reporter,
            message=each.message,
            member=each.member,
            age=each.age,
        )
        desk.note_report(each.at, each.channel, each.message, each.category)
    stages.run_until(START + (world.days + 1) * DAY)
    heads = _Heads(rules)
    by_channel: dict[str, list[Reporting]] = {outcome.target.channel: [] for outcome in outcomes}
    for each in world.reports:
        if each.channel in by_channel:
            by_channel[each.channel].append(each)
    for outcome in outcomes:
        target = outcome.target
        levels = stages.levels.get((target.policy, "live", target.channel), ())
        outcome.reached = _reached(levels, target)
        cooldown = heads.policies[target.policy].timing.cooldown
        outcome.cooling = any(
            not each.level and -cooldown < each.at - target.begin <= _AFTER for each in levels
        )
        outcome.by_heads = heads.levels(target, by_channel[target.channel])
    return Played(world, stages, outcomes, desk.decided, desk.answered)


def _reached(levels: Iterable[Reached], target: Target) -> dict[int, int]:
    """Return when each level was reached; at the first report, if an episode had it already."""
    found: dict[int, int] = {}
    before = 0
    for each in levels:
        if each.at < target.begin:
            before = each.level
        elif each.at <= target.end + _AFTER:
            for level in range(1, each.level + 1):
                found.setdefault(level, each.at)
    return found | dict.fromkeys(range(1, before + 1), target.begin)


def _look(stages: Stages, outcome: Outcome) -> None:
    target = outcome.target
    counts = stages.counts(target.policy, target.channel)
    outcome.heads = counts.distinct_reporters
    outcome.voices = stages.voices(target.policy, target.channel)
    outcome.linked = stages.linked(target.policy, target.channel)
    outcome.suspected = stages.suspected(target.policy, target.channel)


class _Heads:
    """When reports would reach the levels of a policy, if heads alone counted."""

    def __init__(self, rules: Rules) -> None:
        self._model = RiskModel(rules)
        self.policies: dict[str, CompiledPolicy] = {
            policy.id: compile_policy(policy, "live") for policy in rules.policies
        }

    def levels(self, target: Target, reports: list[Reporting]) -> dict[int, int]:
        """Return when the reports of a channel first held each level while the target was reported."""
        policy = self.policies[target.policy]
        found: dict[int, int] = {}
        window: deque[tuple[int, str | None, int]] = deque()
        reporters: Counter[str] = Counter()
        for each in reports:
            if each.at > target.end:
                break
            if each.category not in policy.policy.categories:
                continue
            while window and window[0][0] <= each.at - policy.policy.window_ms:
                _, left, _ = window.popleft()
                if left is not None:
                    reporters[left] -= 1
            repeats = each.reporter is not None and reporters[each.reporter] > 0
            window.append((each.at, each.reporter, 0 if repeats else self._risk(each)))
            if each.reporter is not None:
                reporters[each.reporter] += 1
            if each.at >= target.begin:
                counts = WindowCounts()
                counts.reports = len(window)
                counts.distinct_reporters = sum(number > 0 for number in reporters.values())
                counts.risk = sum(risk for _, _, risk in window)
                for level in range(1, policy.judge(counts).level + 1):
                    found.setdefault(level, each.at)
        return found

    def _risk(self, each: Reporting) -> int:
        who = Reporter(kind="user", ref=each.reporter, member=each.member, account_age=each.age)  # type: ignore[arg-type]
        report = MessageReport("1", "user_report", from_epoch_ms(each.at), None, each.category, reporter=who)  # type: ignore[arg-type]
        return self._model.millionths(self._model.score(report, 1.0))
