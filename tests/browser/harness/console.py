"""A console process whose people are said by a header, so that several can work in one browser."""

import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.kafka.harness.workers import Worker

PERSON_HEADER = "X-Test-Person"

_START_SECONDS = 30

# Sign-in is another room's, and has tests of its own.
_COMMAND = (
    sys.executable,
    "-c",
    f"""
import sys
from dataclasses import replace
from streams.commands.main import main
from streams.console.web import sign_in

class HeaderSignIn(sign_in.LocalSignIn):
    async def __call__(self, scope, receive, send):
        refs = [value.decode() for name, value in scope.get("headers", ()) if name == b"{PERSON_HEADER.lower()}"]
        if refs:
            scope.setdefault("state", {{}})["person"] = replace(self._person, ref=refs[0])
            await self._app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

from streams.console.web import app
app.LocalSignIn = HeaderSignIn
sys.argv = ["tocsin", "console"]
main()
""",
)


class ConsoleProcess:
    """`tocsin console` on a port of its own, which it keeps when it is killed and started again."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = {
            **settings,
            "TOCSIN_CONSOLE_DATABASE": str(folder / "console.sqlite"),
            "TOCSIN_CONSOLE_PORT": "0",
        }
        self._process: Worker | None = None
        self.address = ""

    @property
    def database(self) -> Path:
        """The file of its read model."""
        return self._folder / "console.sqlite"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = Worker(self._folder / f"console-{time.monotonic_ns()}.log", self._settings, _COMMAND)
        deadline = time.monotonic() + _START_SECONDS
        while not (said := re.search(r"console at (http://\S+)", self._process.text)):
            assert self._process.exit_code is None, self._process.tail()
            assert time.monotonic() < deadline, self._process.tail()
            time.sleep(0.05)
        self.address = said[1]
        self._settings["TOCSIN_CONSOLE_PORT"] = self.address.rpartition(":")[2]

    def kill(self) -> None:
        """SIGKILL it, as a machine that fails would."""
        assert self._process is not None
        self._process.signal(signal.SIGKILL)
        self._process.wait(10)

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process is not None:
            self._process.end()
