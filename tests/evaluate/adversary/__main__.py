"""Search for the cheapest attacks with the rules as they are, and print what each costs: `make attacks`."""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from tests.evaluate.adversary import baseline, cliffs
from tests.evaluate.adversary.baseline import Known, told
from tests.evaluate.adversary.battle import Desk
from tests.evaluate.adversary.goals import GOALS, Goal, defended
from tests.evaluate.adversary.search import Found, search
from tests.evaluate.stages import shipped, without_garbage_collection


def main() -> None:
    """Parse the command line, search, and print a row for each goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluate.adversary", description=__doc__)
    parser.add_argument("--goals", nargs="*", default=[], help="parts of their names (default: all)")
    parser.add_argument("--budget", type=int, default=150, help="plans that a search tries (default: 150)")
    parser.add_argument("--searches", type=int, default=2, help="for each goal (default: 2)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument(
        "--as-shipped", action="store_true", help="with `integrity` and `ask` as they are shipped"
    )
    parser.add_argument("--wrong", type=float, default=0.0, help="share of decisions of desks that are wrong")
    parser.add_argument(
        "--cliffs", action="store_true", help="only: what drawing thresholds at random would gain"
    )
    parser.add_argument(
        "--write", action="store_true", help="store what was found as the prices of this version"
    )
    options = parser.parse_args()
    without_garbage_collection()
    rules = shipped() if options.as_shipped else defended()
    if options.cliffs:
        print(cliffs.table(shipped()))
        return
    stored = baseline.read()
    print("| goal | stored | cheapest found | held-out | plan |\n| --- | --- | --- | --- | --- |")
    for goal in _chosen(options.goals, options.wrong):
        before = stored.get(goal.name, Known(None, ()))
        starts = [plan for plan in (before.plan, *before.fails) if plan is not None]
        seeds = range(options.first_seed, options.first_seed + options.searches)
        found = [search(goal, rules, options.budget, seed, starts) for seed in seeds]
        best = min(found, key=lambda each: each.cost)
        print(_row(goal, before, best), flush=True)
        if options.write:
            plans = list(dict.fromkeys([*starts, *(each.plan for each in found if each.plan is not None)]))
            stored[goal.name] = baseline.merged(
                before, plans, [baseline.works(goal, each, rules) for each in plans]
            )
            baseline.write(stored)


def _chosen(parts: list[str], wrong: float) -> Iterator[Goal]:
    for goal in GOALS:
        if not parts or any(part in goal.name for part in parts):
            yield replace(goal, desk=Desk(wrong=wrong))


def _row(goal: Goal, before: Known, best: Found) -> str:
    plan = (
        "" if best.plan is None else ", ".join(f"{name} {value}" for name, value in told(best.plan).items())
    )
    held_out = "" if best.plan is None else f"{best.held_out:.1f}"
    return f"| {goal.name} | {_price(before.cost)} | {_price(best.cost)} | {held_out} | {plan} |"


def _price(cost: float) -> str:
    return "none" if cost == float("inf") else f"{cost:.2f}"


if __name__ == "__main__":
    main()
