"""What attackers want, and whether an attack reaches it."""

from dataclasses import dataclass, field
from functools import cache

from streams.registry.rules import Rules
from tests.evaluate.adversary.battle import Battle, Desk, Wave, highest, target_name
from tests.evaluate.adversary.plan import Plan
from tests.evaluate.stages import shipped


@dataclass(frozen=True, slots=True)
class Open:
    """A level of a policy in an innocent channel that nobody else reports."""

    policy: str
    category: str
    level: int
    desk: Desk = field(default_factory=Desk)

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.policy} L{self.level}"

    def reached(self, plan: Plan, rules: Rules, seed: int) -> bool:
        """Return whether the attack does it in every target."""
        stages = Battle(plan, self.category, seed, desk=self.desk).play(rules)
        targets = range(plan.targets)
        return all(highest(stages, self.policy, target_name(target)) >= self.level for target in targets)


@dataclass(frozen=True, slots=True)
class Silence:
    """An honest wave that reaches a lower level of a policy than it does without the attack."""

    policy: str
    category: str
    people: int = 80
    desk: Desk = field(default_factory=Desk)

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"silence {self.people}, {self.policy}"

    def reached(self, plan: Plan, rules: Rules, seed: int) -> bool:
        """Return whether the wave loses a level."""
        alone = _alone(self, _Same(rules), seed)
        return self.level(plan, rules, seed) < alone

    def level(self, plan: Plan, rules: Rules, seed: int) -> int:
        """Return the highest level of the policy that the wave reaches beside the attack."""
        stages = Battle(plan, self.category, seed, Wave(self.people), self.desk).play(rules)
        return highest(stages, self.policy, target_name(0))


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """Rules as a key: they cannot be hashed, and there are few of them."""

    rules: Rules

    def __hash__(self) -> int:
        return id(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.rules is self.rules


@cache
def _alone(goal: Silence, rules: _Same, seed: int) -> int:
    return goal.level(Plan(), rules.rules, seed)


Goal = Open | Silence


def defended() -> Rules:
    """Return the shipped rules with all that defends against crowds live: `integrity` and `ask`."""
    return shipped(integrity="live", ask="live")


# The levels above review of the policies that are shipped live; a category of each that has a floor if one
# has.
OPENINGS: tuple[Open, ...] = (
    Open("child-safety", "csam", 2),
    Open("child-safety", "csam", 3),
    Open("intimate-images", "ncii", 2),
    Open("intimate-images", "ncii", 3),
    Open("threat-to-life", "threat_to_life", 2),
    Open("threat-to-life", "threat_to_life", 3),
    Open("terrorism", "terrorism", 2),
    Open("terrorism", "terrorism", 3),
    Open("persons-at-risk", "self_harm", 2),
    Open("fraud", "fraud", 2),
    Open("fraud", "fraud", 3),
    Open("spam-flood", "spam", 2),
)
SILENCINGS: tuple[Silence, ...] = tuple(
    Silence(policy, "fraud", people) for policy in ("fraud", "fraud-voices") for people in (80, 25)
)
GOALS: tuple[Goal, ...] = (*OPENINGS, *SILENCINGS)
