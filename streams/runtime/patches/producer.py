"""What a transactional producer does not tell through its public methods, and cannot be asked to do."""

from aiokafka import AIOKafkaProducer


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
