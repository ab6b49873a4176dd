"""Play simulated worlds, or a file of ratings whose outcome is known, through the stages with the shipped rules,
and print the tables of docs/trust-measured.md.
"""

import argparse
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tests.evaluate import agents, drawn
from tests.evaluate.desks import DeskSettings
from tests.evaluate.figures import Figures, figures, stories, story_table, table
from tests.evaluate.play import play
from tests.evaluate.replay import read_labels, read_ratings, replay
from tests.evaluate.stages import shipped, without_garbage_collection
from tests.evaluate.world import World

WORLDS: dict[str, Callable[[int, bool], World]] = {
    "drawn": lambda seed, quick: drawn.drawn_world(seed, drawn.QUICK if quick else drawn.Size()),
    "agents": lambda seed, quick: agents.agent_world(seed, agents.QUICK if quick else agents.Society()),
}
DESKS = {
    "70 % decided": DeskSettings(),
    "30 % wrong": DeskSettings(errs=0.3),
    "1 of 10 captured": DeskSettings(captured="random"),
    "captured one picks": DeskSettings(captured="picks"),
    "10 % wrong": DeskSettings(errs=0.1),
    "40 % decided": DeskSettings(known=0.4),
    "mostly what escalated": DeskSettings(escalated=True),
}


class _Run(NamedTuple):
    world: str
    seed: int
    desks: str
    integrity: str
    ask: str | None
    quick: bool


class _Found(NamedTuple):
    figures: Figures
    stories: dict[str, Figures]


def main() -> None:
    """Parse the command line, play every world with every kind of desk, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="number of worlds of each kind (default: 10)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--world", choices=WORLDS, nargs="*", default=list(WORLDS))
    parser.add_argument("--desks", choices=DESKS, nargs="*", default=list(DESKS))
    parser.add_argument(
        "--integrity", choices=("live", "shadow"), help="instead of what is in the file of policies"
    )
    parser.add_argument("--ask", choices=("live", "shadow", "off"), help="instead of what is in that file")
    parser.add_argument("--quick", action="store_true", help="small worlds, to test the evaluation itself")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument(
        "--replay",
        type=Path,
        nargs=2,
        metavar=("RATINGS", "LABELS"),
        help="play these files instead of worlds: their formats are in replay.py",
    )
    parser.add_argument(
        "--json", type=Path, help="also append the figures of each world to this file, a line each"
    )
    options = parser.parse_args()
    if options.replay:
        ratings, labels = read_ratings(options.replay[0]), read_labels(options.replay[1])
        rules = shipped(integrity=options.integrity, ask=options.ask)
        print(table({"replay": [replay(ratings, labels, rules)]}))
        return
    integrity = options.integrity or shipped().integrity
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    # The first kind of desk for all worlds, then the next.
    runs = [
        _Run(world, seed, desks, integrity, options.ask, options.quick)
        for desks, seed, world in product(options.desks, seeds, options.world)
    ]
    found: dict[_Run, _Found] = {}
    with ProcessPoolExecutor(options.processes) as pool:
        for run, one in zip(runs, pool.map(_play, runs), strict=True):
            found[run] = one
            print(f"{run.world} {run.seed}, {run.desks}: {one.figures['reports']:,.0f} reports", flush=True)
            if options.json:
                with options.json.open("a") as file:
                    file.write(json.dumps({**run._asdict(), **one._asdict()}) + "\n")
    for world in options.world:
        print(
            f"\nWorld: {world}, integrity: {integrity}, ask: {options.ask or 'as shipped'}, {len(seeds)} seeds\n"
        )
        columns = {
            desks: [one.figures for run, one in found.items() if (run.world, run.desks) == (world, desks)]
            for desks in options.desks
        }
        print(table(columns) + "\n")
        first = options.desks[0]
        print(f"Stories, {first}:\n")
        print(
            story_table(
                [one.stories for run, one in found.items() if (run.world, run.desks) == (world, first)]
            )
        )


def _play(run: _Run) -> _Found:
    without_garbage_collection()
    played = play(
        WORLDS[run.world](run.seed, run.quick),
        shipped(integrity=run.integrity, ask=run.ask),
        DESKS[run.desks],
    )  # type: ignore[arg-type]
    return _Found(figures(played), stories(played))


if __name__ == "__main__":
    main()
