"""Let things happen to large fleets in simulated time, and print the tables of docs/operations-measured.md."""

import argparse
import json
import logging
from pathlib import Path

import structlog

from tests.scale import stories
from tests.scale.pieces import pieces
from tests.scale.stories import Figures, Happening

# By name: what happens, and by how much smaller the fleet is to which it happens than the size that is asked
# for.
STORIES: dict[str, tuple[Happening, int]] = {
    "quiet": (stories.quiet, 1),
    "rolling restart": (stories.rolling_restart, 1),
    "loss of a third": (stories.loss_of_a_third, 1),
    "slow coordinator": (stories.slow_coordinator, 1),
    "growth": (stories.growth, 10),
    "backlog": (stories.backlog, 1),
}

ROWS = (
    ("seconds, simulated", "seconds", ".1f"),
    ("rebalances", "rebalances", ",d"),
    ("takeovers", "takeovers", ",d"),
    ("longest time without an owner, median of partitions, s", "median_gap", ".2f"),
    ("longest of any partition, s", "longest_gap", ".2f"),
    ("most of a partition in all, s", "most_ownerless", ".1f"),
    ("claims and releases written", "claims_written", ",d"),
    ("read", "claims_read", ",d"),
    ("read by a worker in a takeover", "claims_read_per_takeover", ",.0f"),
    ("bytes of claims read", "claims_bytes_read", ",d"),
    ("requests to brokers per second", "requests_per_second", ",.0f"),
    ("in the busiest second", "busiest_second", ",d"),
    ("requests of a worker in a takeover", "requests_per_takeover", ",.0f"),
    ("progress rows written", "rows_written", ",d"),
    ("read", "rows_read", ",d"),
    ("bytes of rows read", "rows_bytes_read", ",d"),
    ("bytes of the group's record", "group_record_bytes", ",d"),
)


def table(found: list[Figures]) -> str:
    """A table with a column for each size."""
    head = ["", *(f"{each.workers} workers, {each.partitions:,} partitions" for each in found)]
    lines = [head, ["---"] * len(head)]
    for name, field, form in ROWS:
        values = [getattr(each, field) for each in found]
        if any(values):
            lines.append([name, *(format(value, form) for value in values)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Parse the command line, play every story with every size, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument(
        "--sizes", nargs="*", default=["10x100", "50x500", "100x1000"], help="WORKERSxPARTITIONS ..."
    )
    parser.add_argument("--stories", nargs="*", choices=STORIES, default=list(STORIES))
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sizes = [tuple(map(int, size.split("x"))) for size in options.sizes]
    all_found = {}
    for name in options.stories:
        happening, smaller = STORIES[name]
        found = [stories.play(happening, workers // smaller, partitions) for workers, partitions in sizes]
        all_found[name] = [each._asdict() for each in found]
        print(f"\n{name}\n\n{table(found)}", flush=True)
    print("\n" + pieces(sizes))
    if options.json:
        options.json.write_text(json.dumps(all_found, indent=2) + "\n")


if __name__ == "__main__":
    main()
