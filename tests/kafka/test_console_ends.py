"""A console ends soon after SIGTERM, also while pages are open, and goes on where its file ends."""

import signal
import threading
import time

import httpx
import pytest

from tests.kafka.harness.consoles import HOST, SECRET, Console

PERSON = {"subject": "ada", "ref": "ada", "role": "desk"}
HEADERS = {"Host": HOST, "X-Forwarded-User": "ada", "X-Tocsin-Proxy-Secret": SECRET}


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


def test_sigterm_ends_a_console_with_open_pages_by_itself(console):
    """The pages' streams come to their end: none is cut off when the time for a graceful end is over."""
    opened, ended = threading.Semaphore(0), []

    def look():
        with httpx.stream("GET", f"{console.address}/live", headers=HEADERS, timeout=60) as page:
            opened.release()
            try:
                for _ in page.iter_bytes():
                    pass
                ended.append("by itself")
            except httpx.TransportError as error:
                ended.append(repr(error))

    pages = [threading.Thread(target=look, daemon=True) for _ in range(3)]
    for page in pages:
        page.start()
    assert all(opened.acquire(timeout=30) for _ in pages)
    # A connection that waits for its next request, too.
    with httpx.Client(headers=HEADERS, timeout=30) as idle:
        assert idle.get(f"{console.address}/desk").status_code == 200
        console.process.signal(signal.SIGTERM)
        assert console.process.wait(60) == 0
    for page in pages:
        page.join(30)
    assert ended == ["by itself"] * 3
    assert "Traceback" not in console.process.text
