"""Text that a publisher chose is shown as text: no page gets an element, an attribute or an address from it."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Mount

from streams.desk.console.read_model.apply import HANDLERS, apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import transaction
from tests.at_night import at_night
from tests.categories import CATEGORIES
from tests.unit.console_pages import EXAMPLES, LATER_MS, Record, World

# Each breaks out of another place: of text, of an attribute in either quotes, of a script, of an address.
HOSTILE = (
    "\"><hostile onload='x'>",
    '\'><hostile onload="x">',
    "</script></style></title></textarea><hostile>",
    "javascript:hostile()",
    "{{ 7 * 7 }}{% raw %}<hostile>",
    "<!--<hostile>",
)

# Most pages show these.
MOSTLY_SHOWN = ("escalations", "authority-routing", "moderation-outcomes", "case-activity")


NAMES = (
    "listed", "category", "group", "policy", "channel", "country", "assignee", "level", "clock", "by",
    "after", "integrity", "duty", "status", "subject", "due", "decision", "gate", "kind", "days", "day",
    "next", "from", "to", "at_stake", "q", "name",
)  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check(page: str, where: Any) -> None:
    for tag, attributes in Elements(page).found:
        assert tag != "hostile", where
        for name, value in attributes.items():
            assert not name.startswith("on"), (where, tag, name)
            assert name != "style", (where, tag)
            if name in ("href", "src", "action", "formaction"):
                assert re.match(
                    r"/(?![/\\])|#|$|https://viewer\.example/|https?://(?!hostile)", value or ""
                ), (where, tag, value)
        assert tag not in ("script", "iframe", "object", "embed", "base") or "src" in attributes, where


def strings(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all strings of a document but times, of which a worker writes only valid ones."""
    if isinstance(document, str):
        if not re.match(r"\d{4}-\d\d-\d\d", document):
            yield path
    elif isinstance(document, dict):
        for name, value in document.items():
            yield from strings(value, (*path, name))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from strings(value, (*path, index))


def replaced(document: Any, path: tuple[Any, ...], text: str) -> Any:
    copy = json.loads(json.dumps(document))
    at = copy
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = text
    return copy


def examples() -> Iterator[tuple[str, str, bytes, Any, Any]]:
    for topic in HANDLERS:
        for path in sorted((EXAMPLES / topic / "v1").glob("*.json")):
            document = json.loads(path.read_text())
            if isinstance(document["value"], dict):
                headers = [(name, text.encode()) for name, text in document["headers"].items()]
                yield topic, path.stem, (document["key"] or "").encode(), document["value"], headers


def pages(world: World, ids: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    browser = world.browser(
        message_link="https://viewer.example/{channel}/{message}",
        channel_link="https://viewer.example/{channel}",
        request_link="https://viewer.example/{request}",
    )
    for route in browser.app.routes:
        if isinstance(route, Mount) or "GET" not in route.methods or route.path in ("/live", "/act-as"):
            continue
        for name, chosen in ids.items():
            if f"{{{name}}}" in route.path:
                for each in chosen:
                    path = route.path.replace(f"{{{name}}}", each)
                    # The next case of the list, and where a form is sent, are addresses to go on from.
                    leads_on = path.startswith("/desk/next/") or path.endswith("/acts")
                    yield path, browser.page(path, 303 if leads_on else 200)
                break
        else:
            for query in ("", "?listed=all", "?listed=all&by=channel", "?days=30", "?listed=all&by=category"):
                answer = browser.get(route.path + query)
                # A file is not read as a page.
                if not answer.headers.get("Content-Type", "").startswith("text/csv"):
                    yield route.path + query, answer.text


class Undone(Exception):
    """Ends a transaction without its effect."""


def takes(
    world: World, topic: str, value: Any, headers: Any, key: bytes = b"k", *, keep: bool = False
) -> bool:
    """Whether the console takes a record."""
    record = Record(topic, 0, 0, LATER_MS, key, json.dumps(value).encode(), headers)
    try:
        with transaction(world.writer):
            taken = apply_records(world.writer, [(topic, record)], Changes(known=CATEGORIES)) == 0
            if not keep:
                raise Undone
    except Undone:
        return taken
    return taken


IDS = ("escalation_id", "request_id", "case_id", "activity_id", "outcome_id")


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile",
    [" ".join(HOSTILE), pytest.param("javascript:hostile()", marks=pytest.mark.nightly)],
    ids=["markup", "address"],
)
@pytest.mark.parametrize(
    "topic", [*MOSTLY_SHOWN, *at_night(topic for topic in HANDLERS if topic not in MOSTLY_SHOWN)]
)
def test_no_field_of_any_event_becomes_part_of_a_page(topic, hostile, tmp_path):
    """Every field of every example that the console takes with hostile text has it, and every page is looked
    at.
    """
    with World(tmp_path) as world:
        for of_topic, stem, key, document, headers in examples():
            if of_topic != topic:
                continue
            paths = [path for path in strings(document) if path[-1] not in IDS]
            taken = [
                path for path in paths if takes(world, topic, replaced(document, path, hostile), headers, key)
            ]
            # What people publish is checked before it is taken, and hostile text is not.
            assert taken or topic in ("case-activity", "clock-outcomes", "moderation-outcomes", "desk-views")
            for path in taken:
                document = replaced(document, path, hostile)
            # Of an own case each, so that no event hides another one.
            named = {name: stem for name in IDS if name in document}
            assert takes(world, topic, document | named, headers, key, keep=True)
        ids = {
            "case": [row[0] for row in world.writer.execute("SELECT escalation_id FROM desk_row")],
            "id": [row[0] for row in world.writer.execute("SELECT request_id FROM request_row")],
            "clock": [],
        }
        shown = 0
        for path, page in pages(world, ids):
            check(page, path)
            shown += "hostile" in page
        assert shown > 0 or topic not in ("escalations", "authority-routing", "integrity-cases")


@pytest.mark.slow
@settings(max_examples=10)
@given(
    st.sampled_from(HOSTILE),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8),
    st.sampled_from(NAMES),
)
def test_no_part_of_an_address_becomes_part_of_a_page(world, hostile, around, one):
    browser = world.browser()
    text = around + hostile + around
    for path in (
        "/desk",
        "/clocks",
        "/requests",
        "/integrity",
        "/policies",
        "/rules",
        "/transparency",
        "/health",
        "/figures",
        "/views",
        "/search",
        "/act-as",
    ):
        check(browser.get(path, params={name: text for name in NAMES}).text, path)
        check(browser.get(path, params={one: text}).text, (path, one))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("console")) as world:
        world.put_examples("escalations")
        yield world
