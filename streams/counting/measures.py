"""The measures of a window, one row each.

A policy's conditions, the back-test, `tocsin explain` and docs/policies.md follow from the rows. To add a
measure, add its name and its row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal

from streams.counting.confirmation import proven_voices
from streams.counting.coordination.clusters import linked_of, voices_millionths
from streams.counting.sums import WindowCounts
from streams.counting.usual.surprise import surprise_tenths

MILLION: Final = 1_000_000

# A channel with fewer members counts as one with so many: one reporter is at most ten per thousand, whatever
# a publisher claims.
_SMALLEST_CHANNEL: Final = 100

MeasureName = Literal[
    "reports",
    "distinct_reporters",
    "risk",
    "trusted_flaggers",
    "automated",
    "anonymous_share",
    "state_actors",
    "voices",
    "linked_share",
    "proven_voices",
    "per_thousand_members",
    "surprise",
]
# How a measure over several categories is computed: as the sum of theirs, from the union of their reporters,
# or, for a ratio, from the summed counts.
OverCategories = Literal["sum", "union", "ratio"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a window.

    `read` returns its value in whole steps, `scale` of which make one `unit`: sums of integers are exact and
    the same after a restore. No measure may exceed the number of reports, because policies skip channels with
    too few of them, but one that is not `within_reports`: it is 0 without reports.
    """

    name: MeasureName
    meaning: str
    unit: Literal["reports", "reporters", "risk", "share", "per_thousand", "powers_of_ten"]
    read: Callable[[WindowCounts], int]
    scale: int
    over_categories: OverCategories
    in_policies: bool
    within_reports: bool = True

    def steps(self, threshold: float) -> float:
        """Return a threshold in the steps of `read`."""
        # 0.6 * 1e6 is 600000.0, but 1.1 * 1e6 is not 1100000: round to the whole steps that were meant.
        return threshold if self.scale == 1 else round(threshold * self.scale)

    def value(self, counts: WindowCounts) -> float:
        """Return the measure in its unit."""
        return self.read(counts) / self.scale


def _anonymous_share(counts: WindowCounts) -> int:
    return counts.anonymous * MILLION // counts.reports if counts.reports else 0


def _voices(counts: WindowCounts) -> int:
    """Return the voices in millionths: at most the different reporters; each counts one without a stamp."""
    heads = counts.distinct_reporters * MILLION
    stamped = counts.stamped
    if not stamped.stamped:
        return heads
    others = counts.reports - counts.without_ref - stamped.stamped
    return min(heads, voices_millionths(stamped.sums) + others * MILLION)


def _linked_share(counts: WindowCounts) -> int:
    sums = counts.stamped.sums
    return linked_of(sums) * MILLION // sums.reports if sums.reports else 0


def _proven_voices(counts: WindowCounts) -> int:
    proven = counts.stamped.proven
    return proven_voices(proven) if proven else 0


def _per_thousand_members(counts: WindowCounts) -> int:
    if not counts.members:
        return 0
    return counts.distinct_reporters * MILLION // max(counts.members, _SMALLEST_CHANNEL)


def _surprise(counts: WindowCounts) -> int:
    return 0 if counts.expected is None else surprise_tenths(counts.reports, *counts.expected)


_ROWS = (
    Measure(
        "reports",
        "reports of the policy's categories in the window",
        "reports",
        attrgetter("reports"),
        1,
        "sum",
        in_policies=True,
    ),
    Measure(
        "distinct_reporters",
        "different reporters, each counted once over all categories; reports without a reporter ref do not "
        "count",
        "reporters",
        attrgetter("distinct_reporters"),
        1,
        "union",
        in_policies=True,
    ),
    Measure(
        "risk",
        "summed risk of the reports, each between 0 and 1",
        "risk",
        attrgetter("risk"),
        MILLION,
        "sum",
        in_policies=True,
    ),
    Measure(
        "trusted_flaggers",
        "reports by trusted flaggers",
        "reports",
        attrgetter("trusted_flaggers"),
        1,
        "sum",
        in_policies=True,
    ),
    Measure(
        "automated",
        "reports by automated detection",
        "reports",
        attrgetter("automated"),
        1,
        "sum",
        in_policies=True,
    ),
    Measure(
        "anonymous_share",
        "share of the reports that anonymous reporters made",
        "share",
        _anonymous_share,
        MILLION,
        "ratio",
        in_policies=True,
    ),
    # Shown to reviewers only. In a policy, a state could raise an escalation merely by being a state.
    Measure(
        "state_actors",
        "reports by state actors",
        "reports",
        attrgetter("state_actors"),
        1,
        "sum",
        in_policies=False,
    ),
    Measure(
        "voices",
        "independent reporters: those who report together count together, at most as many as "
        "distinct_reporters",
        "reporters",
        _voices,
        MILLION,
        "union",
        in_policies=True,
    ),
    Measure(
        "linked_share",
        "share of the reporters who had before reported the same messages as another one, messages that were "
        "not upheld",
        "share",
        _linked_share,
        MILLION,
        "ratio",
        in_policies=True,
    ),
    Measure(
        "proven_voices",
        "reporters whom outcomes in at least two other channels proved right, each in channels that prove "
        "none of the others",
        "reporters",
        _proven_voices,
        1,
        "union",
        in_policies=True,
    ),
    Measure(
        "per_thousand_members",
        "different reporters for each thousand members of the channel; 0 if no publisher says how many they "
        "are",
        "per_thousand",
        _per_thousand_members,
        1_000,
        "union",
        in_policies=True,
        within_reports=False,
    ),
    Measure(
        "surprise",
        "how improbable so many reports are at this hour of the week, by the channel's own history: 3 is "
        "once in a thousand such windows, and 30 the most",
        "powers_of_ten",
        _surprise,
        10,
        "ratio",
        in_policies=True,
        within_reports=False,
    ),
)

MEASURES: Mapping[MeasureName, Measure] = {row.name: row for row in _ROWS}
"""Every measure by name."""

POLICY_MEASURES: tuple[MeasureName, ...] = tuple(row.name for row in _ROWS if row.in_policies)
"""The measures that a policy may have conditions on."""
