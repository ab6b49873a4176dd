"""Does what a form asks for with a set of rules, in the name of who is signed in."""

from typing import Final

from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.rules.rule_change import RuleActor, RuleChangeKind
from streams.contract.wire.personal_data import looks_like_email
from streams.desk.console.casework.permissions import rule_role
from streams.desk.console.publisher import NotReadBack
from streams.desk.console.web.acting import NOT_CONFIRMED
from streams.desk.console.web.context import console_of, person_of
from streams.desk.console.web.ending import say_afterwards
from streams.desk.console.web.forms import LOST_RACE, NOT_KNOWN, WrongForm, text_of, version_of
from streams.desk.console.web.rules.page import rule_set_page
from streams.desk.console.web.security.other_sites import checked_form

# What a person may do here. A set is proposed by command: it is made of files.
_SAID: Final[dict[RuleChangeKind, str]] = {
    "approved": "Approved: in force from now on.",
    "rejected": "Rejected.",
    "rolled_back": "Rolled back: in force again.",
}
_LONGEST_REASON: Final = 500


async def act_on_rules(request: Request) -> Response:
    """Approve, reject or roll back to a set, and go on to its page; it says why if this did not count.

    Raises HTTPException if the person may not, or not here.
    """
    form = await checked_form(request)
    console, person = console_of(request), person_of(request)
    role = rule_role(person)
    if role is None:
        raise HTTPException(403, "Your role may not do this.")
    if console.rule_acts is None:
        raise HTTPException(403, "This console writes no acts on rules: use the command that the page shows.")
    named = request.path_params["rule_set"]
    if all(each.act.rule_set != named for each in console.rules.history.acts):
        raise HTTPException(404, "The log of rules has no such set.")
    try:
        kind = next((each for each in _SAID if each == text_of(form, "kind")), None)
        if kind is None:
            raise WrongForm(f"kind must be one of {', '.join(_SAID)}.")
        reason = text_of(form, "reason")
        if not 0 < len(reason) <= _LONGEST_REASON or looks_like_email(reason):
            raise WrongForm(f"Say why, in 1 to {_LONGEST_REASON} characters and without an e-mail address.")
        version = version_of(text_of(form, "version"))
        problem = await console.rule_acts.act(RuleActor(person.ref, role), kind, named, reason, version)
    except WrongForm as error:
        return await rule_set_page(request, str(error), 422)
    except (NotReadBack, KafkaError):
        return await rule_set_page(request, NOT_CONFIRMED, NOT_KNOWN)
    if problem is not None:
        return await rule_set_page(request, f"This did not count: {problem}.", LOST_RACE)
    then = f"/rules/{named}"
    say_afterwards(request, _SAID[kind], [], then)
    return RedirectResponse(then, 303)
