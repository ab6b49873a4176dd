"""Looks at one address as a Kafka client does, and says what is there instead of a broker."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.metadata import MetadataRequest

from streams.running.log.connection import Connection

# A broker answers in milliseconds, one on another continent in less than a second.
ANSWER_SECONDS = 10.0

# Kafka's request for the versions of requests, which every broker answers before a login: size, api, version,
# correlation id, client id.
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, 0)
_VALID = "host:port of the brokers' listener for clients, often port 9092"

Answer = TypeVar("Answer")


class Broker(NamedTuple):
    """A broker as another one names it to clients."""

    node_id: int
    host: str
    port: int


class Reached(NamedTuple):
    """A broker that lets this user in: the versions of its requests by number, and the brokers it names."""

    requests: Mapping[int, tuple[int, int]]
    brokers: tuple[Broker, ...]


class NotReached(NamedTuple):
    """What is at an address, and what to do about it."""

    found: str
    remedy: str


def addresses(bootstrap: str) -> Iterator[tuple[str, int]]:
    """Host and port of each address in TOCSIN_KAFKA_BOOTSTRAP."""
    for address in bootstrap.split(","):
        host, _, port = address.rpartition(":")
        yield host.strip("[]"), int(port)


async def reach(connection: Connection, host: str, port: int, variable: str) -> Reached | NotReached:
    """Connect, log in and ask one broker for the others. `variable` names what gave the address."""
    options = {
        name: each for name, each in connection.client_options().items() if name != "bootstrap_servers"
    }
    client = None
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            client = await create_conn(host, port, request_timeout_ms=int(1000 * ANSWER_SECONDS), **options)
            # Only who may be here gets an answer to this one.
            cluster = (await client.send(MetadataRequest([]))).to_object()
            versions = await client.send(ApiVersionRequest())
        return Reached(
            {key: (least, most) for key, least, most in versions.api_versions},
            tuple(Broker(each["node_id"], each["host"], each["port"]) for each in cluster["brokers"]),
        )
    except (OSError, EOFError, TimeoutError, KafkaError, ValueError, AssertionError, struct.error) as error:
        found = (
            _of_address(host, port, variable, error) or _of_certificate(error) or _of_login(error, connection)
        )
        if found is None and client is not None:
            # It has told the versions of its requests, which it tells everybody.
            return _of_user(host, port, connection)
        return found or await _of_protocol(connection, host, port, variable)
    finally:
        if client is not None:
            client.close()


def _of_user(host: str, port: int, connection: Connection) -> NotReached:
    """Why a broker that speaks with this client does not tell it of the others."""
    if connection.sasl_mechanism is not None:
        return NotReached(
            f"the broker at {host}:{port} lets this user in, but does not answer",
            "See the broker's log.",
        )
    protocol = "SASL_SSL" if _uses_tls(connection) else "SASL_PLAINTEXT"
    return NotReached(
        f"the broker at {host}:{port} ends the connection of a client that does not log in",
        f"Set TOCSIN_KAFKA_SECURITY_PROTOCOL={protocol} and TOCSIN_KAFKA_SASL_MECHANISM, "
        "TOCSIN_KAFKA_SASL_USERNAME and TOCSIN_KAFKA_SASL_PASSWORD.",
    )


def _uses_tls(connection: Connection) -> bool:
    return connection.security_protocol in ("SSL", "SASL_SSL")


async def _of_protocol(connection: Connection, host: str, port: int, variable: str) -> NotReached:
    """What a port speaks that does not talk to this client."""
    if not await _within(lambda: _accepts(host, port), default=False):
        return NotReached(
            f"{host}:{port} takes no connection within {ANSWER_SECONDS:.0f} seconds",
            f"Let this machine through firewalls and network policies, or correct {variable}: {_VALID}.",
        )
    speaks_tls = await _within(lambda: _shake_hands(host, port), default=False)
    if _uses_tls(connection) and speaks_tls:
        return NotReached(
            f"{host}:{port} speaks TLS, but ends the connection of this client",
            "If the brokers want the client's certificate, set TOCSIN_KAFKA_SSL_CERTIFICATE_FILE and "
            f"TOCSIN_KAFKA_SSL_KEY_FILE; if they are no brokers, correct {variable}: {_VALID}.",
        )
    if speaks_tls:
        return NotReached(
            f"{host}:{port} speaks TLS, and TOCSIN_KAFKA_SECURITY_PROTOCOL is "
            f"{connection.security_protocol}, which does not",
            "Set TOCSIN_KAFKA_SECURITY_PROTOCOL=SSL, or SASL_SSL if the brokers want a login, and "
            "TOCSIN_KAFKA_SSL_CA_FILE if this system does not trust who signed their certificate.",
        )
    first = await _within(lambda: _first_bytes(host, port), b"")
    if _uses_tls(connection) and _is_kafka(first):
        return NotReached(
            f"the broker at {host}:{port} speaks no TLS there",
            "Set TOCSIN_KAFKA_SECURITY_PROTOCOL=PLAINTEXT, or SASL_PLAINTEXT if it wants a login, or correct "
            f"{variable}: its port for TLS is another one.",
        )
    what = "answers in HTTP" if first.startswith(b"HTTP/") else "does not answer in Kafka's protocol"
    return NotReached(f"{host}:{port} {what}", f"Correct {variable}: {_VALID}.")


def _of_address(host: str, port: int, variable: str, error: Exception) -> NotReached | None:
    # The second is of a name that no system could know, such as one with two dots in a row.
    if isinstance(error, socket.gaierror | UnicodeError):
        return NotReached(
            f"the name {host} does not resolve",
            f"Correct {variable}: host:port, with a name or an address that this machine knows.",
        )
    if isinstance(error, ConnectionRefusedError):
        return NotReached(
            f"nothing listens at {host}:{port}",
            f"Start the broker, or correct {variable}: {_VALID}.",
        )
    if isinstance(error, OSError) and not isinstance(error, TimeoutError | ssl.SSLError | ConnectionError):
        return NotReached(
            f"{host}:{port} cannot be reached ({error.strerror or error})",
            f"Correct {variable}, or the network between this machine and the broker.",
        )
    return None


def _of_certificate(error: Exception) -> NotReached | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotReached(
            f"the broker's certificate is not accepted: {error.verify_message}",
            "Set TOCSIN_KAFKA_SSL_CA_FILE to the PEM file of the authority that signed it, or connect by a "
            "name that is in the certificate.",
        )
    if isinstance(error, ssl.SSLError) and "CERTIFICATE" in (error.reason or ""):
        return NotReached(
            f"the broker does not accept this client's certificate ({error.reason})",
            "Set TOCSIN_KAFKA_SSL_CERTIFICATE_FILE and TOCSIN_KAFKA_SSL_KEY_FILE to one that they trust.",
        )
    return None


def _of_login(error: Exception, connection: Connection) -> NotReached | None:
    if isinstance(error, UnsupportedSaslMechanismError):
        return NotReached(
            f"the brokers do not take the SASL mechanism {connection.sasl_mechanism}",
            "Set TOCSIN_KAFKA_SASL_MECHANISM to one that they do: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        )
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError):
        return NotReached(
            "the brokers refuse the login",
            "Correct TOCSIN_KAFKA_SASL_USERNAME and TOCSIN_KAFKA_SASL_PASSWORD; "
            "TOCSIN_KAFKA_SASL_MECHANISM must be the one for which the brokers have this user.",
        )
    if isinstance(error, IllegalSaslStateError):
        return NotReached(
            "the brokers want no login",
            "Set TOCSIN_KAFKA_SECURITY_PROTOCOL to PLAINTEXT, or SSL if it is SASL_SSL now, and unset the "
            "TOCSIN_KAFKA_SASL_ variables.",
        )
    return None


def _is_kafka(first: bytes) -> bool:
    """Whether bytes begin an answer to _API_VERSIONS: its size, and the same correlation id."""
    return len(first) >= len(_API_VERSIONS[:8]) and first[4:8] == b"\x00\x00\x00\x01"


async def _accepts(host: str, port: int) -> bool:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return True


async def _first_bytes(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_API_VERSIONS)
        return await reader.read(16)
    finally:
        writer.close()


async def _shake_hands(host: str, port: int) -> bool:
    # Nothing is sent or believed here: the question is only what this port speaks.
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=anybody)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    writer.close()
    return True


async def _within(look: Callable[[], Awaitable[Answer]], default: Answer) -> Answer:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await look()
    except (OSError, EOFError, TimeoutError):
        return default
