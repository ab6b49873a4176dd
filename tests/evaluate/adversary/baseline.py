"""The stored prices of attacks: what the cheapest one known costs, and which cheaper ones fail."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from streams.registry.rules import Rules
from tests.evaluate.adversary.goals import Goal
from tests.evaluate.adversary.plan import Plan

PATH: Final = Path(__file__).with_name("cheapest.yaml")
NOISE: Final = 0.15
"""Searches for the same goal with other seeds end so far apart; a release may be found so much cheaper."""

CHECKED: Final = (201, 202, 203)
"""Seeds with which stored plans are played; one works if it reaches its goal with two of them."""

_HEADER: Final = """\
# What the cheapest attack that a search found costs, by goal, with `integrity` and `ask` live: written by
# `make attacks ARGS=--write`. `fails` are cheaper attacks that reached the goal once, or were found by hand, and must
# not reach it any more. Prices: prices.py. tests/unit/test_cheapest_attacks.py plays all of them.
"""


class Known(NamedTuple):
    """The cheapest plan for a goal, None if none is known below the limit of the search, and what fails."""

    plan: Plan | None
    fails: tuple[Plan, ...]

    @property
    def cost(self) -> float:
        """The price of the goal; infinite if nobody knows how to reach it."""
        return float("inf") if self.plan is None else self.plan.cost


def read(path: Path = PATH) -> dict[str, Known]:
    """Return what is stored, by the name of the goal."""
    stored = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {
        goal: Known(
            None if row["cheapest"] is None else Plan(**row["cheapest"]),
            tuple(Plan(**each) for each in row.get("fails", ())),
        )
        for goal, row in stored.items()
    }


def write(known: Mapping[str, Known], path: Path = PATH) -> None:
    """Store what is known, by the name of the goal."""
    lines = [_HEADER]
    for goal, row in known.items():
        lines.append(f"{goal}:")
        lines.append(f"  cheapest: {_flow(row.plan)}")
        if row.fails:
            lines.append("  fails:")
            lines += [f"    - {_flow(each)}" for each in row.fails]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def works(goal: Goal, plan: Plan, rules: Rules) -> bool:
    """Return whether a plan reaches the goal with most seeds."""
    return sum(goal.reached(plan, rules, seed) for seed in CHECKED) > len(CHECKED) / 2


def merged(before: Known, found: Iterable[Plan], which_work: Iterable[bool]) -> Known:
    """Return what is known after these plans were tried: those that fail now and the cheapest that works."""
    candidates = dict(zip(found, which_work, strict=True))
    cheapest = min(
        (plan for plan, does in candidates.items() if does), key=lambda plan: plan.cost, default=None
    )
    limit = float("inf") if cheapest is None else cheapest.cost
    failing = {plan for plan, does in candidates.items() if not does and plan.cost < limit}
    kept = [
        *(plan for plan in before.fails if plan in failing),
        *sorted(failing - set(before.fails), key=lambda plan: plan.cost),
    ]
    return Known(cheapest, tuple(kept))


def _flow(plan: Plan | None) -> str:
    return (
        "null" if plan is None else "{" + ", ".join(f"{k}: {_text(v)}" for k, v in told(plan).items()) + "}"
    )


def told(plan: Plan) -> dict[str, Any]:
    """Return what differs from no attack at all."""
    nothing = asdict(Plan())
    return {
        name: value for name, value in asdict(plan).items() if value != nothing[name] or name == "accounts"
    }


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
