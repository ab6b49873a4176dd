"""ISO 8601 durations, of policies and of laws."""

import re
from functools import lru_cache

from streams.contract.wire.times import DAY, HOUR, MINUTE

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,4})W|(?P<days>\d{1,4})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,8})S)?)?",
    re.ASCII,
)
_MONTHS = re.compile(r"P(?:(?P<years>\d{1,3})Y)?(?:(?P<months>\d{1,3})M)?", re.ASCII)
_UNITS = {"weeks": 7 * DAY, "days": DAY, "hours": HOUR, "minutes": MINUTE, "seconds": 1000}


def parse_duration(text: str) -> int:
    """Give the milliseconds of an ISO 8601 duration of whole weeks, days, hours, minutes and seconds.

    Raises ValueError for anything else; years and months are refused because their length depends on the
    calendar.
    """
    match = _DURATION.fullmatch(text)
    given = {} if match is None else {unit: count for unit, count in match.groupdict().items() if count}
    if not given:
        raise ValueError(
            "must be an ISO 8601 duration of weeks, days, hours, minutes or seconds, such as PT1H or P7D"
        )
    return sum(int(count) * _UNITS[unit] for unit, count in given.items())


# The registry has a few dozen, and every escalation needs some of them.
@lru_cache(maxsize=256)
def parse_legal_duration(text: str) -> tuple[int, int]:
    """Give (months, milliseconds) of a law's duration; one of the two is 0.

    Years and months (P6M, P1Y, P1Y6M) become a number of months, to be counted by the calendar; everything
    else is read by parse_duration. Raises ValueError for an invalid duration and for zero.
    """
    match = _MONTHS.fullmatch(text)
    months = 0 if match is None else int(match["years"] or 0) * 12 + int(match["months"] or 0)
    if months:
        return months, 0
    try:
        milliseconds = parse_duration(text)
    except ValueError as error:
        raise ValueError("must be an ISO 8601 duration such as PT48H, P10D, P6M or P1Y") from error
    require_positive(milliseconds)
    return 0, milliseconds


def require_positive(milliseconds: int) -> None:
    """Raise ValueError for a duration of zero."""
    if not milliseconds:
        raise ValueError("must be longer than zero")
