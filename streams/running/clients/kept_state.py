"""Reads what workers keep of one channel, request or reporter."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from streams.contract.wire.partitioner import home_partition
from streams.running.clients.kafka_reading import committed_records, partition_count
from streams.running.worker.settings import Settings


class KeptState(NamedTuple):
    """The newest values of the wanted keys in partition `partition` of `partitions`, without deleted ones."""

    partition: int
    partitions: int
    entries: Mapping[bytes, bytes]


async def state_of(settings: Settings, topic: str, ref: bytes, wanted: Callable[[bytes], bool]) -> KeptState:
    """Read the committed state records with a wanted key in the home partition of what `ref` names.

    `topic` is a state topic, without prefix.
    """
    name = settings.topic_prefix + topic
    partitions = await partition_count(settings.connection(), name)
    partition = home_partition(ref, partitions)
    entries: dict[bytes, bytes | None] = {}
    async for record in committed_records(settings.connection(), name, partition=partition):
        if wanted(record.key):
            entries[record.key] = record.value
    kept = {key: value for key, value in entries.items() if value is not None}
    return KeptState(partition, partitions, kept)
