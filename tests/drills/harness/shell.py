"""Runs the command lines of a runbook as they are written, in bash, as somebody on call would.

`tocsin` is the real program. `systemctl` and `chronyc` are stand-ins that ask the drill, whose machines have
no systemd and share one clock.
"""

import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.kafka.harness.workers import COMMAND, clean_environment
from tests.runbook_lines import filled

_STAND_IN = """#!{python}
import os, socket, sys
with socket.create_connection(("127.0.0.1", {port})) as manager:
    words = [os.environ["DRILL_MACHINE"], "{name}", *sys.argv[1:]]
    manager.sendall(("\\0".join(words) + "\\n").encode())
    answer = manager.makefile().read()
sys.stdout.write(answer[1:])
sys.exit(int(answer[:1] or 1))
"""


class Shell:
    """The terminal of an operator. `act` does what a stand-in is asked for on a machine, and raises
    ValueError if it cannot.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str], act: Callable[[str, list[str]], None]
    ) -> None:
        self._folder = folder
        self._settings = settings

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                machine, *words = self.rfile.readline().decode().rstrip("\n").split("\0")
                try:
                    act(machine, words)
                except ValueError as error:
                    self.wfile.write(f"1{error}\n".encode())
                else:
                    self.wfile.write(b"0")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        folder.mkdir()
        _write_program(folder / "tocsin", f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
        for name in ("systemctl", "chronyc"):
            port = self._server.server_address[1]
            _write_program(folder / name, _STAND_IN.format(python=sys.executable, port=port, name=name))

    def run(self, line: str, *, machine: str = "", **values: object) -> str:
        """Run a line with its placeholders filled in, on a machine. Returns its output; raises AssertionError
        if it fails.
        """
        typed = filled(line, **values)
        environment = clean_environment(self._settings)
        environment["DRILL_MACHINE"] = machine
        environment["PATH"] = f"{self._folder}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", typed],
            env=environment, cwd=self._folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"
        return done.stdout

    def close(self) -> None:
        """Stop answering the stand-ins."""
        self._server.shutdown()
        self._server.server_close()


def signal_of(option: str) -> signal.Signals:
    """The signal that `--signal=SIGKILL` names."""
    return signal.Signals[option.removeprefix("--signal=")]


def _write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
