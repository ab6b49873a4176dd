"""Search further than the tests do for a run in which the runtime, or a mutant of it, fails."""

import argparse
from contextlib import nullcontext

from tests.model.fleet import Failed
from tests.model.mutants import MUTANTS, broken
from tests.model.search import random_runs


def main() -> None:
    """Parse the command line, search, and print what was found. Exits with 1 if a run fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--mutant", choices=MUTANTS, help="a broken variant (default: the runtime)")
    parser.add_argument("--runs", type=int, default=1_000, help="number of random runs")
    parser.add_argument("--first-run", type=int, default=1, help="number of the first random run (its seed)")
    parser.add_argument(
        "--only-kills", action="store_true", help="no other faults; then nobody else may have to end"
    )
    options = parser.parse_args()
    seeds = range(options.first_run, options.first_run + options.runs)
    with broken(options.mutant) if options.mutant else nullcontext():
        try:
            tally = random_runs(seeds, only_kills=options.only_kills)
        except Failed as failed:
            raise SystemExit(str(failed)) from None
    print(
        f"No failure in {tally.runs} runs with {tally.steps} steps, {tally.kills} kills, {tally.stops} stops"
    )


if __name__ == "__main__":
    main()
