"""Starts a process that ends with this one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def spawn(
    arguments: list[str], *, folder: Path, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process in `folder` that appends its output to `log`, and return it.

    The process has its own session, so Ctrl-C in the terminal reaches only this process, which then stops the
    other cleanly. If this process is killed, Linux kills the other too; macOS has no such mechanism. Raises
    OSError if it cannot be started.
    """
    started: Future[subprocess.Popen[bytes]] = Future()
    watcher = threading.Thread(
        target=_start_and_watch,
        args=(arguments, folder, log, environment, started),
        name="child-process",
        daemon=True,
    )
    watcher.start()
    return started.result()


def _start_and_watch(
    arguments: list[str],
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    started: Future[subprocess.Popen[bytes]],
) -> None:
    # PR_SET_PDEATHSIG acts when the THREAD that made the process ends. The caller's thread may be short-lived
    # (a pool's, an event loop's executor); this one lives as long as the process or the interpreter.
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  # no shell; the arguments are those of our callers
                arguments,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509  # it makes two system calls
            )
    except BaseException as error:  # noqa: BLE001  # raised in the caller's thread
        started.set_exception(error)
        return
    started.set_result(process)
    process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    # Look everything up before the fork: the child of a process with threads may run almost no code safely.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def after_fork() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # If the parent died before the call above, no signal will come.
        if os.getppid() != parent:
            os._exit(1)

    return after_fork
