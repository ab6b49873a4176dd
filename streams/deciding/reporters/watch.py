"""A watch over what a detector, a list or a part of it finds, to see when it leaves its usual band.

Two things are watched. How much it finds: the number within an hour, against the busiest hour of the last two
weeks in which it found anything. And how often its findings are dismissed, against the share of all its
outcomes so far, by an e-process: what a better bet on `dismissed` would have won. For both see
docs/trust-desks.md, 'A detector gone wild'. While a source has left its band it is held: its findings
add no risk.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from streams.contract.wire.times import HOUR
from streams.registry.reporter_rules import DetectorRules

WhyHeld = Literal["volume", "dismissals"]

_HOURS_PER_DAY: Final = 24
# Two weeks hold each day of the week twice, and what was usual a month ago says little.
_DAYS_KEPT: Final = 14
_COUNT_BITS: Final = 32
_COUNT: Final = (1 << _COUNT_BITS) - 1

# Above this multiple of its band a source is held as a whole, below it only a part that makes most of it is.
# Of a part that makes half of the findings, one is nearly always among those in between: of 50, all but one
# time in 10^15.
_WHOLE_FROM: Final = 1.5
# A part that leaves its own band is held only while the whole finds so many times what it found in its
# busiest hour: a new version takes over from the one before without any change of the whole.
_LOUD_FROM: Final = 1.5
# Evidence ends here, at 16 times what holds a source: 18 upheld findings end it then.
_MOST_EVIDENCE: Final = 16

# A source of which nearly all is dismissed cannot become worse, and a share of 1 would win no bet.
_MOST_EXPECTED: Final = 0.95

_NOT_HELD: Final = 0
_WHY: Final[tuple[WhyHeld, ...]] = ("volume", "dismissals")


class Change(NamedTuple):
    """That a source is held from now on, or (`why` is None) no more: which of those from broad to narrow.

    `findings` is their number within the hour, `band` the most that its history lets one expect; 0 without a
    history.
    """

    place: int
    why: WhyHeld | None
    findings: int
    band: int


class Watch(msgspec.Struct, array_like=True, gc=False):
    """The history of one source.

    `count` is the number of findings in `hour` (since the epoch). `busiest` has one number for each of the
    last days with findings: the day, and the number in its busiest hour. `evidence` is what the bet on
    dismissals has won. `held`: 0, or 1 more than the index of why. `loud` is the last hour in which a source
    that is held found more than its band, and `loudest` the number in the busiest of these hours.
    """

    hour: int = 0
    count: int = 0
    busiest: tuple[int, ...] = ()
    evidence: float = 1.0
    held: int = _NOT_HELD
    loud: int = 0
    loudest: int = 0

    def band(self, rules: DetectorRules) -> int | None:
        """Return how many findings within an hour are usual at most; None while too few days are known."""
        if len(self.busiest) < rules.known_days:
            return None
        return max(rules.least_findings, round(rules.busiest_times * self._busiest_hour))

    @property
    def is_loud(self) -> bool:
        """Whether it finds more than in its busiest hour, by so much that a part of it may be the reason."""
        most = self._busiest_hour
        return bool(most) and self.count > _LOUD_FROM * most

    @property
    def _busiest_hour(self) -> int:
        return max((row & _COUNT for row in self.busiest), default=0)

    def turn(self, rules: DetectorRules, hour: int) -> bool:
        """Move on to an hour; return whether a source that was held is so no more, as it is quiet again."""
        if hour > self.hour:
            if self.count and self.why != "volume":
                self._note_busiest(self.hour // _HOURS_PER_DAY, self.count)
            self.hour, self.count = hour, 0
        if self.why == "volume":
            over = hour - self.loud > rules.calm_hours
        else:
            over = self.why == "dismissals" and self.evidence <= 1
        if over:
            self.held = _NOT_HELD
            self.loudest = 0
        return over

    @property
    def why(self) -> WhyHeld | None:
        """Why the source is held; None if it is not."""
        return None if self.held == _NOT_HELD else _WHY[self.held - 1]

    def hold(self, why: WhyHeld) -> None:
        """Hold the source from the current hour on."""
        self.held = _WHY.index(why) + 1
        self.loud, self.loudest = self.hour, self.count

    def end(self) -> int:
        """End it because a person says so: what it finds now is usual from now on, and no evidence stays.

        Return how many findings within an hour that are; 0 if it was held for another reason.
        """
        usual = max(self.loudest, self.count) if self.why == "volume" else 0
        self.held = _NOT_HELD
        self.evidence, self.loudest = 1.0, 0
        self.accept(usual)
        return usual

    def accept(self, findings: int) -> None:
        """Take so many findings within an hour as usual from now on."""
        if findings:
            self._note_busiest(self.hour // _HOURS_PER_DAY, findings)

    def decided(self, rules: DetectorRules, expected: float, *, dismissed: bool) -> None:
        """Note an outcome; `expected` is the share of dismissals that the earlier ones let one expect."""
        # The bet is on the middle between the expected share and all: an upheld finding halves it.
        won = (1 + expected) / 2 / expected if dismissed else 0.5
        # A float, as it is once it was stored: an integer would be written otherwise.
        most = float(_MOST_EVIDENCE * rules.outcomes_per_alarm)
        self.evidence = min(max(1.0, self.evidence * won), most)

    def turn_back(self, now_ms: int) -> bool:
        """Forget the hours after `now_ms`, to which time was set back; return whether there were any."""
        hour = now_ms // HOUR
        if self.hour <= hour and self.loud <= hour:
            return False
        self.hour, self.count = min(self.hour, hour), 0
        self.loud = min(self.loud, hour)
        self.busiest = tuple(row for row in self.busiest if row >> _COUNT_BITS <= hour // _HOURS_PER_DAY)
        return True

    def include(self, other: "Watch") -> None:
        """Add what was known of the source at its earlier home."""
        days = {row >> _COUNT_BITS: row & _COUNT for row in self.busiest}
        for row in other.busiest:
            day = row >> _COUNT_BITS
            days[day] = max(days.get(day, 0), row & _COUNT)
        self.busiest = tuple(day << _COUNT_BITS | days[day] for day in sorted(days))[-_DAYS_KEPT:]
        self.evidence = max(self.evidence, other.evidence)
        if self.held == _NOT_HELD:
            self.held, self.loud, self.loudest = other.held, other.loud, other.loudest

    def _note_busiest(self, day: int, count: int) -> None:
        rows = self.busiest
        if rows and rows[-1] >> _COUNT_BITS == day:
            count = max(count, rows[-1] & _COUNT)
            rows = rows[:-1]
        self.busiest = (*rows, day << _COUNT_BITS | min(count, _COUNT))[-_DAYS_KEPT:]


def expected_share(dismissed: float, outcomes: float) -> float:
    """Return the share of dismissals to expect of a source with so many among its outcomes.

    It is one standard deviation above that share, because it is known from few outcomes, and at most .95.
    """
    share = (1 + dismissed) / (2 + outcomes)
    return min(share + math.sqrt(share * (1 - share) / (3 + outcomes)), _MOST_EXPECTED)


def note_finding(
    rules: DetectorRules, watches: Sequence[Watch], now_ms: int, *, late: bool
) -> tuple[bool, list[Change]]:
    """Note a finding of a source and its parts, from broad to narrow; return whether it is held, and changes.

    What a part finds while it is held is not counted for those above it, so one wrong entry does not hold its
    list. A `late` finding is counted for none: it may be one of many that a detector had to keep.
    """
    hour = now_ms // HOUR
    changes = [Change(index, None, 0, 0) for index, watch in enumerate(watches) if watch.turn(rules, hour)]
    held, counted = False, not late
    for index in reversed(range(len(watches))):
        watch = watches[index]
        watch.count += counted
        band = watch.band(rules)
        beyond = band is not None and watch.count > band and (not index or watches[0].is_loud)
        if watch.held:
            held, counted = True, False
            if beyond or (watch.why == "volume" and band is None):
                watch.loud, watch.loudest = hour, max(watch.loudest, watch.count)
            continue
        why: WhyHeld | None = None
        at = index
        if watch.evidence >= rules.outcomes_per_alarm:
            why = "dismissals"
        elif band is not None and beyond and counted:
            at, why = _to_hold(watches, index, band)
        if why is not None:
            chosen = watches[at]
            changes.append(Change(at, why, chosen.count, band or 0))
            chosen.hold(why)
            for above in watches[:at]:
                above.count = max(0, above.count - chosen.count)
            held, counted = True, False
    return held, changes


def _to_hold(watches: Sequence[Watch], index: int, band: int) -> tuple[int, WhyHeld | None]:
    """Return whom to hold because the source at `index` found more than its band: it, or a part of it."""
    watch = watches[index]
    for at in reversed(range(index + 1, len(watches))):
        if 2 * watches[at].count >= watch.count:
            return at, "volume"
    return (index, "volume") if index or watch.count > _WHOLE_FROM * band else (index, None)
