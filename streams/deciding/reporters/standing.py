"""Where a reporter stands after people warned them, or paused the processing of their reports.

Regulation (EU) 2022/2065, article 23(2): a pause is for a reasonable time, and a warning comes first. So
reports are watched from the warning on: the channels to which they went are kept here, and what they add is
kept there, and when a pause begins, exactly that is taken out again.
"""

from typing import Final

import msgspec

from streams.contract.wire.times import DAY
from streams.counting.store import DAYS_HELD

# Channels of which the state has the name: some 20 bytes each, and only of reporters who were warned. A user
# may send 30 reports a day that weigh (reporters.yaml), most of them about few channels. In those that were
# reported longest ago, and that no longer fit, what was added stays.
MOST_CHANNELS: Final = 256


class DecidedStanding(msgspec.Struct, array_like=True, gc=False):
    """What people decided about a reporter; times are in ms since the epoch, 0: never.

    `decided` is when the last decision was made, by which later ones are put in order. `channels` are those
    that the reporter has reported since the first warning that is remembered, with the day of the last report
    (days since the epoch), the newest last.
    """

    decided: int
    warned_until: int = 0
    paused_until: int = 0
    channels: dict[str, int] = msgspec.field(default_factory=dict)

    def is_paused(self, now: int) -> bool:
        """Tell whether reports weigh nothing at `now`, the partition's time."""
        return now < self.paused_until

    def is_warned(self, now: int) -> bool:
        """Tell whether a warning is in force."""
        return now < self.warned_until

    def needed_until(self) -> int:
        """Return until when (ms) reports are watched.

        As long as windows hold reports after the last day of what was decided. So the record of what a
        reporter has added has no gaps if another warning follows.
        """
        return max(self.decided, self.warned_until, self.paused_until) + DAYS_HELD * DAY

    def note_channel(self, now: int, channel_ref: str) -> None:
        """Note the channel of a report that is watched."""
        day = now // DAY
        channels = self.channels
        channels.pop(channel_ref, None)
        channels[channel_ref] = day
        oldest, last = next(iter(channels.items()))
        if len(channels) > MOST_CHANNELS or last < day - DAYS_HELD:
            del channels[oldest]

    def with_earlier(self, other: "DecidedStanding") -> "DecidedStanding":
        """Return the standing with what was known under an earlier hash: the later decision holds."""
        newest = max(self, other, key=lambda one: one.decided)
        together = sorted({**other.channels, **self.channels}.items(), key=lambda item: (item[1], item[0]))
        newest.channels = dict(together[-MOST_CHANNELS:])
        return newest
