"""How often a channel is reported in each hour of the week: its own history, in bounded state.

Per hour of the week (UTC) the reports of earlier weeks are kept, each week with 7/8 of the weight of the one
after it, as in any exponentially weighted average. A rate that is expected is that of the hour, drawn towards
the channel's average over the whole week, and this one towards one report a week: both by conjugate Gamma
priors, as in W. DuMouchel, 'Bayesian data mining in large frequency tables', The American Statistician 53
(1999). Products and quotients alone, so every machine computes the same bytes.
"""

from typing import Final

import msgspec

from streams.contract.wire.times import DAY, HOUR
from streams.counting.usual.expected import Expected
from streams.counting.windows import FINE_MS, WindowSpec, window_start, window_stop

_WEEK_HOURS: Final = 7 * 24
_FINE_PER_HOUR: Final = HOUR // FINE_MS
# Counts and weights of weeks are in thousandths, so that sums are exact and the same after a restore.
_ONE: Final = 1_000

# A channel of which nothing is known is expected to have as many reports in so many hours: one a week.
_PRIOR_REPORTS: Final = 1
_PRIOR_HOURS: Final = _WEEK_HOURS
# An hour of the week is drawn to the channel's average by as much as so many weeks of its own weigh: half as
# much as all that can be remembered of it (1 / (1 - 7/8) weeks).
_PRIOR_WEEKS: Final = 4
# Of a day, at most so many reports and so many times what was expected of it are learned. A brigade that
# reports a channel all day, every day, adds to its usual rate what an ordinary growth would.
_LEARNED_ANYWAY: Final = 3
_LEARNED_TIMES: Final = 2

HISTORY_KEPT_MS: Final = 56 * DAY
"""How long a history is kept after the last report; then the channel is one of which nothing is known."""

LONGEST_WINDOW_MS: Final = DAY
"""A window that is compared with a history. What it can hold is not learned yet."""


class History(msgspec.Struct, array_like=True, gc=False):
    """What was reported before `unlearned` (days since the epoch), and what was since, by hour.

    `hours` has weighted reports by hour of the week, those without left out; `weeks` the weight of the weeks
    by day of the week. The first hour and day are those of the epoch, a Thursday. `waiting` are the numbers
    of reports of each hour since the epoch that was not learned yet: two days of them at most.
    """

    unlearned: int
    hours: dict[int, int]
    weeks: list[int]
    waiting: dict[int, int]

    def learn(self, now_ms: int) -> None:
        """Learn all days before yesterday: none of them is in a window that ends now."""
        until = now_ms // DAY - 1
        if (until - self.unlearned) * DAY > HISTORY_KEPT_MS:
            self.unlearned, self.hours, self.weeks, self.waiting = until + 1, {}, [0] * 7, {}
        while self.unlearned < until:
            self._learn_day(self.unlearned)
            self.unlearned += 1

    def note(self, occurred_ms: int) -> None:
        """Note a report. One of a day that was learned already changes nothing."""
        if occurred_ms // DAY >= self.unlearned:
            hour = occurred_ms // HOUR
            self.waiting[hour] = self.waiting.get(hour, 0) + 1

    def turn_back(self, now_ms: int) -> bool:
        """Forget what is after `now_ms`, to which time was set back; False if that was learned already."""
        self.waiting = {hour: reports for hour, reports in self.waiting.items() if hour <= now_ms // HOUR}
        return self.unlearned <= now_ms // DAY

    def expected(self, start: int, stop: int) -> Expected:
        """Return what is expected from the fine index `start` on and before `stop`."""
        rates = self._rates(range(start // _FINE_PER_HOUR, -(-stop // _FINE_PER_HOUR)))
        mean = 0.0
        for hour, rate in rates.items():
            begin = hour * _FINE_PER_HOUR
            mean += rate * (min(stop, begin + _FINE_PER_HOUR) - max(start, begin)) / _FINE_PER_HOUR
        return Expected(mean, _PRIOR_REPORTS + sum(self.hours.values()) // _ONE)

    def _rates(self, hours: range) -> dict[int, float]:
        """Return the reports that are expected in each of these hours since the epoch."""
        learned_hours = 24 * sum(self.weeks)
        usual = (sum(self.hours.values()) + _PRIOR_REPORTS * _ONE) / (learned_hours + _PRIOR_HOURS * _ONE)
        rates = {}
        for hour in hours:
            reports, weeks = self.hours.get(hour % _WEEK_HOURS, 0), self.weeks[hour // 24 % 7]
            rates[hour] = (reports + _PRIOR_WEEKS * _ONE * usual) / (weeks + _PRIOR_WEEKS * _ONE)
        return rates

    def _learn_day(self, day: int) -> None:
        hours = range(24 * day, 24 * day + 24)
        reports = [self.waiting.pop(hour, 0) for hour in hours]
        number = _ONE * sum(reports)
        most = number
        if number > _LEARNED_ANYWAY * _ONE:
            usual = sum(self._rates(hours).values())
            most = min(number, int((_LEARNED_ANYWAY + _LEARNED_TIMES * usual) * _ONE))
        for hour, found in zip(hours, reports, strict=True):
            place = hour % _WEEK_HOURS
            learned = self.hours.get(place, 0) * 7 // 8 + (_ONE * found * most // number if found else 0)
            if learned:
                self.hours[place] = learned
            else:
                self.hours.pop(place, None)
        self.weeks[day % 7] = self.weeks[day % 7] * 7 // 8 + _ONE


def new_history(now_ms: int) -> History:
    """Return the history of a channel of which nothing is known, from now on."""
    return History(now_ms // DAY, {}, [0] * 7, {})


def expected_in(history: History | None, spec: WindowSpec, end_ms: int) -> Expected:
    """Return what a channel is expected to have in the window that ends with the pane of `end_ms`.

    The pane counts as a whole, so a window that has just begun is less surprising than it is.
    """
    end = end_ms // FINE_MS
    known = new_history(end_ms) if history is None else history
    return known.expected(window_start(spec.ring, spec.panes, end), window_stop(spec.ring, end))


encode_history = msgspec.msgpack.Encoder().encode
decode_history = msgspec.msgpack.Decoder(History).decode
