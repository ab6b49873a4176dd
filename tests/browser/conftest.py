"""A console on a real Kafka, and people who open it in a real browser."""

import itertools
import shutil
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.harness.console import ConsoleProcess
from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.workers import patience

CHROMIUM = shutil.which("chromium")

# What a page waits for, on a machine that several test processes share.
_PATIENCE_MS = 15_000

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Chromium."""
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.browser)
            item.add_marker(
                pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
            )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file; each person has a context of their own in it.

    Playwright keeps an event loop in this thread, in which other tests could not run theirs: so not for the
    whole session.
    """
    expect.set_options(timeout=_PATIENCE_MS * patience())
    with sync_playwright() as playwright:
        # Tests may run as root, where Chromium's sandbox does not work. It shows only pages of ours.
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def deployment(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Topics without workers: tests write what workers would."""
    made = Deployment(
        kafka,
        f"browser-{uuid.uuid4().hex[:8]}.",
        tmp_path_factory.mktemp("deployment"),
        partitions=2,
        # So that forms are on the pages of rules.
        settings={"TOCSIN_RULE_APPROVALS": "unsigned"},
    )
    yield made
    made.end()


@pytest.fixture(scope="module")
def console(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleProcess]:
    """A console for the tests of a file. Each works in a channel of its own."""
    process = ConsoleProcess(tmp_path_factory.mktemp("console"), deployment.settings)
    process.start()
    yield process
    process.end()


@pytest.fixture
def channel() -> str:
    """A channel that no other test uses."""
    return f"channel-{next(_numbers)}"


@pytest.fixture
def people(chromium: Browser, console: ConsoleProcess) -> Iterator["People"]:
    """Opens browsers for people. At the end no page has asked another host for anything, and none had an
    error.
    """
    opened = People(chromium, console)
    yield opened
    opened.end()


class People:
    """People at their browsers."""

    def __init__(self, chromium: Browser, console: ConsoleProcess) -> None:
        self._chromium = chromium
        self._console = console
        self._contexts: list[BrowserContext] = []
        self._strangers: list[str] = []
        self._errors: list[str] = []

    def person(self, ref: str = "desk-1", **options: Any) -> Page:
        """An empty page of somebody; addresses are relative to the console's."""
        context = self._chromium.new_context(
            base_url=self._console.address,
            extra_http_headers=self._console.headers(ref),
            timezone_id="Europe/Berlin",
            **options,
        )
        context.set_default_timeout(_PATIENCE_MS * patience())
        context.on("request", self._watch)
        context.on("weberror", lambda error: self._errors.append(str(error.error)))
        context.on("console", lambda message: self._hear(message.type, message.text))
        self._contexts.append(context)
        return context.new_page()

    def end(self) -> None:
        """Close all, and check what they asked for."""
        for context in self._contexts:
            context.close()
        assert self._strangers == []
        assert self._errors == []

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self._console.address + "/", "data:", "blob:")):
            self._strangers.append(request.url)

    def _hear(self, kind: str, text: str) -> None:
        # An answer such as 409, or none from a console that was killed, is what tests provoke.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self._errors.append(text)


@pytest.fixture
def opened(people: People) -> Callable[..., Page]:
    """Opens an address as somebody, and waits until its keys work."""

    def new(address: str, ref: str = "desk-1", **options: Any) -> Page:
        page = people.person(ref, **options)
        go(page, address)
        return page

    return new


def go(page: Page, address: str) -> None:
    """Go to an address, and wait until keys work there."""
    page.goto(address)
    ready(page)


def ready(page: Page) -> None:
    """Wait until keys work on the page."""
    expect(page.locator("html[data-ready]")).to_be_attached()
