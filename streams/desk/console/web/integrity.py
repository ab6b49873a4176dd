"""The page of cases about the integrity of reporting."""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.detector_case import DetectorCaseKind
from streams.contract.events.integrity_case import IntegrityCaseKind
from streams.desk.console.read_model.integrity import IntegrityFilter, integrity_page
from streams.desk.console.web.context import console_of, next_page, page


def integrity(request: Request) -> Response:
    """The cases of a view, the newest first."""
    shown = IntegrityFilter.of(request.query_params)
    listed = integrity_page(console_of(request).database.reader(), shown, request.query_params.get("after"))
    context = {
        "nav": "integrity",
        "shown": shown,
        "cases": listed.cases,
        "more": next_page(shown, listed.after),
        "kinds": (*get_args(IntegrityCaseKind), *get_args(DetectorCaseKind)),
    }
    return page(request, "integrity.html", context)
