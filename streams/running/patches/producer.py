"""aiokafka's transactional producer, with what its public methods do not tell, and requests it lacks."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.codec import lz4_encode, zstd_encode
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.transaction import EndTxnRequest, InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from streams.running.log.log import (
    END,
    TRANSACTION_SECONDS,
    Appended,
    Destination,
    FoundOffset,
    LastTransaction,
    Producer,
    Refused,
    Trouble,
    Write,
)
from streams.running.patches.destination_questions import (
    REFUSALS,
    DestinationQuestions,
    install_noting_handlers,
    refusal,
)
from streams.running.patches.transaction_requests import DescribeTransactions, ListTransactions

# Preparing zstd takes 22 us for each batch, whatever its size: with 48 partitions at 1,000 reports a second,
# where most batches have one or two records, a tenth of a core. At level 1, lz4 takes 3 us for one record of
# 2 KB and 9 for four. aiokafka takes level 9, which takes four times as long to save 6 % of the bytes.
SMALL_BYTES = 8 * 1024
_LZ4_LEVEL = 1

# Of zstd aiokafka takes level 3. Level 2 takes 7.0 instead of 9.8 us for all that is written of a report, to
# 619 instead of 605 bytes; level 1 5.2 us and 791 bytes, which broker and readers would have to move.
_ZSTD_LEVEL = 2

quick_lz4 = partial(lz4_encode, level=_LZ4_LEVEL)
quick_zstd = partial(zstd_encode, level=_ZSTD_LEVEL)

# The isolation of requests for offsets.
READ_UNCOMMITTED, READ_COMMITTED = 0, 1

# How often to look whether logs are added to a transaction, if it has failed meanwhile.
_ADDED_SECONDS = 0.1

# The states of a transaction that is or was; the others have none.
_STATES: Mapping[str, Literal["open", "committed", "aborted"]] = {
    "Ongoing": "open",
    "PrepareCommit": "committed",
    "CompleteCommit": "committed",
    "PrepareAbort": "aborted",
    "PrepareEpochFence": "aborted",
    "CompleteAbort": "aborted",
}

_ID_NOT_FOUND = 105

# The answers to who would end a transaction where none is open, or that somebody else has ended.
_NOTHING_OPEN = (
    kafka_errors.InvalidTxnState,
    kafka_errors.InvalidProducerEpoch,
    kafka_errors.InvalidProducerIdMapping,
    kafka_errors.ProducerFenced,
)


class KafkaProducer(AIOKafkaProducer):  # type: ignore[misc]
    """The Producer of log/log.py."""

    def __init__(self, **options: Any) -> None:
        install_noting_handlers()
        install_quick_codecs()
        super().__init__(**options)
        self.destinations: set[Destination] = set()
        self.destinations_before: set[Destination] = set()
        self.questions = DestinationQuestions(self.client, self._txn_manager, self._sender)
        self.metadata_updates = 0
        self.client.cluster.add_listener(self.metadata_updated)

    def metadata_updated(self, _cluster: object) -> None:
        """Count what the brokers have said about leaders."""
        self.metadata_updates += 1

    async def begin_transaction(self) -> None:
        """Begin a transaction."""
        self.destinations_before, self.destinations = self.destinations, set()
        self.questions.forget_refusals()
        await super().begin_transaction()

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
        self._closed = True
        if self._sender.sender_task is not None:
            self._sender.sender_task.cancel()
        client = self.client
        # Nobody will update its metadata any more, for which requests that fail now would wait for ever.
        client.force_metadata_update = _no_update
        awaited, client._md_update_fut = client._md_update_fut, None
        if awaited is not None and not awaited.done():
            awaited.set_result(False)
        await client.close()

    async def join(self, destinations: Collection[Destination]) -> None:
        """As in log/log.py."""
        manager = self._txn_manager
        self.destinations.update(destinations)
        for each in destinations:
            manager.maybe_add_partition_to_txn(TopicPartition(*each))
        while manager.partitions_to_add() or not manager.is_in_transaction():
            failure = self.failure()
            if failure is not None:
                raise failure
            await self.questions.next_answer(_ADDED_SECONDS)

    async def append(
        self, topic: str, partition: int, rows: Sequence[Write], timestamp_ms: int
    ) -> list[Appended]:
        """As in log/log.py."""
        # Whole batches: AIOKafkaProducer.send costs 5 us per record, a batch 1.3 us.
        deliveries = []
        counts = []
        self.destinations.add((topic, partition))
        try:
            for batch in self.batches(rows, timestamp_ms):
                counts.append(batch.record_count())
                deliveries.append(await self.send_batch(batch, topic, partition=partition))
            # One after the other, as they are sent: mostly there is only one.
            answers = [await delivery for delivery in deliveries]
            return [
                Appended(answer.offset, number, answer.timestamp)
                for answer, number in zip(answers, counts, strict=True)
            ]
        except REFUSALS as error:
            raise Refused(refusal((topic, partition), error, rows)) from error
        finally:
            # After an error some are still open. asyncio would log an exception that is never retrieved.
            for delivery in deliveries:
                delivery.cancel()

    def batches(self, rows: Sequence[Write], timestamp_ms: int) -> Iterator[BatchBuilder]:
        """The rows in full batches; none of them is changed once the next one is asked for."""
        batch = self.new_batch(rows)
        for key, value, headers in rows:
            while batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                yield batch
                batch = self.create_batch()
        if batch.record_count():
            yield batch

    def new_batch(self, rows: Sequence[Write]) -> BatchBuilder:
        """An empty batch, compressed with lz4 instead of zstd if it is for few small records."""
        if not are_small(rows):
            return self.create_batch()
        return BatchBuilder(
            self._message_accumulator._batch_size, DefaultRecordBatch.CODEC_LZ4, is_transactional=True
        )

    async def troubles(
        self, destinations: Collection[Destination], waited: float, *, others_answered: bool
    ) -> list[Trouble]:
        """As in log/log.py."""
        return await self.questions.troubles(
            destinations, self.destinations_before, waited, others_answered=others_answered
        )

    async def visible_troubles(self, destinations: Collection[Destination]) -> list[Trouble]:
        """As in log/log.py."""
        return await self.questions.visible_troubles(destinations)

    async def settle(self, transactional_id: str, empty: "Producer | None" = None) -> bool:
        """As in log/log.py."""
        if isinstance(empty, KafkaProducer) and not await self.commit_empty(transactional_id, empty):
            return False
        if await self.raise_epoch(transactional_id):
            return True
        # Also the answer while an earlier request changes the transaction, which may still be open then.
        node = await self.client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        return (await self.unended_at(node)).get(transactional_id) != "Ongoing"

    async def commit_empty(self, transactional_id: str, empty: "KafkaProducer") -> bool:
        """Commit what another producer has open, if it has. False while the brokers end one before."""
        node = await self.client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        manager = empty._txn_manager
        request = EndTxnRequest(transactional_id, manager.producer_id, manager.producer_epoch, True)
        answer = await self.client.send(node, request, group=ConnectionGroup.COORDINATION)
        error = kafka_errors.for_code(answer.error_code)
        if error is kafka_errors.ConcurrentTransactions:
            return False
        if error is not kafka_errors.NoError and error not in _NOTHING_OPEN:
            raise error
        return True

    def leader_changes(self) -> int:
        """As in log/log.py."""
        # aiokafka asks for metadata whenever a connection is lost, and whenever a broker says that it does
        # not lead a log.
        return -1 if self.client._md_update_fut is not None else self.metadata_updates

    async def last_transaction(self, transactional_id: str) -> LastTransaction | None:
        """As in log/log.py."""
        node = await self.client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        request = DescribeTransactions(transactional_id)
        try:
            answer = await self.client.send(node, request, group=ConnectionGroup.COORDINATION)
        except (kafka_errors.IncompatibleBrokerVersion, NotImplementedError):
            # Before Kafka 3.0.
            return None
        code, _, state, _, began_ms, *_ = answer.transaction_states[0]
        if code == _ID_NOT_FOUND:
            return None
        if code:
            raise kafka_errors.for_code(code)
        return LastTransaction(_STATES[state], began_ms) if state in _STATES else None

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

    async def stable_ends(self, destinations: Collection[Destination]) -> dict[Destination, tuple[int, int]]:
        """As in log/log.py."""
        leader = self.client.cluster.leader_for_partition
        tps = [tp for each in destinations if leader(tp := TopicPartition(*each)) not in (None, -1)]
        times = dict.fromkeys(tps, END)
        try:
            # In this order: what is decided meanwhile is below the end.
            stable = await self.offsets_by_time(times, isolation=READ_COMMITTED)
            ends = await self.offsets_by_time(times)
        except kafka_errors.KafkaError:
            if len(tps) < 2:
                return {}
            half = len(tps) // 2
            return await self.stable_ends(tps[:half]) | await self.stable_ends(tps[half:])
        return {(tp.topic, tp.partition): (stable[tp].offset, ends[tp].offset) for tp in times}

    async def mark(self, destination: Destination, *, commits: bool) -> None:
        """As in log/log.py."""
        await self.partitions_for(destination[0])
        await self.begin_transaction()
        await self.join([destination])
        await (self.commit_transaction() if commits else self.abort_transaction())

    async def open_transactions(self) -> set[str]:
        """The ids with a transaction that holds up readers, of those that this user may see."""
        nodes = [broker.nodeId for broker in self.client.cluster.brokers()]
        return {each for found in await asyncio.gather(*map(self.unended_at, nodes)) for each in found}

    async def unended_at(self, node: int) -> dict[str, str]:
        """The states of the transactions that a coordinator has not ended."""
        answer = await self.client.send(node, ListTransactions())
        error = kafka_errors.for_code(answer.error_code)
        if error is not kafka_errors.NoError:
            raise error
        return {row[0]: row[2] for row in answer.transaction_states}

    async def offsets_by_time(
        self, times: Mapping[TopicPartition, int], *, isolation: int = READ_UNCOMMITTED
    ) -> dict[TopicPartition, FoundOffset]:
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
                self.client.send(leader, OffsetRequest(-1, isolation, list(topics.items())))
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
        # A client that is closed meanwhile would never answer.
        await asyncio.wait([self.client.force_metadata_update()], timeout=1.0)
        if self._closed:
            raise kafka_errors.ProducerClosed


def install_quick_codecs() -> None:
    """Make the producers of this process compress at our levels."""
    # An extension, which looks the functions up whenever it compresses.
    builders: Any = sys.modules[DefaultRecordBatchBuilder.__module__]
    builders.lz4_encode, builders.zstd_encode = quick_lz4, quick_zstd


def _no_update() -> asyncio.Future[bool]:
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    answer.set_result(False)
    return answer


def are_small(rows: Sequence[Write]) -> bool:
    """Whether the values take less than SMALL_BYTES together."""
    total = 0
    for _, value, _ in rows:
        total += len(value or b"")
        if total >= SMALL_BYTES:
            return False
    return True
