"""Reads how far the sources of a stage's partitions are applied, without reading the state."""

from collections.abc import Collection

from aiokafka import TopicPartition

from streams.running.clients.kafka_reading import partition_reader
from streams.running.log.connection import Connection
from streams.running.log.position import POSITION_KEY

# Every transaction that applies records writes the position, so it is near the end of the log. If it is
# further away, because corrections or a restore were written after it, more is read each time.
_FIRST_STEP = 500
_WIDER = 8


async def kept_positions(connection: Connection, topic: str, partitions: Collection[int]) -> dict[int, bytes]:
    """The newest committed position, still encoded, of each partition of a state topic that has one.

    `topic` is the name with prefix; the partitions must have leaders. Raises KafkaError.
    """
    places = [TopicPartition(topic, number) for number in partitions]
    found: dict[int, bytes] = {}
    async with partition_reader(connection, places) as consumer:
        begins = await consumer.beginning_offsets(places)
        until = await consumer.end_offsets(places)
        left, step = [place for place in places if until[place] > begins[place]], _FIRST_STEP
        while left:
            starts = {place: max(begins[place], until[place] - step) for place in left}
            for place, start in starts.items():
                consumer.seek(place, start)
            reading = left
            while reading:
                for place, records in (await consumer.getmany(*reading, timeout_ms=200)).items():
                    for record in records:
                        if record.key == POSITION_KEY and record.offset < until[place] and record.value:
                            found[place.partition] = record.value
                reading = [each for each in reading if await consumer.position(each) < until[each]]
            left = [each for each in left if each.partition not in found and starts[each] > begins[each]]
            until, step = starts, step * _WIDER
    return found
