"""An owner must still start after retention has deleted a log that ends in transaction markers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from streams.contract.wire.topics import SourceTopics
from streams.running.errors import RefusedToStart
from streams.running.log.connection import Connection
from streams.running.log.state_log import keep_waiting
from streams.running.log.transaction import write_transaction
from streams.running.log.writer import Writer
from streams.running.partitions.observer import Observer
from streams.running.partitions.outputs import position_record
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.patches.fetched_range import FetchedRange
from tests.kafka.harness.admin import create_and_see


class Counted:
    """The batch of a stage that only counts records."""

    def __init__(self, seen: int) -> None:
        self.outputs = []
        self.changes = {b"Kseen": b"%d" % seen}
        self.finished_records = 1
        self.finished_entries = 0


def counting_stage() -> SimpleNamespace:
    def apply_in_slices(
        state: list[int],
        records: list[object],
        **_: object,
    ) -> Iterator[Counted]:
        state.append(len(records))
        yield Counted(sum(state))

    stage = SimpleNamespace(
        name="count",
        sources=SourceTopics(("in",), "in-internal"),
        state_topic="state",
        restore=lambda _partition, _partitions, entries: [int(value) for _, value in entries],
        apply_in_slices=apply_in_slices,
        tick=lambda _state, _now: None,
        paused_sources=lambda _state: (),
        skipped_below=lambda _state, _topic: 0,
        tripped=lambda _result: {},
    )
    # Its rules never change.
    stage.for_entries = stage.for_state = lambda _: stage
    return stage


async def restored(connection: Connection, writer: Writer) -> PartitionOwner[list[int]]:
    """An owner with the committed state."""
    owner = PartitionOwner(counting_stage(), connection, writer, 0, Observer())
    bounds = await writer.bounds([owner.state_log, *owner.source_logs()])
    end = bounds.ends[owner.state_log]
    async with connection.reader() as consumer:
        await owner.restore(consumer, bounds, end, keep_waiting)
    return owner


async def owner_after(
    bootstrap: str, prefix: str, idle_chore: Callable[[PartitionOwner[list[int]], Writer], Awaitable[None]]
) -> PartitionOwner[list[int]]:
    """Apply one record, run the idle chore, delete the whole log as retention does, and take over again.

    Returns the second owner. Raises RefusedToStart if its position is not in the log.
    """
    connection = Connection(bootstrap)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await create_and_see(
            admin, [NewTopic(prefix + name, 1, 1) for name in ("in", "in-internal", "state")]
        )
        producer = connection.producer(prefix + "publisher")
        await producer.start()
        await write_transaction(producer, {(prefix + "in-internal", 0): [(None, b"x", [])]}, 0)
        await producer.stop()
        writer = Writer(connection, prefix)
        await writer.start()
        first = await restored(connection, writer)
        record = type("Record", (), {"offset": 0, "timestamp": 0, "timestamp_type": 1})
        prepared = await first.apply([(prefix + "in-internal", FetchedRange([record], 0, 1, 0))])
        assert prepared is not None
        await writer.write(prepared.writes)
        first.committed(prepared, 0.0)
        await idle_chore(first, writer)
        await admin.delete_records(
            {TopicPartition(prefix + "in-internal", 0): RecordsToDelete(before_offset=2)}
        )
        try:
            return await restored(connection, writer)
        finally:
            await writer.stop()
    finally:
        await admin.close()


async def nothing(_owner: object, _writer: object) -> None:
    pass


async def step_over_markers(owner: PartitionOwner[list[int]], writer: Writer) -> None:
    position = await owner.past_markers()
    await writer.write({owner.state_log: [position_record(position)]})
    owner.stepped_over_markers(position)


def test_without_the_chore_the_position_lies_before_the_log(kafka: str, prefix: str) -> None:
    with pytest.raises(RefusedToStart, match="offset 1, but the log holds 2 to 2"):
        asyncio.run(owner_after(kafka, prefix, nothing))


def test_the_chore_moves_the_position_over_the_marker(kafka: str, prefix: str) -> None:
    owner = asyncio.run(owner_after(kafka, prefix, step_over_markers))
    assert owner.position[prefix + "in-internal"].next_offset == 2
    assert owner.state == [1]
