"""Rewrites `jars.sha256` after a change of Kafka's version: `python -m tests.bench.peers.update_jars`.

It needs the network. Review the difference before you commit it.
"""

import tempfile
from pathlib import Path, PurePosixPath

from tests.bench.peers.programs import JAR_LIST
from tocsin_demo.local_kafka import jars, maven


def artifact(name: str) -> PurePosixPath:
    """Group and artifact of a jar, from its path in the Maven layout."""
    return PurePosixPath(name).parents[1]


def main() -> None:
    """List Kafka Streams and what it needs besides the jars of the broker."""
    of_broker = {artifact(name) for name in jars.read_list()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        resolved = maven.resolve([f"org.apache.kafka:kafka-streams:{jars.KAFKA_VERSION}"], folder)
        hashes = {jar.relative_to(folder).as_posix(): jars.sha256_of(jar) for jar in resolved}
    own = sorted((name, digest) for name, digest in hashes.items() if artifact(name) not in of_broker)
    JAR_LIST.write_text("".join(f"{digest}  {name}\n" for name, digest in own), encoding="utf-8")


if __name__ == "__main__":
    main()
