"""Nobody's open pages keep the console from others: they are counted when let in, and the first to go when it
is full.
"""

import contextlib
import socket
import struct
import time
from collections import Counter

import pytest
from sse_starlette.sse import AppStatus

from streams.desk.console.web import live
from streams.desk.console.web.security import slow_clients
from tests.unit.console_pages import World
from tests.unit.console_people import by_proxy, from_proxy
from tests.unit.console_server import is_closed, port_of, served

# A place that were never free again would let these tests wait so long, and fail.
PATIENCE = 60.0


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        world.put_case("e-1", category="spam")
        yield world


class Clients:
    """Connections to a console, and what it says on them."""

    def __init__(self, app):
        self.feed = app.state.console.feed
        self._app = app
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._server = self._stack.enter_context(served(self._app))
        return self

    def __exit__(self, *error):
        # Streams end with it, which the server would otherwise wait for.
        self._server.should_exit = True
        self.feed.end()
        self._stack.close()

    def connect(self):
        client = socket.create_connection(("127.0.0.1", port_of(self._server)), timeout=PATIENCE)
        return self._stack.enter_context(client)

    def ask(self, path, subject=None):
        """Send a request by a new connection."""
        headers = (
            {"Host": "127.0.0.1"} if subject is None else {"Host": "desk.example", **from_proxy(subject)}
        )
        client = self.connect()
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items()), "", ""]
        client.sendall("\r\n".join(lines).encode())
        return client

    def until(self, condition):
        """Wait until something holds, which it must sooner or later."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.01)


def status(client):
    return int(client.recv(12).decode().rpartition(" ")[2])


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_a_page_is_not_cut_off_when_the_end_is_noticed_before_it_is_told(world, monkeypatch):
    with Clients(world.browser().app) as clients:
        client = clients.ask("/live")
        assert status(client) == 200
        monkeypatch.setattr(AppStatus, "should_exit", True)
        # It is looked at twice a second.
        time.sleep(1)
        clients.feed.end()
        read = b""
        # The last chunk is empty.
        while not read.endswith(b"\r\n0\r\n\r\n"):
            more = client.recv(4096)
            assert more
            read += more


@pytest.mark.parametrize("path", ["/live", "/live?case={}"])
def test_of_all_pages_that_are_opened_at_once_no_more_than_the_limit_are_let_in(world, path):
    with Clients(world.browser().app) as clients:
        opened = [clients.ask(path.format(world.case_id("e-1"))) for _ in range(200)]
        assert Counter(map(status, opened)) == {200: 100, 429: 100}
        for client in opened:
            client.close()
        clients.until(lambda: clients.feed.readers == 0)
        assert status(clients.ask(path.format(world.case_id("e-1")))) == 200


def test_a_page_that_nobody_waits_for_takes_no_place_for_long(world, monkeypatch):
    monkeypatch.setattr(live, "_MOST_PAGES", 3)
    with Clients(world.browser().app) as clients:
        for _ in range(50):
            reset(clients.ask(f"/live?case={world.case_id('e-1')}"))
        opened = []

        def three_are_let_in():
            client = clients.ask("/live")
            opened.extend([client] if status(client) == 200 else ())
            return len(opened) == 3

        clients.until(three_are_let_in)
        assert status(clients.ask("/live")) == 429


def test_a_full_server_closes_the_oldest_page_of_whoever_has_most_and_answers_a_newcomer(
    world, tmp_path, monkeypatch
):
    monkeypatch.setattr(slow_clients, "MAX_CONNECTIONS", 12)
    with Clients(world.browser(**by_proxy(tmp_path)).app) as clients:
        few = [clients.ask("/live", "sub-desk-2") for _ in range(4)]
        assert [status(each) for each in few] == [200] * 4
        many = [clients.ask("/live", "sub-desk") for _ in range(8)]
        assert [status(each) for each in many] == [200] * 8
        # Each keeps its connection, and those that came before give theirs to the next one.
        for _ in range(20):
            assert status(clients.ask("/desk", "sub-reader")) == 200
        assert is_closed(many[0])
        clients.until(lambda: clients.feed.readers == 11)
        assert (clients.feed.pages_of("desk-1"), clients.feed.pages_of("desk-2")) == (7, 4)


def test_connections_that_wait_for_their_next_request_keep_nobody_out(world, monkeypatch):
    monkeypatch.setattr(slow_clients, "MAX_CONNECTIONS", 12)
    with Clients(world.browser().app) as clients:
        waiting = [clients.ask("/nothing-here") for _ in range(12)]
        assert [status(each) for each in waiting] == [404] * 12
        assert status(clients.ask("/desk")) == 200
