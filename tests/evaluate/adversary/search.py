"""A search for the cheapest attack: random plans, mutated while they get cheaper, and begun again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from streams.registry.rules import Rules
from tests.evaluate.adversary.goals import Goal, Open
from tests.evaluate.adversary.plan import Plan

TRAINING: Final = (1, 2, 3)
HELD_OUT: Final = tuple(range(101, 111))

_CROWD: Final[Mapping[str, Sequence[Any]]] = {
    "accounts": (0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300),
    "age": ("under_1d", "under_1w", "under_1m", "over_1y"),
    "joined": (0.0, 0.25, 0.5, 0.75, 1.0),
    "reports_each": (1, 2, 3, 5, 8, 20, 80),
    "messages": ("same", "own", "none"),
    "spread_min": (5, 20, 40, 120, 360, 600),
    "cell": (0, 0, 2, 4, 8),
    "inflation": (0, 0, 100, 400, 800),
    "staged": (0, 0, 1, 2, 3),
    "history": (0, 0, 1, 2),
    "proven": (0, 0, 0, 1, 3, 4),
    "lone": (0, 0, 1, 4),
    "anonymous": (0, 0, 10, 40, 100, 300),
}
SPACE: Final[Mapping[str, Mapping[str, Sequence[Any]]]] = {
    "open": {**_CROWD, "findings": (0, 0, 1, 2, 3)},
    "silence": {
        **_CROWD,
        "bait": (0, 0, 1, 2, 3, 4),
        "bait_reason": ("not_found", "not_substantiated", "not_a_violation"),
        # Long before the wave, just before it, and within it.
        "lead_min": (0, 20, 60, 180, 360, 1440),
    },
}
# Numbers that may take any value, not only those from which a search begins.
_WHOLE: Final = frozenset({"accounts", "reports_each", "spread_min", "inflation", "anonymous", "lead_min"})
MOST: Final = 150.0
"""What a plan may cost: dearer ones are not tried."""


@dataclass(frozen=True, slots=True)
class Found:
    """The cheapest plan that a search found, None if none; how many plans were played; and with how many of the
    seeds that the search did not see it reaches its goal.
    """

    goal: str
    plan: Plan | None
    evaluations: int
    held_out: float

    @property
    def cost(self) -> float:
        """The price of the plan; infinite without one."""
        return float("inf") if self.plan is None else self.plan.cost


def search(goal: Goal, rules: Rules, budget: int, seed: int, starts: Sequence[Plan] = ()) -> Found:
    """Return the cheapest plan for a goal that `budget` evaluations find, beginning with `starts`.

    The same arguments give the same plan.
    """
    rng = Random(f"{goal.name} {seed}")
    space = SPACE["open" if isinstance(goal, Open) else "silence"]
    best: Plan | None = None
    played = 0
    tried: dict[Plan, bool] = {}

    def works(plan: Plan) -> bool:
        nonlocal played
        if plan not in tried:
            played += 1
            tried[plan] = all(goal.reached(plan, rules, each) for each in TRAINING)
        return tried[plan]

    waiting = list(starts)
    while played < budget:
        current = waiting.pop(0) if waiting else _drawn(space, rng)
        limit = MOST if best is None else best.cost
        # A plan with which to begin may become cheap by one change, so it may cost more than the best.
        if current.cost >= (MOST if best is None else 3 * limit) or not works(current):
            played += 0 if current in tried else 1
            continue
        misses = 0
        while misses < 40 and played < budget:
            other = _mutated(current, space, rng)
            if other.cost < current.cost and works(other):
                current, misses = other, 0
            else:
                misses += 1
        if current.cost < limit:
            best = current
    if best is not None:
        best = _simplified(best, works)
    held_out = (
        0.0 if best is None else sum(goal.reached(best, rules, each) for each in HELD_OUT) / len(HELD_OUT)
    )
    return Found(goal.name, best, played, held_out)


def _drawn(space: Mapping[str, Sequence[Any]], rng: Random) -> Plan:
    return Plan(**{name: rng.choice(values) for name, values in space.items()})


def _simplified(plan: Plan, works: Callable[[Plan], bool]) -> Plan:
    """Return the plan without whatever neither helps nor costs anything."""
    for name in Plan.__dataclass_fields__:
        simpler = replace(plan, **{name: getattr(Plan(), name)})
        if simpler != plan and simpler.cost <= plan.cost and works(simpler):
            plan = simpler
    return plan


def _mutated(plan: Plan, space: Mapping[str, Sequence[Any]], rng: Random) -> Plan:
    """Return the plan with one to three numbers changed: to any value, a little, or back to nothing."""
    changes: dict[str, Any] = {}
    for name in rng.sample(sorted(space), rng.choice((1, 1, 2, 3))):
        before = getattr(plan, name)
        way = rng.random()
        if name in _WHOLE and way < 0.6:
            changes[name] = max(int(before * rng.choice((0.5, 0.8, 0.9, 1.1, 1.25))) - rng.randrange(2), 0)
        elif way < 0.8:
            changes[name] = space[name][0]
        else:
            changes[name] = rng.choice(space[name])
    changes["reports_each"] = max(changes.get("reports_each", plan.reports_each), 1)
    changes["spread_min"] = max(changes.get("spread_min", plan.spread_min), 1)
    return replace(plan, **changes)
