"""What the numbers of a transparency report were over time."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from streams.contract.events.transparency import TransparencyCounter
from streams.desk.text.transparency_tables import SectionKind, sections

# A month is shown by day and half a year by week: more bars than that cannot be told apart.
_MOST_DAYS = 31
_MOST_WEEKS = 27


class Span(NamedTuple):
    """A day, week or month, and its number as it may be shown: a mark hides a small number."""

    label: str
    number: int | str


class Series(NamedTuple):
    """The spans of a period for a section of the report, in order; `unit` is day, week or month."""

    kind: SectionKind
    unit: str
    spans: Sequence[Span]


def series(counters: Iterable[TransparencyCounter], first: date, last: date) -> list[Series]:
    """Add up the counters of a period by span, with the same small numbers hidden as in a table by date.

    A section without any count is left out, and so is one whose numbers are all hidden.
    """
    unit, label_of = _unit(first, last)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    labels = list(dict.fromkeys(map(label_of, days)))
    relabelled = (
        msgspec.structs.replace(counter, date=label_of(date.fromisoformat(counter.date)))
        for counter in counters
    )
    found = []
    for section in sections(relabelled, ("date",)):
        (table,) = section.tables
        if table.rows:
            counts = {label: count for (label,), count in table.rows}
            found.append(Series(section.kind, unit, [Span(label, counts.get(label, 0)) for label in labels]))
    return found


def _unit(first: date, last: date) -> tuple[str, Callable[[date], str]]:
    days = (last - first).days + 1
    if days <= _MOST_DAYS:
        return "day", str
    if days <= 7 * _MOST_WEEKS:
        return "week", lambda day: str(day - timedelta(days=day.weekday()))
    return "month", lambda day: str(day)[:7]
