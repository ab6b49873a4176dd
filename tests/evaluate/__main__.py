"""Play simulated worlds through the functions of trust and coordination, and print the table of
docs/trust-measured.md.
"""

import argparse
import json
from pathlib import Path

from tests.evaluate.figures import figures, table
from tests.evaluate.play import Play
from tests.evaluate.world import QUICK, Builder, Size


def main() -> None:
    """Parse the command line, play every seed with every share of known outcomes, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="number of worlds (default: 5)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument(
        "--known", type=float, nargs="*", default=[1.0, 0.7, 0.4], help="shares of outcomes known"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the world, to test the evaluation itself"
    )
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {f"{known:.0%} known": [] for known in options.known}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        world = Builder(seed, QUICK if options.quick else Size()).build()
        for known in options.known:
            found[f"{known:.0%} known"].append(figures(world, Play(world, known).run()))
            print(f"seed {seed}, {known:.0%} of outcomes known: {len(world.reports):,} reports", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    print("\n" + table(found))


if __name__ == "__main__":
    main()
