"""The job of the peers, taken from the shipped policies, and what must come of it, counted plainly.

Each report of a category with a policy is counted for its channel and category in hopping windows: as long as
the policy's window, a step apart in which Tocsin keeps its counts (a pane). A channel and category reach a
level when a window has the reports without which the policy's level cannot hold.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from streams.contract.wire.times import moment_ms
from streams.counting.windows import RINGS, window_ring
from streams.registry.loader import load_rules
from tests.bench.traffic import Report


class Counting(NamedTuple):
    """How a category is counted; times in ms. `thresholds[n]` reports in a window reach level n + 1."""

    window: int
    step: int
    thresholds: tuple[int, ...]


class Result(NamedTuple):
    """What a peer has counted: `counts` by channel, category and start of a window or pane; the highest
    levels by channel and category.
    """

    counts: Mapping[tuple[str, str, int], int]
    levels: Mapping[tuple[str, str], int]


def countings() -> dict[str, Counting]:
    """The categories of the shipped policies; of several policies for one, the first in the file."""
    found: dict[str, Counting] = {}
    for policy in load_rules().policies:
        step = RINGS[window_ring(policy.window_ms)].pane_ms
        thresholds = tuple(level.least_reports for level in policy.levels)
        for category in policy.categories:
            found.setdefault(category, Counting(policy.window_ms, step, thresholds))
    return dict(sorted(found.items()))


def as_text(job: Mapping[str, Counting]) -> str:
    """The job as the programs read it: one line per category."""
    return "\n".join(
        f"{category} {each.window} {each.step} {','.join(map(str, each.thresholds))}"
        for category, each in job.items()
    )


def brute_force(reports: Iterable[Report], job: Mapping[str, Counting]) -> Result:
    """Count every report in each of its windows, one by one, and note the highest level of each channel."""
    counts: dict[tuple[str, str, int], int] = defaultdict(int)
    levels: dict[tuple[str, str], int] = {}
    for report in reports:
        told = msgspec.json.decode(report.value)
        channel, category = told["channel"]["ref"], told["category"]
        if category not in job:
            continue
        counting = job[category]
        last = moment_ms(told["occurred_at"]) // counting.step * counting.step
        for start in range(last - counting.window + counting.step, last + 1, counting.step):
            counts[channel, category, start] += 1
            reports_there = counts[channel, category, start]
            level = sum(reports_there >= least for least in counting.thresholds)
            if level > levels.get((channel, category), 0):
                levels[channel, category] = level
    return Result(counts, levels)


def windows_of(panes: Mapping[tuple[str, str, int], int], job: Mapping[str, Counting]) -> dict:
    """The counts of all hopping windows that follow from those of the panes."""
    counts: dict[tuple[str, str, int], int] = defaultdict(int)
    for (channel, category, pane), number in panes.items():
        counting = job[category]
        for start in range(pane - counting.window + counting.step, pane + 1, counting.step):
            counts[channel, category, start] += number
    return counts
