"""Finds what a person may go to: pages, views, queues, categories, ids by how they begin; and acts."""

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from streams.contract.wire.refs import is_ref
from streams.desk.console.casework.permissions import Person
from streams.desk.console.read_model.finding.id_search import ids_beginning
from streams.desk.console.web.context import console_of, page, person_of
from streams.desk.console.web.finding.named_views import named_views
from streams.desk.console.web.finding.possible_acts import possible_acts
from streams.desk.console.web.pages import pages_of
from streams.desk.console.web.words import in_words
from streams.desk.text.category_words import category_title
from streams.running.wall_clock import clock_ms

# A palette shows a dozen lines. What is found more often is not what somebody looked for.
_MOST_PLACES: Final = 20

# The shortest beginning of an id that is looked for: shorter ones begin half of all ids.
_LEAST_OF_AN_ID: Final = 4

# Longer than any id.
_MOST_TYPED: Final = 128


class Place(NamedTuple):
    """Something to go to, or to do. `act` is the kind of an act that a page can do without going there."""

    kind: str
    label: str
    address: str
    act: str | None = None


def search(request: Request) -> Response:
    """The page with what is found; for browsers without scripts the same as the palette."""
    typed = request.query_params.get("q", "")[:_MOST_TYPED]
    case = request.query_params.get("case", "")
    found = list(_places(request)) if typed or case else []
    return page(request, "search.html", {"nav": "", "typed": typed, "case": case, "found": found})


def found_places(request: Request) -> Response:
    """What is found, for the palette. `case` is the case or request that is open or marked."""
    return JSONResponse([each._asdict() for each in _places(request)])


def _places(request: Request) -> Iterator[Place]:
    """What has all the words that an address asks for: acts first, and not more than fit on a screen."""
    person = person_of(request)
    typed = " ".join(request.query_params.get("q", "")[:_MOST_TYPED].split())
    words = typed.casefold().split(" ")
    named = [
        *_acts(request, person),
        *_pages(person),
        *_views(request, person),
        *_categories(request, person),
    ]
    matching = [each for each in named if all(word in each.label.casefold() for word in words)]
    yield from matching[:_MOST_PLACES]
    if len(typed) >= _LEAST_OF_AN_ID and is_ref(typed):
        yield from _ids(request, person, typed)


def _acts(request: Request, person: Person) -> Iterator[Place]:
    reader = console_of(request).database.reader()
    for each in possible_acts(reader, person, request.query_params.get("case", ""), clock_ms()):
        yield Place("act", each.label, each.address, each.kind)


def _pages(person: Person) -> Iterator[Place]:
    for name in pages_of(person):
        yield Place("page", name.capitalize(), f"/{name}")


def _views(request: Request, person: Person) -> Iterator[Place]:
    for each in named_views(console_of(request).database.reader(), person):
        kind = "queue" if each.saved is not None and each.saved.view.kind == "queue" else "view"
        yield Place(kind, each.label, each.address)


def _categories(request: Request, person: Person) -> Iterator[Place]:
    for category in console_of(request).categories:
        if person.sees(category):
            title = category_title(category)
            label = title if title.casefold() == category else f"{title} ({category})"
            yield Place("category", label, f"/desk?category={quote(category)}")


def _ids(request: Request, person: Person, typed: str) -> Iterator[Place]:
    for found in ids_beginning(console_of(request).database.reader(), person, typed):
        name = quote(found.id)
        if found.kind == "case":
            yield Place("case", f"{found.id}, {category_title(found.says)}", f"/cases/{name}")
        elif found.kind == "channel":
            yield Place("channel", found.id, f"/desk?listed=all&channel={name}")
        else:
            yield Place("request", f"{found.id}, {in_words(found.says)}", f"/requests/{name}")
