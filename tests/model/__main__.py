"""Search the model of the claims protocol: more runs, larger worlds and single variants."""

import argparse
import time

from tests.model.search import Failed, all_states, by_chance
from tests.model.variants import BROKEN
from tests.model.world import Faults, Protocol, World


def main() -> None:
    """Parse the command line, search, and print what was found. Exits with 1 if a run is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--variant", choices=sorted(BROKEN), help="a broken variant (default: the protocol)")
    parser.add_argument("--all", action="store_true", help="visit all states instead of runs by chance")
    parser.add_argument("--runs", type=int, default=10_000, help="number of runs by chance")
    parser.add_argument("--first-run", type=int, default=1, help="number of the first run, which is its seed")
    for name, default in (("workers", 2), ("partitions", 1), ("records", 1)):
        parser.add_argument(
            f"--{name}", type=int, default=default, help=f"number of {name} (default {default})"
        )
    for name in Faults.__struct_fields__:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=0, help=f"most faults of the kind {name} (default 0)")
    parser.add_argument("--spare-members", action="store_true", help="a fence of a live member is wrong too")
    options = parser.parse_args()
    protocol = BROKEN[options.variant] if options.variant else Protocol()
    world = World(protocol, options.workers, options.partitions, options.records)
    faults = Faults(*(getattr(options, name) for name in Faults.__struct_fields__))
    began = time.monotonic()
    try:
        if options.all:
            tally = all_states(world, faults, spare_members=options.spare_members)
        else:
            runs = range(options.first_run, options.first_run + options.runs)
            tally = by_chance(world, faults, runs, spare_members=options.spare_members)
    except Failed as failed:
        raise SystemExit(str(failed)) from None
    print(f"Nothing is wrong: {tally}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
