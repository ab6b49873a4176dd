"""Broker addresses, TLS and SASL for all Kafka clients, and the runtime's readers and producers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from faust.types.auth import CredentialsT

from streams.running.log.log import TRANSACTION_SECONDS, Isolation
from streams.running.patches.producer import KafkaProducer

# Bytes per fetch while restoring: few round trips, and more than the largest state record.
RESTORE_FETCH_BYTES = 16 * 1024 * 1024

# Bytes of one record batch. A topic limits its batches by max.message.bytes, 1 MiB by default. Half of it
# leaves room for headers and is still large enough to amortise the request. Bytes before compression, which
# adds at most a few hundred (see partitions/outputs.py).
BATCH_BYTES = 512 * 1024

# The largest record that we write is a state of 8 MiB (see schemas/topics/channel-state.yaml), plus key and
# headers.
MAX_REQUEST_BYTES = 9 * 1024 * 1024

# aiokafka's own choice.
_LOOK_MS = 200


@dataclass(frozen=True, slots=True)
class Connection:
    """The brokers' Log: addresses and credentials.

    `security_protocol` is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. `producers` are what `producer` makes.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    ssl_context: ssl.SSLContext | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    producers: type[KafkaProducer] = KafkaProducer

    def client_options(self) -> Mapping[str, Any]:
        """Keyword arguments for any aiokafka client."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.ssl_context is not None:
            options["ssl_context"] = self.ssl_context
        if self.sasl_mechanism is not None:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return options

    @asynccontextmanager
    async def reader(
        self, isolation_level: Isolation = "read_committed", wait_ms: int = 10
    ) -> AsyncIterator[AIOKafkaConsumer]:
        """A started consumer for reading state and positions, stopped at the end. It belongs to no group."""
        consumer = AIOKafkaConsumer(
            **self.client_options(),
            isolation_level=isolation_level,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=RESTORE_FETCH_BYTES,
            fetch_max_bytes=4 * RESTORE_FETCH_BYTES,
            # A broker answers the requests of a connection one at a time: by default a fetch at the end of
            # the log would delay each request after it by half a second.
            fetch_max_wait_ms=wait_ms,
            # How often aiokafka looks for something to do besides.
            consumer_timeout_ms=max(wait_ms, _LOOK_MS),
        )
        try:
            # Also a start that a rebalance cancels has connections to close.
            await consumer.start()
            # aiokafka's stop cancels its tasks and awaits them. One that has not had a turn yet would pass
            # the cancellation on to us.
            await asyncio.sleep(0)
            yield consumer
        finally:
            await consumer.stop()

    def producer(self, transactional_id: str) -> KafkaProducer:
        """A producer whose `start()` fences older ones with the same id and aborts their transaction."""
        return self.producers(
            **self.client_options(),
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_SECONDS * 1000,
            request_timeout_ms=TRANSACTION_SECONDS * 1000,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            # Takes the least disk by far, and less CPU than writing without: fewer bytes are checksummed and
            # sent. docs/performance-design.md has the figures.
            compression_type="zstd",
            acks="all",
            linger_ms=0,
        )

    def faust_broker(self) -> list[str]:
        """Broker addresses in the form of Faust's setting `broker`."""
        return [f"kafka://{address.strip()}" for address in self.bootstrap_servers.split(",")]

    def faust_credentials(self) -> CredentialsT | None:
        """The credentials for Faust's setting `broker_credentials`; None for PLAINTEXT."""
        if self.sasl_mechanism is not None:
            return faust.SASLCredentials(
                username=self.sasl_username,
                password=self.sasl_password,
                mechanism=self.sasl_mechanism,
                ssl_context=self.ssl_context,
            )
        if self.ssl_context is not None:
            return faust.SSLCredentials(context=self.ssl_context)
        return None
