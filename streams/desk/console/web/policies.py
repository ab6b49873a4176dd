"""The page that compares policies, live and in shadow."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY
from streams.desk.console.read_model.policies_query import policy_days, policy_pairs
from streams.desk.console.read_model.statements import SQL
from streams.desk.console.web.context import console_of, page
from streams.running.wall_clock import clock_ms

_SPANS = ("7", "30")


def policies(request: Request) -> Response:
    """What each policy did in the last days, and where a shadow policy differs from a live one."""
    days = request.query_params.get("days") or _SPANS[0]
    if days not in _SPANS:
        raise HTTPException(400, f"days must be one of {', '.join(_SPANS)}")
    reader = console_of(request).database.reader()
    first = rfc3339(clock_ms() - (int(days) - 1) * DAY)[:10]
    context = {
        "nav": "policies",
        "days": days,
        "spans": _SPANS,
        "policies": policy_days(reader, first),
        "pairs": policy_pairs(reader, first),
        "versions": reader.execute(SQL["versions"]).fetchall(),
    }
    return page(request, "policies.html", context)
