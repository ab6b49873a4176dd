"""The rules of the terms as a form lists them: first those that this person used last."""

from collections.abc import Sequence

from starlette.requests import Request

from streams.desk.console.web.context import console_of

# The session is a cookie, of which browsers take 4 KB.
_MOST = 3


def terms_shown(request: Request) -> Sequence[tuple[str, str]]:
    """The ids and titles of the rules, those first that were used last in this session."""
    terms = console_of(request).terms
    used = [rule for rule in request.session.get("rules", []) if rule in terms]
    return [(rule, terms[rule]) for rule in dict.fromkeys([*used, *terms])]


def note_term(request: Request, rule: str) -> None:
    """Note that somebody decided by a rule."""
    before = request.session.get("rules", [])
    request.session["rules"] = list(dict.fromkeys([rule, *before]))[:_MOST]
