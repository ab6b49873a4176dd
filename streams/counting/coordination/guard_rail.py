"""The limit on how many groups of reporters may be linked in a day.

Beyond it, links are shown but change nothing.
"""

from typing import Final

import msgspec

from streams.contract.wire.times import DAY
from streams.counting.coordination.distinct_sketch import estimate, note

# The evaluation links at most one honest reporter in 300. Twenty times as many are a fault or an attack that
# a person must look at: skywatch's detector has the same two limits, a share and a number.
SHARE_PERCENT: Final = 5
MOST: Final = 2_000
# In a small partition 5 % are a handful. A few brigades must not be able to switch the rule off there.
LEAST: Final = 100


class GuardRail(msgspec.Struct, array_like=True):
    """One partition's active reporters and linked groups of a day (UTC), each as its smallest keyed hashes.

    Groups are counted and not their members: a fault links strangers by twos and threes, so it makes many
    groups, and a brigade of any size is one. Otherwise a brigade of some hundred would switch off what tells
    it from a crowd.
    """

    day: int = 0
    active: list[int] = msgspec.field(default_factory=list)
    linked: list[int] = msgspec.field(default_factory=list)

    def note(self, time_ms: int, reporter: int, group: int | None) -> bool:
        """Add a report, and the group to which it was linked (signature.group_of), None if to none.

        Return whether that changed anything.
        """
        day = time_ms // DAY
        if day > self.day:
            self.day = day
            self.active = []
            self.linked = []
        changed = note(self.active, reporter)
        if group is not None:
            changed |= note(self.linked, group)
        return changed

    def include(self, other: "GuardRail") -> None:
        """Add the reporters of another partition on the same day."""
        for hashed in other.active:
            note(self.active, hashed)
        for hashed in other.linked:
            note(self.linked, hashed)

    def tripped(self) -> bool:
        """Tell whether there were too many linked groups today: from then on links have no effect."""
        count = estimate(self.linked)
        return count > LEAST and count > min(MOST, estimate(self.active) * SHARE_PERCENT // 100)
