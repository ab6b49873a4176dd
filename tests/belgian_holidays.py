"""The public holidays of Belgium, where the platform of the registry has its representative, computed for any
year.
"""

from datetime import date, timedelta


def easter(year: int) -> date:
    """By the rule of Gauss for the Gregorian calendar."""
    century = year // 100
    moon = (15 + century - century // 4 - (8 * century + 13) // 25) % 30
    full = (19 * (year % 19) + moon) % 30
    week = (2 * (year % 4) + 4 * (year % 7) + 6 * full + (4 + century - century // 4) % 7) % 7
    day = 22 + full + week
    if (full, week) == (29, 6) or (full == 28 and week == 6 and year % 19 > 10):
        day -= 7
    return date(year, 3, 1) + timedelta(days=day - 1)


def holidays_of_belgium(year: int) -> set[date]:
    """The ten public holidays of the royal decree of 18 April 1974, art. 1."""
    sunday = easter(year)
    fixed = {
        date(year, month, day)
        for month, day in ((1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25))
    }
    return fixed | {sunday + timedelta(days=days) for days in (1, 39, 50)}
