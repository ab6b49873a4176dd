"""The page of numbers for transparency reports, and of what is open before a period can be closed.

The numbers are those of `tocsin transparency report`, with the same ones hidden.
"""

from datetime import UTC, date, datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.wire.times import midnight_ms
from streams.desk.console.read_model.transparency import counters_of, open_in_period
from streams.desk.console.web.bars import bar_chart
from streams.desk.console.web.context import console_of, page
from streams.desk.text.transparency_series import series
from streams.desk.text.transparency_tables import (
    LEGEND,
    REPORT_DIMENSIONS,
    REQUEST_DIMENSIONS,
    SECTIONS,
    sections,
)
from streams.statutory.provider import PROVIDER_ROLES
from streams.statutory.reporting_period import Period, lawful_period

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
        "charts": [
            bar_chart(each.kind.title, each.unit, each.spans) for each in series(counters, first, last)
        ],
        "open": open_in_period(reader, midnight_ms(first), midnight_ms(last + timedelta(days=1))),
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


def _day(text: str | None, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, "from and to must be days, such as 2026-03-01") from None
