"""The time of a partition, derived from its log alone; no machine's clock is read."""

from streams.contract.wire.times import DAY, MAX_CLOCK_DIFFERENCE_MS

# An intake often enters overnight requests in the morning, and those of a holiday days later. A request
# entered within a week counts as appended when it was received, so the next tick moves time up to the present
# and no clock lapses late. Older ones are taken for a recording, which is replayed at its own pace.
ENTERED_WITHIN_MS = 7 * DAY

# Time further ahead of a clock than this is wrong (see MAX_CLOCK_DIFFERENCE_MS).
MAX_TIME_AHEAD_MS = 2 * MAX_CLOCK_DIFFERENCE_MS


class PartitionTime:
    """The progress of a partition. Change it with the methods only. All times are in ms since the epoch.

    `now` is the time of the newest report or request applied, or a later one reached by ticks and outcomes.
    `newest_append` is the append time that `now` corresponds to. `applied` counts the reports or requests
    applied, `ticks` the ticks honoured, and the corrections and changes of rules read, since the last of
    them. `corrections` counts the corrections that took effect, ever.
    """

    __slots__ = ("applied", "corrections", "newest_append", "now", "ticks")

    def __init__(self) -> None:
        self.corrections = 0
        self.restore(0, 0, 0, 0)

    def restore(self, applied: int, now: int, newest_append: int, ticks: int) -> None:
        """Take over the values of an earlier owner."""
        self.applied = applied
        self.now = now
        self.newest_append = newest_append
        self.ticks = ticks

    def reach(self, time: int) -> None:
        """Move on to `time`, which must not be before `now`."""
        self.now = time

    def after(self, moment: int, appended: int) -> int:
        """Return the time to reach when something of `moment` is applied; note its append time `appended`."""
        raise NotImplementedError

    def after_tick(self, appended: int) -> int:
        """Return the time to reach for a tick that the broker appended at `appended`."""
        return self.now + max(0, appended - self.newest_append)

    def honours(self, after: int) -> bool:
        """Return whether a tick written after `after` records counts: not if a record was applied since."""
        return after == self.applied and self.applied > 0

    def honour_tick(self, appended: int) -> int:
        """Count a tick, and return the time to reach."""
        self.ticks += 1
        time = self.after_tick(appended)
        self.newest_append = max(self.newest_append, appended)
        return time

    def read_correction(self, wrong: int, clock: int, appended: int) -> bool:
        """Count a correction that was read, and return whether it takes effect.

        It does if the time is still at `wrong` or later, and the broker that appended it agrees with the
        clock of the machine that wrote it. So a correction that is written twice, or read late, does not set
        right time back.
        """
        self.ticks += 1
        return (
            clock + MAX_TIME_AHEAD_MS < wrong <= self.now and abs(appended - clock) <= MAX_CLOCK_DIFFERENCE_MS
        )

    def turn_back(self, clock: int, appended: int) -> None:
        """Set the time back to `clock`, the time at which `appended` was the append time."""
        self.now = clock
        self.newest_append = appended
        self.corrections += 1

    def read_switch(self) -> None:
        """Count a change of rules that was read: between which reports it stands is in no other log."""
        self.ticks += 1

    def count_applied(self) -> None:
        """Count a report or request that was applied."""
        self.applied += 1
        self.ticks = 0


class EventTime(PartitionTime):
    """Time that moves with when things occurred."""

    __slots__ = ()

    def after(self, moment: int, appended: int) -> int:
        """Return the time to reach when an event of `moment` is applied, and record its append time.

        The next tick moves time on by what has passed since `newest_append`. A late record was appended long
        after it occurred. If its append time were taken as it is, that delay would be missing, and in an idle
        partition every clock would lapse that much late. So `newest_append` moves no further than `now` does.
        """
        time = max(self.now, moment)
        if not self.newest_append:
            self.newest_append = appended
        elif appended > self.newest_append:
            self.newest_append += min(time - self.now, appended - self.newest_append)
        return time


class ReceiptTime(PartitionTime):
    """Time that follows when the platform received things, entered up to ENTERED_WITHIN_MS later."""

    __slots__ = ()

    def after(self, moment: int, appended: int) -> int:
        """Return the time to reach when something received at `moment` is applied; record its append time."""
        if moment > self.now:
            entered_late = moment <= appended <= moment + ENTERED_WITHIN_MS
            self.newest_append = max(self.newest_append, moment if entered_late else appended)
        return max(self.now, moment)
