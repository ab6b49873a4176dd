"""What a transactional producer does not tell through its public methods, and cannot be asked to do."""

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

# Preparing zstd takes 33 us for each batch, whatever its size: with 48 partitions at 1,000 reports a second, where most batches
# have one or two records, a seventh of a core. lz4 takes 4 us for one record of 2 KB and as much as zstd for seven.
SMALL_BYTES = 8 * 1024

# The codecs' numbers in record batches.
_LZ4, _ZSTD = 3, 4


def fatal_error(producer: AIOKafkaProducer) -> BaseException | None:
    """The error that made a producer unusable, or None.

    Every later call on such a producer only raises that it is not in a transaction, which hides the reason.
    """
    manager = producer._txn_manager
    # A fatal error ends the transaction with the reason. Before the first transaction there is nothing to
    # end.
    end = manager.wait_for_transaction_end()
    if end is None or not manager.is_fatal_error():
        return None
    failure: BaseException | None = end.exception()
    return failure


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer whose `stop()` was cancelled, without waiting for any broker."""
    # The task that sends first: closing the client fails its requests, and it would log each of them.
    producer._sender.sender_task.cancel()
    await producer.client.close()


def new_batch(producer: AIOKafkaProducer, sizes: Iterable[int]) -> BatchBuilder:
    """An empty batch with the producer's codec, or lz4 instead of zstd if records of these sizes in bytes are few."""
    accumulator = producer._message_accumulator
    if accumulator._compression_type != _ZSTD or not _is_small(sizes):
        return producer.create_batch()
    return BatchBuilder(accumulator._batch_size, _LZ4, is_transactional=True)


def _is_small(sizes: Iterable[int]) -> bool:
    total = 0
    for size in sizes:
        total += size
        if total >= SMALL_BYTES:
            return False
    return True
