"""The page of questions to the desk, each due within minutes, before crowds of strangers decide anything."""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from streams.desk.console.read_model.questions import QuestionFilter, QuestionState, questions_page
from streams.desk.console.web.context import console_of, next_page, page, person_of


def questions(request: Request) -> Response:
    """The questions of a view, the one due first at the top."""
    shown = QuestionFilter.of(request.query_params)
    reader = console_of(request).database.reader()
    listed = questions_page(reader, shown, person_of(request).categories, request.query_params.get("after"))
    context = {
        "nav": "questions",
        "shown": shown,
        "questions": listed.questions,
        "more": next_page(shown, listed.after),
        "states": get_args(QuestionState),
    }
    return page(request, "questions.html", context)
