"""Asks a broker on loopback whether it is ready, in Kafka's own protocol and without a client library.

An open port is not enough: the broker listens before it is registered, and refuses to create topics until
then. The response to a Metadata request lists the brokers that the controller has admitted. It also names the
cluster, which distinguishes this broker from another program on the same port.
"""

from __future__ import annotations

import random
import socket
import struct

from tocsin_demo.local_kafka.properties import LOOPBACK

_METADATA, _VERSION = 3, 2

# On loopback a ready broker answers in milliseconds; the caller tries again after a timeout.
_TIMEOUT_SECONDS = 2.0

# Below the ranges from which Linux (32768 up) and macOS (49152 up) take the local ports of outgoing
# connections. Within them, a client that keeps trying to reach a killed broker could get the broker's own
# port as its local port and block the restart.
_PORTS = range(20000, 32000)


def ready_cluster(port: int) -> str | None:
    """Return the cluster id if the broker on this loopback port has joined its cluster, otherwise None."""
    # Request header 1: api, version, correlation id, client id; then an empty list of topics.
    client = b"local-kafka"
    request = struct.pack(">hhih", _METADATA, _VERSION, 1, len(client)) + client + struct.pack(">i", 0)
    try:
        with socket.create_connection((LOOPBACK, port), _TIMEOUT_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as stream:
                (size,) = struct.unpack(">i", stream.read(4))
                return _cluster_of(stream.read(size))
    except (OSError, ValueError, struct.error):
        # Nothing listens yet, or another program answers with another protocol.
        return None


def free_port(*, other_than: int | None = None) -> int:
    """Return a loopback port on which nothing listens at the moment, never `other_than`."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311
        if port != other_than and is_free(port):
            return port


def is_free(port: int) -> bool:
    """Return whether a broker can listen on this loopback port at the moment."""
    with socket.socket() as candidate:
        # The broker sets this option too: an earlier broker's closed connections in TIME_WAIT do not block
        # it.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
            candidate.listen()
        except OSError:
            return False
        return True


def _cluster_of(answer: bytes) -> str | None:
    # Metadata response 2: correlation id, brokers (id, host, port, rack), cluster id; the rest is not needed.
    _correlation, brokers = struct.unpack_from(">ii", answer)
    position = 8
    for _ in range(brokers):
        _host, position = _string(answer, position + 4)
        _rack, position = _string(answer, position + 4)
    cluster, _ = _string(answer, position)
    return cluster if brokers > 0 else None


def _string(answer: bytes, position: int) -> tuple[str | None, int]:
    (length,) = struct.unpack_from(">h", answer, position)
    start = position + 2
    if length < 0:
        return None, start
    return answer[start : start + length].decode(), start + length
