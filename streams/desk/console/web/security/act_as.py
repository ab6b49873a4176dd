"""Choosing whom to be on a console without sign-in."""

import re
from typing import Final, get_args

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.report import PSEUDONYM_PATTERN
from streams.contract.wire.personal_data import names_a_person
from streams.desk.console.casework.permissions import Person, Role
from streams.desk.console.people.watched_people import WatchedPeople
from streams.desk.console.web.context import TEMPLATES, form_token
from streams.desk.console.web.forms import as_local_path
from streams.desk.console.web.security.audit import Audit
from streams.desk.console.web.security.other_sites import checked_form

_ROLES: Final[dict[str, Role]] = {role: role for role in get_args(Role)}


def chosen_person(request: Request, people: WatchedPeople | None, local: Person) -> Person | None:
    """Whom this session chose to be; without a choice None if there is a people file, else `local`."""
    ref, role = request.session.get("ref"), request.session.get("role")
    if people is not None:
        return None if ref is None else people.now().of_ref(ref)
    if ref is None or role is None:
        return local
    return Person(ref, _ROLES[role], local.categories)


class ActAs:
    """The page on which somebody chooses."""

    def __init__(self, people: WatchedPeople | None, audit: Audit) -> None:
        self._people = people
        self._audit = audit

    async def answer(self, request: Request) -> Response:
        """Show the choice, or make it."""
        if request.method != "POST":
            return self._form(request, request.query_params.get("next", ""))
        form = await checked_form(request)
        there, person = _text(form, "next"), self._person(form)
        if person is None:
            return self._form(
                request,
                there,
                "Choose a pseudonym such as desk-7, and a role: letters, digits, '.', '_', ':', '~' and '-'; "
                "no name, no e-mail address and no telephone number.",
                422,
            )
        request.session.clear()
        request.session.update(ref=person.ref, role=person.role)
        self._audit.came(person)
        return RedirectResponse(as_local_path(there) or "/desk", 303)

    def _person(self, form: FormData) -> Person | None:
        ref, role = _text(form, "ref"), _text(form, "role")
        if self._people is not None:
            return self._people.now().of_ref(ref)
        if role not in _ROLES or not re.match(PSEUDONYM_PATTERN, ref) or names_a_person(ref):
            return None
        return Person(ref, _ROLES[role], frozenset())

    def _form(self, request: Request, there: str, said: str | None = None, status: int = 200) -> Response:
        context = {
            "people": () if self._people is None else self._people.now().all(),
            "roles": _ROLES,
            "token": form_token(request),
            "next": there,
            "said": said,
        }
        return TEMPLATES.TemplateResponse(request, "act_as.html", context, status_code=status)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
