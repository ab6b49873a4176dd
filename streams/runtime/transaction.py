"""One Kafka transaction: records of any topics, all or none."""

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, ProducerFenced

from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost

# How long a transaction may live, for us and for the broker alike. Long enough for a broker to restart (Kafka takes
# about 5 s), short enough that read_committed readers, who wait for the oldest open transaction, are not held up for
# a minute when a worker dies in mid-batch.
TRANSACTION_SECONDS = 20

# How long a producer may take to stop. It waits for the answers to what it sent: milliseconds, if there are any.
STOPPING_SECONDS = 2.0

# Bytes of one record batch. The broker's limit per batch is a topic's max.message.bytes, 1 MiB by default; half of it
# leaves room for headers and amortises the request well.
BATCH_BYTES = 512 * 1024

# The largest record of ours is a state of 8 MiB (see schemas/topics/channel-state.yaml), plus its key and headers.
MAX_REQUEST_BYTES = 9 * 1024 * 1024

# How the broker says that the transactional id belongs to a newer producer.
FENCED = (ProducerFenced, InvalidProducerEpoch)

Destination = tuple[str, int]
Write = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


def transactional_producer(connection: Connection, transactional_id: str) -> AIOKafkaProducer:
    """A producer whose `start()` fences every older producer of the same id and aborts what it left open."""
    return AIOKafkaProducer(
        **connection.client_options(),
        transactional_id=transactional_id,
        transaction_timeout_ms=TRANSACTION_SECONDS * 1000,
        request_timeout_ms=TRANSACTION_SECONDS * 1000,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
        acks="all",
        linger_ms=0,
    )


async def write_transaction(
    producer: AIOKafkaProducer, writes: Mapping[Destination, Iterable[Write]], timestamp_ms: int
) -> None:
    """Write everything and commit. Records of one destination keep their order.

    Raises OwnershipLost when the transaction did not commit in its time, whatever the reason: the caller cannot know
    then whether the broker committed, so it must drop its state.
    """
    try:
        async with asyncio.timeout(TRANSACTION_SECONDS):
            await producer.begin_transaction()
            await asyncio.gather(
                *(_send(producer, topic, n, rows, timestamp_ms) for (topic, n), rows in writes.items())
            )
            await producer.commit_transaction()
    except (KafkaError, IllegalOperation, AssertionError, TimeoutError) as error:
        reason = _failure_of(producer) or error
        raise OwnershipLost(
            f"transaction did not commit: {type(reason).__name__} {reason}", fenced=isinstance(reason, FENCED)
        ) from error


def _failure_of(producer: AIOKafkaProducer) -> BaseException | None:
    """What a producer failed of for good, if it did: who uses it then is told that it is not in a transaction."""
    manager = producer._txn_manager  # noqa: SLF001
    # The end of its transaction fails then with the reason; before the first transaction there is none.
    end = manager.wait_for_transaction_end()
    if end is None or not manager.is_fatal_error():
        return None
    failure: BaseException | None = end.exception()
    return failure


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop it, also when no broker answers. A transaction left open is the next owner's to abort."""
    try:
        async with asyncio.timeout(STOPPING_SECONDS):
            await producer.stop()
    except TimeoutError:
        producer._sender.sender_task.cancel()  # noqa: SLF001
        await producer.client.close()


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: Iterable[Write], timestamp_ms: int
) -> None:
    # Whole batches: AIOKafkaProducer.send costs 5 us a record, a batch 1.3 us.
    deliveries = []
    try:
        batch = producer.create_batch()
        for key, value, headers in rows:
            while batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                deliveries.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
        if batch.record_count():
            deliveries.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*deliveries)
    finally:
        # Of those that are still open nobody asks any more how they ended, and asyncio would log that.
        for delivery in deliveries:
            delivery.cancel()
