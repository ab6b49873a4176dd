"""Writes records to any topics in one Kafka transaction: all or none."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, ProducerFenced

from streams.runtime.append_times import clock_difference
from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost
from streams.runtime.patches.producer import abandon, fatal_error, new_batch
from streams.runtime.wall_clock import clock_ms

# How long a transaction may last, for the worker and for the broker. Long enough for a broker to restart
# (about 5 s). Short enough that read_committed readers, which wait for the oldest open transaction, do not
# wait for a minute when a worker dies during a transaction.
TRANSACTION_SECONDS = 20

# How long a producer may take to stop. It waits for the responses to its requests, which take milliseconds if
# the broker answers at all.
STOPPING_SECONDS = 2.0

# How long to try to abort a transaction that failed, so that read_committed readers need not wait until another worker
# fences this one.
ABORTING_SECONDS = 1.0

# Bytes of one record batch. A topic limits its batches by max.message.bytes, 1 MiB by default. Half of it
# leaves room for headers and is still large enough to amortise the request. Bytes before compression, which adds at
# most a few hundred (see outputs.py).
BATCH_BYTES = 512 * 1024

# The largest record that we write is a state of 8 MiB (see schemas/topics/channel-state.yaml), plus key and
# headers.
MAX_REQUEST_BYTES = 9 * 1024 * 1024

# The errors of a broker that knows a newer producer with the same transactional id.
FENCED = (ProducerFenced, InvalidProducerEpoch)

Destination = tuple[str, int]
Write = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


def transactional_producer(connection: Connection, transactional_id: str) -> AIOKafkaProducer:
    """A producer whose `start()` fences older producers with the same id and aborts the transaction they left open."""
    return AIOKafkaProducer(
        **connection.client_options(),
        transactional_id=transactional_id,
        transaction_timeout_ms=TRANSACTION_SECONDS * 1000,
        request_timeout_ms=TRANSACTION_SECONDS * 1000,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
        compression_type=None if connection.compression == "none" else connection.compression,
        acks="all",
        linger_ms=0,
    )


async def write_transaction(
    producer: AIOKafkaProducer, writes: Mapping[Destination, Sequence[Write]], timestamp_ms: int
) -> int:
    """Write all records and commit. The records of one destination keep their order.

    `timestamp_ms` is this machine's clock. Returns by how many ms the broker whose clock differs most is ahead of it
    (see clock_difference).

    Raises OwnershipLost when no commit was confirmed within TRANSACTION_SECONDS, whatever the reason. The
    broker may have committed all the same, so the caller must discard its state.
    """
    try:
        async with asyncio.timeout(TRANSACTION_SECONDS):
            await producer.begin_transaction()
            differences = await asyncio.gather(
                *(_send(producer, topic, n, rows, timestamp_ms) for (topic, n), rows in writes.items())
            )
            await producer.commit_transaction()
            return max(differences, key=abs, default=0)
    except (KafkaError, IllegalOperation, AssertionError, TimeoutError) as error:
        reason = fatal_error(producer) or error
        fenced = isinstance(reason, FENCED)
        if not fenced:
            await _try_to_abort(producer)
        raise OwnershipLost(
            f"transaction did not commit: {type(reason).__name__} {reason}", fenced=fenced
        ) from error


async def _try_to_abort(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, IllegalOperation, AssertionError, AttributeError, TimeoutError):
        async with asyncio.timeout(ABORTING_SECONDS):
            await producer.abort_transaction()


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop a producer, even if no broker answers. The next owner aborts a transaction that is left open."""
    try:
        async with asyncio.timeout(STOPPING_SECONDS):
            await producer.stop()
    except TimeoutError:
        await abandon(producer)


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: Sequence[Write], timestamp_ms: int
) -> int:
    # Whole batches: AIOKafkaProducer.send costs 5 us per record, a batch 1.3 us.
    deliveries = []
    try:
        batch = new_batch(producer, (len(value or b"") for _, value, _ in rows))
        for key, value, headers in rows:
            while batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                deliveries.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
        if batch.record_count():
            deliveries.append(await producer.send_batch(batch, topic, partition=partition))
        # A topic without append times answers -1.
        answers = [answer.timestamp for answer in await asyncio.gather(*deliveries)]
        now_ms = clock_ms()
        differences = [
            clock_difference(appended, timestamp_ms, now_ms) for appended in answers if appended > 0
        ]
        return max(differences, key=abs, default=0)
    finally:
        # After an error some are still open. asyncio would log an exception that is never retrieved.
        for delivery in deliveries:
            delivery.cancel()
