"""Search the model of the claims protocol for runs in which it, or a broken variant, fails."""

import argparse
import time

from tests.model.search import Failed, all_states, random_runs
from tests.model.variants import BROKEN
from tests.model.world import Faults, Protocol, World


def main() -> None:
    """Parse the command line, search, and print what was found. Exits with 1 if a run fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--variant", choices=sorted(BROKEN), help="a broken variant (default: the protocol)")
    parser.add_argument("--all", action="store_true", help="visit all states instead of random runs")
    parser.add_argument("--runs", type=int, default=10_000, help="number of random runs")
    parser.add_argument("--first-run", type=int, default=1, help="number of the first random run (its seed)")
    for name, default in (("workers", 2), ("partitions", 1), ("records", 1)):
        parser.add_argument(
            f"--{name}", type=int, default=default, help=f"number of {name} (default {default})"
        )
    for name in Faults.__struct_fields__:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=0, help=f"largest number of faults: {name} (default 0)")
    parser.add_argument(
        "--protect-members", action="store_true", help="the fence of a live member is a failure"
    )
    options = parser.parse_args()
    protocol = BROKEN[options.variant] if options.variant else Protocol()
    world = World(protocol, options.workers, options.partitions, options.records)
    faults = Faults(*(getattr(options, name) for name in Faults.__struct_fields__))
    began = time.monotonic()
    try:
        if options.all:
            tally = all_states(world, faults, protect_members=options.protect_members)
        else:
            runs = range(options.first_run, options.first_run + options.runs)
            tally = random_runs(world, faults, runs, protect_members=options.protect_members)
    except Failed as failed:
        raise SystemExit(str(failed)) from None
    print(f"No failure: {tally}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
