"""What a report has added to a channel's counts, so that it can be taken out again."""

from typing import NamedTuple, Self

import msgspec

from streams.counting.sums import Pane, StampedSums
from streams.counting.voices import VoicePane, sums_of, voice_pane


class Sightings(NamedTuple):
    """A reporter as the counts of a channel and category know them.

    `panes` are the fine indexes of the panes in which they were seen; `risk_counted_at` is the one of
    seen/repeats.py, None if there is none.
    """

    panes: tuple[int, ...]
    risk_counted_at: int | None


class PaneSums(NamedTuple):
    """What the reports of one pane add up to."""

    pane: Pane
    stamped: StampedSums


class Addition(msgspec.Struct, array_like=True, gc=False):
    """What a report has added to its pane. `pane` begins at the fine index of the report itself."""

    pane: Pane
    voices: VoicePane

    @classmethod
    def between(cls, fine: int, before: PaneSums, after: PaneSums) -> Self:
        """Return what a report at a fine index has changed in the sums of its pane."""
        added = Pane(fine)
        added += after.pane
        added -= before.pane
        return cls(added, voice_pane(fine, after.stamped.minus(before.stamped)))

    @property
    def stamped(self) -> StampedSums:
        """What it has added as a report with a stamp."""
        return sums_of(self.voices)
