"""A console ends soon after SIGTERM, also while pages are open, and goes on where its file ends."""

import signal
import threading
import time

import httpx
import pytest

from tests.kafka.harness.consoles import HOST, SECRET, Console

PERSON = {"subject": "ada", "ref": "ada", "role": "desk"}
HEADERS = {"Host": HOST, "X-Forwarded-User": "ada", "X-Tocsin-Proxy-Secret": SECRET}
# Acts get two of them to be answered; open pages need not wait for that.
SECONDS = 2


@pytest.fixture
def console(deploy, tmp_path):
    console = Console(deploy(partitions=1), tmp_path, "console", [PERSON])
    until(lambda: console.serves, console)
    yield console
    console.process.end()


def until(condition, console):
    for _ in range(600):
        if condition():
            return
        assert console.process.exit_code is None, console.process.tail()
        time.sleep(0.05)
    raise AssertionError(console.process.tail())


def test_sigterm_ends_a_console_with_open_pages_in_time(console):
    opened, closed = threading.Event(), threading.Event()

    def look():
        with httpx.stream("GET", f"{console.address}/live", headers=HEADERS, timeout=30) as page:
            opened.set()
            try:
                for _ in page.iter_bytes():
                    pass
            except httpx.TransportError:
                pass
        closed.set()

    pages = [threading.Thread(target=look, daemon=True) for _ in range(3)]
    for page in pages:
        page.start()
    assert opened.wait(10)
    # A connection that waits for its next request, too.
    with httpx.Client(headers=HEADERS) as idle:
        assert idle.get(f"{console.address}/desk").status_code == 200
        began = time.monotonic()
        console.process.signal(signal.SIGTERM)
        assert console.process.wait(30) == 0
        took = time.monotonic() - began
    assert closed.wait(5)
    print(f"measured: ended after {took:.2f} s")
    assert took < SECONDS
    assert "Traceback" not in console.process.text
