"""The page of numbers for transparency reports, and of what is open before a period can be closed.

The numbers are those of `tocsin transparency report`, with the same ones hidden.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.wire.times import epoch_ms
from streams.desk.console.read_model.transparency import counters_of, open_in_period
from streams.desk.console.web.context import console_of, page
from streams.desk.text.transparency_series import Series, series
from streams.desk.text.transparency_tables import (
    LEGEND,
    REPORT_DIMENSIONS,
    REQUEST_DIMENSIONS,
    SECTIONS,
    sections,
)
from streams.statutory.provider import PROVIDER_ROLES
from streams.statutory.reporting_period import Period, lawful_period

# Units of the drawing; the page scales it. The margins hold the labels of the axes.
WIDTH: Final = 600
HEIGHT: Final = 120
_LEFT: Final = 48
_TOP: Final = 12
_BOTTOM: Final = 24
# Of the space of a bar, so that neighbours are told apart.
_BAR: Final = 0.8


class Bar(NamedTuple):
    """The count of a span and its rectangle. A hidden count is drawn as low as if it were nothing."""

    label: str
    number: int | str
    x: float
    y: float
    width: float
    height: float


class BarChart(NamedTuple):
    """One section of the report; `top` is the count at the upper edge."""

    name: str
    title: str
    unit: str
    top: int
    bars: Sequence[Bar]


def bar_chart(series: Series) -> BarChart:
    """Draw what a section counted."""
    top = max(span.number for span in series.spans if isinstance(span.number, int)) or 1
    step = (WIDTH - _LEFT) / len(series.spans)
    floor = HEIGHT - _BOTTOM
    bars = []
    for place, (label, number) in enumerate(series.spans):
        height = (floor - _TOP) * (number if isinstance(number, int) else 0) / top
        bars.append(Bar(label, number, _LEFT + step * place, floor - height, step * _BAR, height))
    return BarChart(series.kind.name, series.kind.title, series.unit, top, bars)


_DIMENSIONS = tuple(dict.fromkeys((*REPORT_DIMENSIONS, *REQUEST_DIMENSIONS)))

# A month, which is what people look at between two reports.
_DAYS = 30


def transparency(request: Request) -> Response:
    """The numbers of a period, in the usual tables or by the dimensions that the address names."""
    given = request.query_params
    today = datetime.now(UTC).date()
    last = _day(given.get("to"), today)
    first = _day(given.get("from"), last - timedelta(days=_DAYS - 1))
    if first > last:
        raise HTTPException(400, f"from {first} is after to {last}")
    group_by = tuple(dict.fromkeys(filter(None, given.getlist("by"))))
    if not any(set(group_by) <= set(kind.dimensions) for kind in SECTIONS):
        raise HTTPException(400, "by must name dimensions that all belong to reports, or all to requests")
    reader = console_of(request).database.reader()
    counters = counters_of(reader, first, last)
    period = Period(first, last)
    context = {
        "nav": "transparency",
        "charts": [bar_chart(each) for each in series(counters, first, last)],
        "open": open_in_period(reader, _midnight_ms(first), _midnight_ms(last + timedelta(days=1))),
        "is_over": last < today,
        # Only a period that a report may have has a day on which the report is due.
        "publish_until": next(
            (period.publish_until for role in PROVIDER_ROLES if lawful_period(last, role) == period),
            None,
        ),
        "first": first,
        "last": last,
        "group_by": group_by,
        "dimensions": _DIMENSIONS,
        "sections": sections(counters, group_by),
        "legend": LEGEND.split("\n"),
    }
    return page(request, "transparency.html", context)


def _midnight_ms(day: date) -> int:
    return epoch_ms(datetime.combine(day, time(), UTC))


def _day(text: str | None, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, "from and to must be days, such as 2026-03-01") from None
