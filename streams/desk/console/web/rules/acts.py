"""Does what a form asks for with a set of rules, in the name of who is signed in."""

from datetime import UTC, datetime
from typing import Final, NamedTuple, get_args

from aiokafka.errors import KafkaError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.rules.rule_change import RuleActor, RuleChangeKind, Share
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
    "scheduled": "Approved: in force from that time on.",
    "shadowed": "In shadow from now on: it judges beside the rules in force, and decides nothing.",
    "ended": "No longer on trial.",
    "rejected": "Rejected.",
    "rolled_back": "Rolled back: in force again.",
}
_SHARES: Final[dict[str, Share | None]] = {"100": None, **{str(each): each for each in get_args(Share)}}
_LONGEST_REASON: Final = 500


class _Asked(NamedTuple):
    """What a form asks for; `share` and `since` are as in `RuleChange`."""

    kind: RuleChangeKind
    reason: str
    version: int
    share: Share | None
    since: datetime | None

    @property
    def said(self) -> str:
        """What was done, in words."""
        if self.share is None:
            return _SAID[self.kind]
        return f"Approved: its policies judge {self.share} % of channels from now on."


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
        asked = _asked(form)
        problem = await console.rule_acts.act(
            RuleActor(person.ref, role),
            asked.kind,
            named,
            asked.reason,
            asked.version,
            share=asked.share,
            since=asked.since,
        )
    except WrongForm as error:
        return await rule_set_page(request, str(error), 422)
    except (NotReadBack, KafkaError):
        return await rule_set_page(request, NOT_CONFIRMED, NOT_KNOWN)
    if problem is not None:
        return await rule_set_page(request, f"This did not count: {problem}.", LOST_RACE)
    then = f"/rules/{named}"
    say_afterwards(request, asked.said, [], then)
    return RedirectResponse(then, 303)


def _asked(form: FormData) -> _Asked:
    """Read a form. Raises WrongForm."""
    kind = next((each for each in _SAID if each == text_of(form, "kind")), None)
    if kind is None:
        raise WrongForm(f"kind must be one of {', '.join(_SAID)}.")
    reason = text_of(form, "reason")
    if not 0 < len(reason) <= _LONGEST_REASON or looks_like_email(reason):
        raise WrongForm(f"Say why, in 1 to {_LONGEST_REASON} characters and without an e-mail address.")
    version = version_of(text_of(form, "version"))
    if kind != "approved":
        return _Asked(kind, reason, version, None, None)
    share, since = text_of(form, "share") or "100", _since(form)
    if share not in _SHARES:
        raise WrongForm(f"share must be one of {', '.join(_SHARES)}.")
    if since is None:
        return _Asked(kind, reason, version, _SHARES[share], None)
    if _SHARES[share] is not None:
        raise WrongForm("A set is in force from a time on for all channels, or now for a share of them.")
    return _Asked("scheduled", reason, version, None, since)


def _since(form: FormData) -> datetime | None:
    """From which time on, None for now. Raises WrongForm."""
    said = text_of(form, "since").strip()
    if not said:
        return None
    try:
        since = datetime.strptime(said, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise WrongForm("The time must be such as 2027-03-01 12:00, in UTC.") from None
    if since <= datetime.now(UTC):
        raise WrongForm("The time must be later than now.")
    return since
