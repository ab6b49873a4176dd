"""The broker's `server.properties`: one node that is broker and controller, on loopback only."""

from __future__ import annotations

import re
from pathlib import Path

LOOPBACK = "127.0.0.1"

# The largest record that a topic may allow, as in a production cluster with generous limits.
_MAX_MESSAGE_BYTES = 20 * 1024 * 1024


def render(*, data: Path, port: int, controller_port: int, synced: bool = False) -> str:
    """Return the text of server.properties for a broker that keeps its records in `data`.

    With `synced` a record is on the disk before it is confirmed.
    """
    listener = f"PLAINTEXT://{LOOPBACK}:{port}"
    settings = _node(data, controller_port) | {
        "process.roles": "broker,controller",
        "listeners": f"{listener},{_controller(controller_port)}",
        "advertised.listeners": listener,
        "inter.broker.listener.name": "PLAINTEXT",
        # Topics are declared in schemas/topics; a mistyped name should be an error here too.
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "message.max.bytes": _MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": _MAX_MESSAGE_BYTES,
        # There is only one node.
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # The default of 50 partitions each is for clusters; four load quickly.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.num.partitions": 4,
        # Do not delay the first rebalance for more members.
        "group.initial.rebalance.delay.ms": 0,
        # What Kafka sets by default, so that tests and the demo meet what most deployments meet.
        "group.min.session.timeout.ms": 6000,
        # Abort an expired transaction within one second (default: ten), for tests of a dead producer. The
        # timeout itself is still set by the producer, up to the default maximum.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        # Compact within the time of a test. The default buffer of 128 MB would be half of this broker's heap.
        "log.cleaner.backoff.ms": 500,
        "log.cleaner.dedupe.buffer.size": 2 * 1024 * 1024,
        # Each log has two indexes, mapped into memory. With Linux 6.18 on ext4 the first entry of a new one
        # takes 3 to 36 ms of CPU at Kafka's 10 MiB and .1 ms at 128 KiB, and 48 partitions have a thousand of
        # them. A segment has 4 KiB per entry, so none gets larger than 43 MiB.
        "log.index.size.max.bytes": 128 * 1024,
        # A few clients on the same few cores make up the load.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 1,
    }
    if synced:
        # Kafka leaves this to the operating system, because elsewhere other brokers have the record too.
        settings["log.flush.interval.messages"] = 1
    return _text(settings)


def render_controller(*, data: Path, controller_port: int) -> str:
    """Return the properties for running only that broker's controller, with a short broker session."""
    return _text(
        _node(data, controller_port)
        | {
            "process.roles": "controller",
            "listeners": _controller(controller_port),
            # No broker runs that could send heartbeats, so there is nothing to wait for (default: 9 s).
            "broker.session.timeout.ms": 300,
            "broker.heartbeat.interval.ms": 100,
        }
    )


def ports_in(text: str) -> tuple[int, int] | None:
    """Return the ports (broker, controller) in a rendered server.properties, None if it has none."""
    found = re.search(r"^listeners=PLAINTEXT://[^:]+:(\d+),CONTROLLER://[^:]+:(\d+)$", text, re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else None


def _node(data: Path, controller_port: int) -> dict[str, str | int]:
    return {
        "node.id": 1,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{controller_port}",
        "log.dirs": str(data),
    }


def _controller(port: int) -> str:
    return f"CONTROLLER://{LOOPBACK}:{port}"


def _text(settings: dict[str, str | int]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())
