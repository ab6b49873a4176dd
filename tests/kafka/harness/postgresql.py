"""A PostgreSQL of a test, on loopback, with the programs that Debian's package `postgresql` brings."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.kafka.harness.server import Server
from tests.kafka.harness.workers import patience
from tests.tools import missing
from tocsin_demo.local_kafka.probe import free_port

_USER = "tocsin"

# PostgreSQL refuses to run as root. Every Linux has this user.
_UNPRIVILEGED = "nobody"


class PostgreSQL(Server):
    """A running server. What it stored is deleted at the end."""

    def __init__(self) -> None:
        self._programs = _programs()
        self.port = free_port()
        # Not below the test's folder, which only its owner may enter. Short, for the name of a socket.
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-postgresql-"))
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The URL of its database."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/postgres"

    def _start(self) -> None:
        data, user = self._folder / "data", None
        if os.geteuid() == 0:
            user = _UNPRIVILEGED
            shutil.chown(self._folder, user)
        # What it stores need not outlive a crash of the machine.
        make = [self._programs / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8"]
        subprocess.run(
            [*make, "--locale=C", "--no-sync"],
            user=user,
            extra_groups=[] if user else None,
            cwd=self._folder,
            check=True,
            capture_output=True,
            timeout=60 * patience(),
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", data, "-F"]
                + ["-h", "127.0.0.1", "-p", str(self.port), "-k", self._folder],
                user=user,
                extra_groups=[] if user else None,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60 * patience()
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        with socket.socket() as connection:
            # It listens before it takes connections, and makes those wait.
            return connection.connect_ex(("127.0.0.1", self.port)) == 0

    def _end(self) -> None:
        if self._process is not None:
            # Immediately: its children end with it, and nothing is written.
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20 * patience())
        shutil.rmtree(self._folder)


def _programs() -> Path:
    """The folder with its programs, which Debian keeps off the path. The test is skipped without them."""
    found = shutil.which("initdb")
    # The highest version: /usr/lib/postgresql/15/bin.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    if found is None and not folders:
        missing("needs PostgreSQL: apt-get install postgresql")
    return Path(found).parent if found else folders[-1].parent
