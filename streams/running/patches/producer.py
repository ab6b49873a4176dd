"""aiokafka's transactional producer, with what its public methods do not tell, and requests it lacks."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from streams.running.log.log import TRANSACTION_SECONDS, Appended, FoundOffset, Write

# Preparing zstd takes 33 us for each batch, whatever its size: with 48 partitions at 1,000 reports a second,
# where most batches have one or two records, a seventh of a core. lz4 takes 4 us for one record of 2 KB and
# as much as zstd for seven.
SMALL_BYTES = 8 * 1024

# The codec's number in record batches.
_LZ4 = 3

_READ_UNCOMMITTED = 0

# All states in which a transaction keeps readers waiting.
_OPEN = ["Ongoing", "PrepareCommit", "PrepareAbort"]


class KafkaProducer(AIOKafkaProducer):  # type: ignore[misc]
    """The Producer of log/log.py."""

    def failure(self) -> BaseException | None:
        """The error that made this producer unusable, or None.

        Every later call on such a producer only raises that it is not in a transaction, which hides the
        reason.
        """
        manager = self._txn_manager
        # A fatal error ends the transaction with the reason. Before the first transaction there is nothing to
        # end.
        end = manager.wait_for_transaction_end()
        if end is None or not manager.is_fatal_error():
            return None
        failure: BaseException | None = end.exception()
        return failure

    async def abandon(self) -> None:
        """Close without waiting for any broker, also when `stop()` was cancelled."""
        # The task that sends first: closing the client fails its requests, and it would log each of them.
        self._sender.sender_task.cancel()
        await self.client.close()

    async def append(
        self, topic: str, partition: int, rows: Sequence[Write], timestamp_ms: int
    ) -> list[Appended]:
        """As in log/log.py."""
        # Whole batches: AIOKafkaProducer.send costs 5 us per record, a batch 1.3 us.
        deliveries = []
        counts = []
        try:
            batch = self.new_batch(len(value or b"") for _, value, _ in rows)
            for key, value, headers in rows:
                while batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                    counts.append(batch.record_count())
                    deliveries.append(await self.send_batch(batch, topic, partition=partition))
                    batch = self.create_batch()
            if batch.record_count():
                counts.append(batch.record_count())
                deliveries.append(await self.send_batch(batch, topic, partition=partition))
            answers = await asyncio.gather(*deliveries)
            return [
                Appended(answer.offset, number, answer.timestamp)
                for answer, number in zip(answers, counts, strict=True)
            ]
        finally:
            # After an error some are still open. asyncio would log an exception that is never retrieved.
            for delivery in deliveries:
                delivery.cancel()

    def new_batch(self, sizes: Iterable[int]) -> BatchBuilder:
        """An empty batch, compressed with lz4 instead of zstd if it is for few small records."""
        if not _is_small(sizes):
            return self.create_batch()
        return BatchBuilder(self._message_accumulator._batch_size, _LZ4, is_transactional=True)

    async def raise_epoch(self, transactional_id: str) -> bool:
        """Fence the producers with an id.

        False while the brokers still end its transaction: then ask again.
        """
        node = await self.client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        request = InitProducerIdRequest(
            transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_SECONDS * 1000
        )
        answer = await self.client.send(node, request, group=ConnectionGroup.COORDINATION)
        error = kafka_errors.for_code(answer.error_code)
        if error is kafka_errors.ConcurrentTransactions:
            return False
        if error is not kafka_errors.NoError:
            raise error
        return True

    async def open_transactions(self) -> set[str]:
        """The ids with a transaction that holds up readers, of those that this user may see."""

        async def open_at(node: int) -> list[str]:
            answer = await self.client.send(node, ListTransactions())
            error = kafka_errors.for_code(answer.error_code)
            if error is not kafka_errors.NoError:
                raise error
            return [row[0] for row in answer.transaction_states]

        nodes = [broker.nodeId for broker in self.client.cluster.brokers()]
        return {each for found in await asyncio.gather(*map(open_at, nodes)) for each in found}

    async def offsets_by_time(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, FoundOffset]:
        """As in log/log.py.

        One request per broker, whatever the number of logs. The client must know the topics.
        """
        by_leader: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for tp, at in times.items():
            leader = self.client.cluster.leader_for_partition(tp)
            if leader is None or leader == -1:
                raise kafka_errors.LeaderNotAvailableError(f"{tp.topic} partition {tp.partition}")
            by_leader[leader][tp.topic].append((tp.partition, at))
        answers = await asyncio.gather(
            *(
                self.client.send(leader, OffsetRequest(-1, _READ_UNCOMMITTED, list(topics.items())))
                for leader, topics in by_leader.items()
            )
        )
        found: dict[TopicPartition, FoundOffset] = {}
        for answer in answers:
            for topic, partitions in answer.topics:
                for partition, code, timestamp, offset in partitions:
                    if code:
                        raise kafka_errors.for_code(code)(f"{topic} partition {partition}")
                    found[TopicPartition(topic, partition)] = FoundOffset(offset, timestamp)
        return found

    async def update_metadata(self) -> None:
        """Ask the brokers who leads what."""
        await self.client.force_metadata_update()


def _is_small(sizes: Iterable[int]) -> bool:
    total = 0
    for size in sizes:
        total += size
        if total >= SMALL_BYTES:
            return False
    return True


class _Answer(Response):  # type: ignore[misc]
    API_KEY = 66
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("unknown_state_filters", CompactArray(CompactString("utf-8"))),
        (
            "transaction_states",
            CompactArray(
                ("transactional_id", CompactString("utf-8")),
                ("producer_id", Int64),
                ("transaction_state", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):  # type: ignore[misc]
    API_KEY = 66
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("state_filters", CompactArray(CompactString("utf-8"))),
        ("producer_id_filters", CompactArray(Int64)),
        ("tags", TaggedFields),
    )


class ListTransactions(Request[_Question]):  # type: ignore[misc]
    """Kafka's request for the open transactions of one coordinator (KIP-664), which aiokafka does not have.

    The brokers leave out transactional ids that this user may not describe.
    """

    API_KEY = 66

    def build(self, request_struct_class: type[_Question]) -> _Question:
        """Return the request in a version that the broker knows."""
        return request_struct_class(_OPEN, [], {})
