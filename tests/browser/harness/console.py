"""A console process behind a proxy that says who asks, so that several people can work in one browser."""

import json
import secrets
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from tests.kafka.harness.workers import COMMAND, Worker
from tocsin_demo.local_kafka.probe import free_port

PEOPLE = {
    "desk-1": "lead",
    "desk-2": "lead",
    "legal-1": "legal",
    "desk-3": "desk",
    "liaison-1": "authority_liaison",
    "reader-1": "read_only",
}

_CHILD_SAFETY = ["csam", "csam_synthetic", "grooming"]
_START_SECONDS = 30


class ConsoleProcess:
    """`tocsin console` on a port of its own, which it keeps when it is killed and started again."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._secret = secrets.token_hex(32)
        # JSON is YAML.
        people = folder / "people.yaml"
        people.write_text(json.dumps({"people": [_person(ref, role) for ref, role in PEOPLE.items()]}))
        self._settings = {
            # Most tests look at what is sent.
            "TOCSIN_CONSOLE_HOLD_SECONDS": "0",
            **settings,
            "TOCSIN_CONSOLE_DATABASE": str(self.database),
            "TOCSIN_CONSOLE_PORT": str(port),
            "TOCSIN_CONSOLE_METRICS_PORT": "0",
            "TOCSIN_CONSOLE_ADDRESS": self.address,
            "TOCSIN_CONSOLE_SIGN_IN": "proxy",
            "TOCSIN_CONSOLE_PEOPLE_FILE": str(people),
            "TOCSIN_CONSOLE_PROXY_SECRET": self._secret,
            "TOCSIN_CONSOLE_SESSION_SECRET": secrets.token_hex(32),
            # Pages of its own, because nothing of another host may be asked for.
            "TOCSIN_CONSOLE_MESSAGE_LINK": f"{self.address}/health?channel={{channel}}&message={{message}}",
            "TOCSIN_CONSOLE_CHANNEL_LINK": f"{self.address}/health?channel={{channel}}",
            "TOCSIN_CONSOLE_REQUEST_LINK": f"{self.address}/health?request={{request}}",
        }
        self._process: Worker | None = None

    @property
    def database(self) -> Path:
        """The file of its read model."""
        return self._folder / "console.sqlite"

    def headers(self, ref: str) -> dict[str, str]:
        """What the proxy adds to the requests of a person."""
        return {"X-Forwarded-User": f"{ref}@example.org", "X-Tocsin-Proxy-Secret": self._secret}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = Worker(
            self._folder / f"console-{time.monotonic_ns()}.log", self._settings, (*COMMAND, "console")
        )
        deadline = time.monotonic() + _START_SECONDS
        while "console at http://" not in self._process.text:
            assert self._process.exit_code is None, self._process.tail()
            assert time.monotonic() < deadline, self._process.tail()
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL it, as a machine that fails would."""
        assert self._process is not None
        self._process.signal(signal.SIGKILL)
        self._process.wait(10)

    def terminate(self) -> None:
        """SIGTERM it, and wait until it has ended."""
        assert self._process is not None
        self._process.signal(signal.SIGTERM)
        assert self._process.wait(30) == 0

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process is not None:
            self._process.end()


def _person(ref: str, role: str) -> dict[str, object]:
    return {"subject": f"{ref}@example.org", "ref": ref, "role": role, "child_safety": _CHILD_SAFETY}
