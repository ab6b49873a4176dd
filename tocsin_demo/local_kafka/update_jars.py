"""Rewrites `jars.sha256` after a change of version: `python -m tocsin_demo.local_kafka.update_jars`.

It needs the network. Review the difference before you commit it: every machine will run these jars.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tocsin_demo.local_kafka import maven
from tocsin_demo.local_kafka.jars import JAR_LIST, KAFKA_VERSION, sha256_of

# Kafka requires slf4j-api 1.7.36 and has no backend for it; with these two, the broker's warnings and errors
# reach its log file. Version 2.0.20 overrides 1.7.36 because it is listed here.
ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-api:2.0.20",
    "org.slf4j:slf4j-simple:2.0.20",
)


def update(jar_list: Path = JAR_LIST) -> int:
    """Resolve ROOTS with their runtime dependencies, write the list, and return the number of jars.

    Raises LocalKafkaError when jgo is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        jars = maven.resolve(ROOTS, folder)
        hashes = {jar.relative_to(folder).as_posix(): sha256_of(jar) for jar in jars}
    lines = (f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    jar_list.write_text("".join(lines), encoding="utf-8")
    return len(hashes)


if __name__ == "__main__":
    print(f"{update()} jars listed in {JAR_LIST}")
