"""Clients that send or read slowly are cut off by the real server, and keep nobody from being answered."""

import socket
import time

import pytest

from streams.desk.console.web.security import slow_clients
from tests.unit.console_server import is_closed, port_of, served

pytestmark = pytest.mark.slow

HEAD = b"POST /form HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

# A server that never cut a client off would let these tests wait so long, and fail.
PATIENCE = 20.0


async def app(scope, receive, send):
    """Reads a form, or answers with more than the network's buffers hold."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/form":
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if not message["more_body"]:
                break
    body = b"x" * (32 * 1024 * 1024 if scope["path"] == "/large" else 2)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def server():
    """A server that waits for a second where the real one waits for longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slow_clients, "REQUEST_SECONDS", 1.0)
        patch.setattr(slow_clients, "_READING_SECONDS", 1.0)
        patch.setattr(slow_clients, "MAX_CONNECTIONS", 20)
        with served(app) as server:
            yield server


@pytest.fixture
def port(server):
    return port_of(server)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def answer_of(client):
    """Read one whole answer, however it was cut into packets."""
    found = b""
    while not found.endswith(b"\r\n\r\nxx"):
        data = client.recv(256)
        assert data, found
        found += data
    return found


def answered(port, request=GET):
    with connect(port) as client:
        client.sendall(request)
        return client.recv(64).startswith(b"HTTP/1.1 200")


def drip(client, data):
    """Send a byte now and then until the server ends the connection; return how long that took."""
    began = time.monotonic()
    client.settimeout(0.1)
    for byte in data * 1000:
        if time.monotonic() - began > PATIENCE:
            raise AssertionError("never cut off")
        try:
            client.sendall(bytes([byte]))
            if client.recv(64) == b"":
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", HEAD, HEAD + b"a" * 999, GET + b"GET"]
)
def test_a_request_that_does_not_arrive_ends_its_connection(port, sent):
    with connect(port) as client:
        client.sendall(sent)
        assert is_closed(client)
    assert answered(port)


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nHost: x\r\nX: ", HEAD, GET + b"GET /?"])
def test_a_byte_now_and_then_does_not_prolong_it(port, begun):
    with connect(port) as client:
        client.sendall(begun)
        drip(client, b"a" * 100)
    assert answered(port)


def test_a_client_that_does_not_read_is_cut_off(port, server):
    with connect(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        assert server.server_state.connections
        until = time.monotonic() + PATIENCE
        # The client's end does not notice before it has read what the network holds.
        while server.server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not server.server_state.connections


def test_a_client_that_waits_between_requests_is_not_cut_off(port):
    with connect(port) as client:
        for _ in range(2):
            client.sendall(GET)
            assert answer_of(client).startswith(b"HTTP/1.1 200")
            # Longer than a request may take to arrive.
            time.sleep(1.3)
        body = b"a" * 1000
        client.sendall(HEAD)
        client.sendall(body)
        assert answer_of(client).startswith(b"HTTP/1.1 200")


def test_hundreds_of_half_sent_requests_keep_nobody_from_being_answered(port, server):
    clients = []
    for _ in range(200):
        client = connect(port)
        client.sendall(HEAD)
        clients.append(client)
    try:
        assert all(answered(port) for _ in range(10))
        still = [each for each in list(server.server_state.connections) if not each.transport.is_closing()]
        assert len(still) <= 20
    finally:
        for client in clients:
            client.close()
