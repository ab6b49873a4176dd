"""The time of a partition, derived from its log alone; no machine's clock is read."""

# An intake often enters overnight requests in the morning, and those of a holiday days later. A request
# entered within a week counts as appended when it was received, so the next tick moves time up to the present
# and no clock lapses late. Older ones are taken for a recording, which is replayed at its own pace.
ENTERED_WITHIN_MS = 7 * 24 * 60 * 60 * 1000


class PartitionTime:
    """The progress of a partition. Change it with the methods only. All times are in ms since the epoch.

    `now` is the time of the newest report or request applied, or a later one reached by ticks and outcomes.
    `newest_append` is the append time that `now` corresponds to. `applied` counts the reports or requests
    applied, `ticks` the ticks honoured since the last of them.
    """

    __slots__ = ("applied", "newest_append", "now", "ticks")

    def __init__(self) -> None:
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
        """Return the time to reach when something of `moment` is applied, and record its append time `appended`."""
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
    """Time that moves with when the platform received things, which may be entered later (ENTERED_WITHIN_MS)."""

    __slots__ = ()

    def after(self, moment: int, appended: int) -> int:
        """Return the time to reach when something received at `moment` is applied, and record its append time."""
        if moment > self.now:
            entered_late = moment <= appended <= moment + ENTERED_WITHIN_MS
            self.newest_append = max(self.newest_append, moment if entered_late else appended)
        return max(self.now, moment)
