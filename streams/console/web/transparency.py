"""The page of numbers for transparency reports. They are those of `tocsin transparency report`, with the same ones hidden."""

from datetime import UTC, date, datetime, timedelta

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.console.web.context import console_of, page
from streams.events.transparency import TransparencyCounter
from streams.text.transparency_tables import LEGEND, REPORT_DIMENSIONS, REQUEST_DIMENSIONS, SECTIONS, sections

_DIMENSIONS = tuple(dict.fromkeys((*REPORT_DIMENSIONS, *REQUEST_DIMENSIONS)))

# A month, which is what people look at between two reports.
_DAYS = 30

_COUNTER = msgspec.json.Decoder(TransparencyCounter)


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
    rows = (
        console_of(request)
        .database.reader()
        .execute(
            "SELECT event FROM transparency_counter WHERE day BETWEEN ? AND ? ORDER BY key",
            (str(first), str(last)),
        )
    )
    context = {
        "nav": "transparency",
        "first": first,
        "last": last,
        "group_by": group_by,
        "dimensions": _DIMENSIONS,
        "sections": sections((_COUNTER.decode(event) for (event,) in rows), group_by),
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
