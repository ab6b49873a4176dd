"""How urgent an escalation is among others, 0 to 100, computed from what the event says.

Weights are defaults, chosen so that no other component outranks a legal clock that is about to end, that a
higher level outranks any risk, and that voices and age mostly order what is otherwise alike. What the rules
give to severity, all others share. Whole numbers only, so a replay gives the same.
"""

from typing import Final

from msgspec import UNSET
from msgspec.structs import astuple

from streams.contract.events.escalation import Priority, PriorityComponents
from streams.contract.wire.times import DAY, HOUR
from streams.counting.measures import MILLION
from streams.counting.sums import WHOLE

# By the time that is left at most. A clock that runs longer than a week is one of many; what has lapsed is as
# urgent as what is due within the hour.
_CLOCK: Final = ((HOUR, 35), (6 * HOUR, 30), (DAY, 24), (3 * DAY, 16), (7 * DAY, 8))
_LONG_CLOCK: Final = 4
# Level 1 is a review, 2 an urgent one, and from 3 on an authority or a whole channel is concerned.
_LEVELS: Final = (0, 9, 17, 25)
# Half of the points at a risk of 1, which a single certain report of the gravest category has.
_RISK: Final = 15
_RISK_HALF: Final = MILLION
# Half of the points at ten voices: an ordinary wave has some ten, and a hundred say little more than fifty.
_VOICES: Final = 15
_VOICES_HALF: Final = 10 * MILLION
# All points after a day: by then somebody should have looked at it.
_AGE: Final = 10
_FULL_AGE_MS: Final = DAY
# Of which the rules may give some to severity.
_ALL: Final = 100

NO_PRIORITY: Final = Priority(0, PriorityComponents(0, 0, 0, 0, 0))
"""Of what is resolved."""


def priority(
    at: int,
    due: int | None,
    level: int,
    risk: int,
    voices: int,
    opened: int,
    reporters: int = WHOLE,
    severity: int = 0,
    severity_points: int = 0,
) -> Priority:
    """Return the priority at `at`; times in ms since the epoch, `risk` and `voices` in millionths.

    `due` is when the nearest legal clock ends, None without one. `opened` is when the escalation or its clock
    began, 0 if that is not known. `reporters` are those behind it in thousandths (counting.sums.Scattered):
    with less than one, level, severity and age count for as much less, so that what one account reports
    everywhere does not stand before what somebody saw. More reporters never lower a priority.
    `severity_points` are those of a `severity` of 1, in millionths; of 0, severity is no component.
    """
    share = min(max(reporters, 0), WHOLE)
    others = _ALL - severity_points
    points = PriorityComponents(
        clock=_clock(at, due) * others // _ALL,
        level=_LEVELS[min(level, len(_LEVELS) - 1)] * others * share // (_ALL * WHOLE),
        risk=_RISK * others * risk // (_ALL * (risk + _RISK_HALF)),
        voices=_VOICES * others * voices // (_ALL * (voices + _VOICES_HALF)),
        age=_age(at, opened) * others * share // (_ALL * WHOLE),
        severity=severity_points * severity * share // (MILLION * WHOLE) if severity_points else UNSET,
    )
    return Priority(sum(each for each in astuple(points) if each is not UNSET), points)


def _age(at: int, opened: int) -> int:
    return min(_AGE * max(at - opened, 0) // _FULL_AGE_MS, _AGE) if opened else 0


def _clock(at: int, due: int | None) -> int:
    if due is None:
        return 0
    return next((points for left, points in _CLOCK if due - at <= left), _LONG_CLOCK)
