"""How many reports a source may send: a bucket that fills at a steady rate."""

from dataclasses import dataclass


@dataclass(slots=True)
class Quota:
    """Takes `per_minute` reports, and at once as many as a quiet minute has left. Times are in seconds."""

    per_minute: int
    _left: float
    _at: float

    @classmethod
    def full(cls, per_minute: int, now: float) -> "Quota":
        """A quota from which nothing was taken."""
        return cls(per_minute, per_minute, now)

    def wait_for(self, reports: int, now: float) -> float:
        """Take so many reports and return 0; or return the seconds after which there is room, and take none.

        More than `per_minute` reports at once never have room: they are taken when the bucket is full.
        """
        self._left = min(self.per_minute, self._left + (now - self._at) * self.per_minute / 60)
        self._at = now
        missing = min(reports, self.per_minute) - self._left
        if missing > 0:
            return missing * 60 / self.per_minute
        self._left -= reports
        return 0.0
