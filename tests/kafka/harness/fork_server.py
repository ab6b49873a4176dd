"""Starts programs of ours as forks of a process that has imported what they need: this spares each a second
of processor time.

A fork has its own environment, working folder, arguments and standard streams, and ends as any Python program
does. What it shares with the others of a server are the imports and Python's seed for hashing. A test that is
about a start begins its command with `workers.EXECUTED`.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from streams.registry.loader import load_rules
from tests.parsed_once import read_texts_once

ROOT = Path(__file__).parents[3]

# What most of a worker's or a console's start goes to. A program that changes our modules before they are
# imported gets no more: nothing of streams/running/ and of streams/desk/.
_LIBRARIES = (
    "aiohttp.web", "aiokafka.admin", "click", "faust", "faust.agents.manager", "faust.sensors",
    "faust.transport.drivers.aiokafka", "faust.worker", "jinja2", "msgspec", "orjson", "prometheus_client",
    "pydantic_settings", "python_multipart", "sse_starlette", "starlette.templating", "structlog", "uvicorn",
    "yaml",
    "streams.deciding.reporters.stage", "streams.deciding.reports.stage", "streams.deciding.requests.stage",
    "streams.registry.loader",
)  # fmt: skip
_BIGGEST_REQUEST = 1 << 18


class Forked:
    """A fork, as `subprocess.Popen` would show it. `code` is Python to run; without it, the arguments are of
    `tocsin`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        code: str | None,
        *,
        cwd: Path,
        env: Mapping[str, str],
        streams: tuple[IO[Any], IO[Any], IO[Any]],
    ) -> None:
        self.args = [*arguments]
        self.returncode: int | None = None
        request = {"arguments": self.args, "code": code, "cwd": str(cwd), "env": dict(env)}
        self._status, its = socket.socketpair()
        with its:
            descriptors = [its.fileno(), *(stream.fileno() for stream in streams)]
            socket.send_fds(_server(code is None), [json.dumps(request).encode()], descriptors)
        self.pid = int(self._read())

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired if it still runs after so many seconds."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(int(self._read()))
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read(self) -> bytes:
        line = self._status.recv(20, socket.MSG_WAITALL)
        assert line, "the fork server has ended"
        return line


@cache
def _server(everything: bool) -> socket.socket:
    """The connection to a server, which ends with the process that asks for it."""
    # One message is one request, whichever thread sends it.
    ours, its = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with its:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(its.fileno()), "everything" if everything else "libraries"],
            cwd=ROOT,
            env=kept | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
        )
    atexit.register(process.wait, 10)
    atexit.register(ours.close)
    return ours


def _import(how: str) -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
    # Almost all of them load the shipped rules.
    read_texts_once()
    load_rules()
    if how == "everything":
        import streams

        for module in pkgutil.walk_packages(streams.__path__, "streams."):
            if not module.name.endswith(".__main__"):
                # Some need a package that is not installed, such as the native core.
                with suppress(ModuleNotFoundError):
                    importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _serve(requests: socket.socket) -> dict[str, Any]:
    """Fork for each request. Returns what it was only in the fork."""
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for key, _ in selector.select():
            if key.fd in running:
                pid, status = running.pop(key.fd)
                selector.unregister(key.fd)
                os.close(key.fd)
                with status:
                    # Who waited for it may be gone.
                    status.sendall(b"%20d" % os.waitpid(pid, 0)[1])
                continue
            message, descriptors, _, _ = socket.recv_fds(requests, _BIGGEST_REQUEST, 4)
            if not message:
                sys.exit()
            status = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if not pid:
                selector.close()
                for inherited in (requests, status, *(of for _, of in running.values())):
                    inherited.close()
                for descriptor in running:
                    os.close(descriptor)
                for number, descriptor in enumerate(descriptors[1:]):
                    os.dup2(descriptor, number)
                    os.close(descriptor)
                return json.loads(message)
            for descriptor in descriptors[1:]:
                os.close(descriptor)
            status.sendall(b"%20d" % pid)
            descriptor = os.pidfd_open(pid)
            running[descriptor] = pid, status
            selector.register(descriptor, selectors.EVENT_READ)


def _become(request: Mapping[str, Any]) -> None:
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv = request["arguments"]
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with warnings.catch_warnings(action="ignore"):
        _import(sys.argv[2])
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    _become(request)
    # Not in a function: what it raises and how it ends is left to the interpreter, as in a program that was
    # just started.
    if request["code"] is None:
        from streams.commands.main import main

        main()
    else:
        exec(compile(request["code"], "<string>", "exec"))  # noqa: S102 - what a test wrote
