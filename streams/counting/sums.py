"""What reports add up to: in a pane, and in a window. Here alone is the list of what is counted.

To count something more, add a field to the end of Pane, and to each of its methods and `WindowCounts.of`.
"""

from collections.abc import Sequence
from typing import Final, Self

import msgspec
from msgspec.structs import replace

from streams.counting.confirmation import Proven
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.usual.expected import Expected

# A sampled reporter of a pane represents weight / UNIT reporters. With 64, unsampled weights take one byte in
# the encoding. Rounding weights adds no error, because the sample is drawn by the rounded weight.
UNIT: Final = 64


class Doubtful(msgspec.Struct, frozen=True, gc=False):
    """Reports that are linked to others, or by young accounts of non-members: a brigade may have made them.

    `reporters` of them count as different ones, `risk` (millionths) is what they added to the window,
    `anonymous` are those of anonymous reporters.
    """

    reports: int = 0
    reporters: int = 0
    risk: int = 0
    anonymous: int = 0

    def plus(self, other: "Doubtful") -> "Doubtful":
        """Return the sums of both."""
        if other is NO_DOUBT:
            return self
        return Doubtful(
            self.reports + other.reports,
            self.reporters + other.reporters,
            self.risk + other.risk,
            self.anonymous + other.anonymous,
        )

    def minus(self, other: "Doubtful") -> "Doubtful":
        """Return the sums without those of `other`, which were added before."""
        if other is NO_DOUBT:
            return self
        return Doubtful(
            self.reports - other.reports,
            self.reporters - other.reporters,
            self.risk - other.risk,
            self.anonymous - other.anonymous,
        )


NO_DOUBT: Final = Doubtful()


WHOLE: Final = 1_000
"""One reporter in the units of Scattered."""


class Scattered(msgspec.Struct, frozen=True, gc=False):
    """What is missing of reporters who name many channels, when a desk's list is put in order.

    In thousandths of a reporter, and in millionths of risk.
    """

    reporters: int = 0
    risk: int = 0

    def plus(self, other: "Scattered") -> "Scattered":
        """Return the sums of both."""
        if other is NOT_SCATTERED:
            return self
        return Scattered(self.reporters + other.reporters, self.risk + other.risk)

    def minus(self, other: "Scattered") -> "Scattered":
        """Return the sums without those of `other`, which were added before."""
        if other is NOT_SCATTERED:
            return self
        return Scattered(self.reporters - other.reporters, self.risk - other.risk)


NOT_SCATTERED: Final = Scattered()


class StampedSums(msgspec.Struct, frozen=True, gc=False):
    """`stamped` reports were stamped; `sums` adds up the first ones of each reporter about a message.

    `doubtful` are those of them that a suspected brigade may have made. `unnamed` is the risk (millionths) of
    that report without a reporter's ref which weighs most: these have no stamp, and are in no pane's risk.
    `scattered` changes no level. `proven` are reporters who were right elsewhere, at most MOST_PROVEN
    (voices.py).
    """

    stamped: int = 0
    sums: ClusterSums = ClusterSums()
    doubtful: Doubtful = NO_DOUBT
    unnamed: int = 0
    scattered: Scattered = NOT_SCATTERED
    proven: Proven = ()

    def plus(self, other: "StampedSums") -> "StampedSums":
        """Return the sums of both, which are of different reports."""
        return StampedSums(
            self.stamped + other.stamped,
            self.sums.plus(other.sums),
            self.doubtful.plus(other.doubtful),
            max(self.unnamed, other.unnamed),
            self.scattered.plus(other.scattered),
            self.proven + other.proven if other.proven else self.proven,
        )

    def minus(self, other: "StampedSums") -> "StampedSums":
        """Return the sums without those of `other`, which were added before, by reports with a stamp."""
        doubtful = self.doubtful.minus(other.doubtful)
        return StampedSums(
            self.stamped - other.stamped,
            self.sums.minus(other.sums),
            doubtful,
            0 if self.unnamed == other.unnamed else self.unnamed,
            self.scattered.minus(other.scattered),
            tuple(each for each in self.proven if each not in other.proven),
        )


NOT_STAMPED: Final = StampedSums()


