"""Consoles as operators run them behind a proxy, with a supervisor that starts again what was killed."""

import itertools
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import orjson

from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.workers import COMMAND, Worker

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of this test alone
HOST = "desk.test"
CONSOLE = (*COMMAND, "console")

# When a console kills itself. unread: the act is written, and nobody knows yet whether it counts. decided: it
# counts, and nothing that follows is written. between: the outcomes of clocks are written, and the decision's
# own is not. unanswered: everything is written, and the person who did it does not know.
Moment = Literal["unread", "decided", "between", "unanswered"]

_KILLED = """
import os, signal, sys
from streams.commands.main import main
from streams.desk.console import missing_outcomes, publisher
left = {occasions}
def die():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
{change}
sys.argv = ["tocsin", "console"]
main()
"""

_CHANGES: dict[Moment, str] = {
    "unread": """
write = publisher.Publisher.write
async def dying(self, event):
    if event.topic == "case-activity":
        await self._producer.send_and_wait(self._prefix + event.topic, event.value, event.key, headers=event.headers)
        die()
    await write(self, event)
publisher.Publisher.write = dying
""",
    "decided": """
follow_up = publisher.Publisher._follow_up
async def dying(self, key):
    die()
    return await follow_up(self, key)
publisher.Publisher._follow_up = dying
""",
    "between": """
write, before = publisher.Publisher.write, [""]
async def dying(self, event):
    if (before[0], event.topic) == ("clock-outcomes", "moderation-outcomes"):
        die()
    before[0] = event.topic
    await write(self, event)
publisher.Publisher.write = dying
""",
    "unanswered": """
act = publisher.Publisher.act
async def dying(self, activity):
    verdict = await act(self, activity)
    die()
    return verdict
publisher.Publisher.act = dying
""",
}


def killed_at(moment: Moment, occasions: int) -> tuple[str, ...]:
    """The command of a console that kills itself at that moment, the so manieth time that it comes."""
    return COMMAND[0], "-c", _KILLED.format(change=_CHANGES[moment], occasions=occasions)


class Console:
    """One console on a port of its own, that is started again there."""

    def __init__(
        self, deployment: Deployment, folder: Path, name: str, people: Sequence[dict[str, object]]
    ) -> None:
        self.port, self.database = _free_port(), folder / f"{name}.sqlite"
        file = folder / "people.yaml"
        file.write_bytes(orjson.dumps({"people": people}))
        self._settings = deployment.settings | {
            "TOCSIN_CONSOLE_PORT": str(self.port),
            "TOCSIN_CONSOLE_METRICS_PORT": "0",
            "TOCSIN_CONSOLE_HOLD_SECONDS": "0",
            "TOCSIN_CONSOLE_DATABASE": str(self.database),
            "TOCSIN_CONSOLE_SIGN_IN": "proxy",
            "TOCSIN_CONSOLE_PROXY_SECRET": SECRET,
            "TOCSIN_CONSOLE_SESSION_SECRET": SECRET,
            "TOCSIN_CONSOLE_ADDRESS": f"https://{HOST}",
            "TOCSIN_CONSOLE_PEOPLE_FILE": str(file),
        }
        self._folder, self._name = folder, name
        self._numbers = itertools.count()
        self._by_test = False
        self.process = self._start(CONSOLE)

    @property
    def address(self) -> str:
        """Where it serves, now or after its next start."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def serves(self) -> bool:
        """Whether pages can be asked for."""
        return self.process.exit_code is None and "console at" in self.process.text

    def tend(self, command: Sequence[str] = CONSOLE) -> bool:
        """Start it again, with this command, if it has ended; return whether it had killed itself."""
        if self.process.exit_code is None:
            return False
        assert self.process.exit_code == -signal.SIGKILL, self.process.tail()
        itself, self._by_test = not self._by_test, False
        self.process = self._start(command)
        return itself

    def kill(self) -> None:
        """SIGKILL."""
        self._by_test = True
        self.process.signal(signal.SIGKILL)
        self.process.wait(10)

    def _start(self, command: Sequence[str]) -> Worker:
        return Worker(self._folder / f"{self._name}-{next(self._numbers)}.log", self._settings, command)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
