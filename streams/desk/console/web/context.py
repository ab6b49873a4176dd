"""What every page needs: the read model, who is signed in, and the frame around the page."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import UNSET
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from streams.contract.events.report import Category
from streams.desk.console.casework.permissions import Person
from streams.desk.console.follower import Progress
from streams.desk.console.held import HeldActs
from streams.desk.console.live_feed import LiveFeed
from streams.desk.console.publisher import Publisher
from streams.desk.console.read_model.database import Database
from streams.desk.console.read_model.desk.query import WorkCount, work_counts
from streams.desk.console.read_model.paging import ListFilter
from streams.desk.console.rule_acts import RuleActs
from streams.desk.console.rule_comparing import Comparing
from streams.desk.console.settings import ConsoleSettings
from streams.desk.console.terms import Terms
from streams.desk.console.viewer import viewed_channel, viewed_content, viewed_request
from streams.desk.console.web import words
from streams.desk.console.web.pages import pages_of
from streams.desk.console.web.sentences import row_sentence, said_of_request
from streams.desk.console.web.vocabulary import Vocabulary
from streams.desk.console.web.words import with_moments
from streams.desk.text.category_words import category_title
from streams.desk.text.country_names import place_name
from streams.registry.category import CategoryRules
from streams.registry.obligation import Obligation
from streams.registry.rules import Rules
from streams.running.clients.rules_in_force import RulesInForce
from streams.running.wall_clock import clock_ms

_HERE = Path(__file__).parent

TEMPLATES = Jinja2Templates(
    env=Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        # Every template is HTML, and everything that others wrote is escaped.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
)
# What an event of an earlier version does not have.
TEMPLATES.env.tests["unset"] = lambda value: value is UNSET
TEMPLATES.env.filters["with_moments"] = with_moments
TEMPLATES.env.globals.update({name: getattr(words, name) for name in words.__all__})
TEMPLATES.env.globals.update(
    category_title=category_title,
    pages_of=pages_of,
    place_name=place_name,
    row_sentence=row_sentence,
    said_of_request=said_of_request,
)


@dataclass(slots=True)
class Console:
    """The parts that pages use.

    `rules` are those in force; `rule_acts` writes what people decide about sets of them, None if it is done
    by command alone. `terms` are the titles of the platform's own rules.
    """

    settings: ConsoleSettings
    database: Database
    publisher: Publisher
    progress: Progress
    feed: LiveFeed
    held: HeldActs
    rules: RulesInForce
    comparing: Comparing
    rule_acts: RuleActs | None
    terms: Terms
    _duties: tuple[Rules, Mapping[str, Obligation]] | None = None

    @property
    def categories(self) -> Mapping[Category, CategoryRules]:
        """The categories in use."""
        return self.rules.now.categories

    @property
    def policies(self) -> frozenset[str]:
        """The names of the policies in use."""
        return frozenset(each.id for each in self.rules.now.policies)

    @property
    def duties(self) -> Mapping[str, Obligation]:
        """The rows of law in use, by id."""
        now = self.rules.now
        if self._duties is None or self._duties[0] is not now:
            self._duties = now, {duty.id: duty for duty in now.obligations}
        return self._duties[1]

    @property
    def vocabulary(self) -> Vocabulary:
        """What decisions name by a code."""
        return Vocabulary(self.duties, self.categories, self.terms)


def console_of(connection: HTTPConnection) -> Console:
    """The console that serves a request."""
    found: Console = connection.app.state.console
    return found


def person_of(connection: HTTPConnection) -> Person:
    """Who is signed in; the middleware lets nobody else through."""
    person: Person = connection.state.person
    return person


def note_position(connection: HTTPConnection) -> None:
    """Note the position of the live feed before reading: the page is told of changes from then on."""
    connection.state.position = console_of(connection).feed.position


def person_still(connection: HTTPConnection) -> Person | None:
    """Who is signed in if a connection that began a while ago began now; None if nobody would be let in."""
    try:
        found: Person | None = connection.state.who()
    except HTTPException:
        return None
    return found


def form_token(request: Request) -> str:
    """The token that a form of this session must send back, against forms that other sites send."""
    if "token" not in request.session:
        request.session["token"] = secrets.token_urlsafe(32)
    token: str = request.session["token"]
    return token


def counted_work(request: Request) -> Sequence[WorkCount]:
    """How much waits for who is signed in, as it is now."""
    return list(work_counts(console_of(request).database.reader(), person_of(request), clock_ms()))


def next_page(shown: ListFilter, after: str | None) -> str | None:
    """The parameters of the address of a list's next page; None if there is none."""
    return None if after is None else urlencode({**shown.parameters(), "after": after})


def page(request: Request, template: str, context: Mapping[str, Any], status_code: int = 200) -> Response:
    """A page from a template."""
    console, person = console_of(request), person_of(request)
    frame = {
        "person": person,
        "held": console.held.of(person.ref),
        "here": request.url.path,
        "token": form_token(request),
        "now_ms": clock_ms(),
        "progress": console.progress,
        # A page that did not note its position before it read is told of changes only so that its numbers
        # follow: these are read again.
        "position": getattr(request.state, "position", console.feed.position),
        # Counted for whole pages alone.
        "counted_work": lambda: counted_work(request),
        "floor": {category for category, row in console.categories.items() if row.floor},
        "unsigned": console.settings.sign_in == "none",
        "signs_out": console.settings.sign_in == "openid",
        "viewed_content": partial(viewed_content, console.settings),
        "viewed_channel": partial(viewed_channel, console.settings),
        "viewed_request": partial(viewed_request, console.settings),
        "duties": console.duties,
        # Said once, by the first whole page that comes after an act.
        "take_done": lambda: request.session.pop("done", None),
        "take_unsaid": lambda: console.held.take_unsaid(person.ref),
    }
    response: Response = TEMPLATES.TemplateResponse(
        request, template, {**frame, **context}, status_code=status_code
    )
    return response