class Pane(msgspec.Struct, array_like=True, gc=False):
    """Sums over the reports of one pane, which begins at the fine index `start`.

    The order is that of the state. `reports` covers all reporter kinds. `risk` is in millionths;
    `without_ref` counts those without a pseudonym. `+=` and `-=` are for these sums and leave the other
    fields as they are: where the pane begins, and what is known of it alone.
    """

    start: int = 0
    reports: int = 0
    risk: int = 0
    trusted_flaggers: int = 0
    automated: int = 0
    state_actors: int = 0
    anonymous: int = 0
    without_ref: int = 0
    # `kept` sampled reporters were last seen in it, each representing `weight` / UNIT reporters. Weights
    # never grow from one pane to a newer one; see seen/distinct.py for why.
    kept: int = 0
    weight: int = UNIT
    # Index of the most protective tier among the reports. It is not a sum, and is read only when something
    # escalates.
    tier: int = 0

    def count(self, reporter_kind: str, reporter_hash: int | None, risk: int) -> None:
        """Count one report. Reports by users have no counter of their own: they are the rest."""
        self.reports += 1
        self.risk += risk
        if reporter_hash is None:
            self.without_ref += 1
        if reporter_kind != "user":
            if reporter_kind == "anonymous":
                self.anonymous += 1
            elif reporter_kind == "automated":
                self.automated += 1
            elif reporter_kind == "trusted_flagger":
                self.trusted_flaggers += 1
            elif reporter_kind == "state_actor":
                self.state_actors += 1

    def __iadd__(self, other: "Pane") -> Self:
        """Add the counts of `other`."""
        self.reports += other.reports
        self.risk += other.risk
        self.trusted_flaggers += other.trusted_flaggers
        self.automated += other.automated
        self.state_actors += other.state_actors
        self.anonymous += other.anonymous
        self.without_ref += other.without_ref
        return self

    def __isub__(self, other: "Pane") -> Self:
        """Subtract the counts of `other`."""
        self.reports -= other.reports
        self.risk -= other.risk
        self.trusted_flaggers -= other.trusted_flaggers
        self.automated -= other.automated
        self.state_actors -= other.state_actors
        self.anonymous -= other.anonymous
        self.without_ref -= other.without_ref
        return self


class WindowCounts(Pane, gc=False):
    """The counts of a window. `stamped` is what those reports add up to that have a stamp.

    `members` is how many the channel has, 0 if unknown, and `expected` how many reports the window should
    have: both are set for policies that ask for them.
    """

    distinct_reporters: int = 0
    stamped: StampedSums = NOT_STAMPED
    members: int = 0
    expected: Expected | None = None

    def established(self) -> "WindowCounts":
        """Return what is left of the window without its doubtful reports: nobody left is linked to another.

        A reporter who counted in a longer window, and so adds no voice to this one, is left out with their
        reports: there are never more reporters than reports.
        """
        doubtful = self.stamped.doubtful
        reports = max(self.reports - doubtful.reports, 0)
        return WindowCounts(
            0,
            reports,
            max(self.risk - doubtful.risk, 0),
            self.trusted_flaggers,
            self.automated,
            self.state_actors,
            min(max(self.anonymous - doubtful.anonymous, 0), reports),
            self.without_ref,
            distinct_reporters=min(max(self.distinct_reporters - doubtful.reporters, 0), reports),
            # Voices are heads then.
            stamped=replace(self.stamped, stamped=0, sums=ClusterSums(), doubtful=NO_DOUBT),
            members=self.members,
            expected=self.expected,
        )

    @classmethod
    def of_one(cls, pane: Pane, distinct: int, stamped: StampedSums) -> Self:
        """Return the counts of a window with one pane, or of the sum of its panes.

        `distinct` is a sum of weights.
        """
        return cls(
            0,
            pane.reports,
            pane.risk + stamped.unnamed,
            pane.trusted_flaggers,
            pane.automated,
            pane.state_actors,
            pane.anonymous,
            pane.without_ref,
            distinct_reporters=(distinct + UNIT // 2) // UNIT,
            stamped=stamped,
        )

    @classmethod
    def of(cls, panes: Sequence[Pane], start: int, stamped: StampedSums, again: int = 0) -> Self:
        """Return the counts of a window that begins at the fine index `start`.

        `again` is the weight of reporters who were seen in it, but last seen after these panes.
        """
        if len(panes) == 1 and panes[0].start >= start:
            return cls.of_one(panes[0], panes[0].kept * panes[0].weight + again, stamped)
        # Local variables are twice as fast as `+=`, and this is done for every report.
        reports = risk = trusted_flaggers = automated = state_actors = anonymous = without_ref = 0
        distinct = again
        for pane in panes:
            if pane.start >= start:
                reports += pane.reports
                risk += pane.risk
                trusted_flaggers += pane.trusted_flaggers
                automated += pane.automated
                state_actors += pane.state_actors
                anonymous += pane.anonymous
                without_ref += pane.without_ref
                distinct += pane.kept * pane.weight
        return cls(
            0,
            reports,
            risk + stamped.unnamed,
            trusted_flaggers,
            automated,
            state_actors,
            anonymous,
            without_ref,
            distinct_reporters=(distinct + UNIT // 2) // UNIT,
            stamped=stamped,
        )
