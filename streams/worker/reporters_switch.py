"""Refuses to leave the stage of reporters out while reports are on their way through it."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.runtime.connection import Connection
from streams.runtime.errors import RefusedToStart
from streams.runtime.source_logs import log_bounds, newest_position, take_position
from streams.runtime.state_log import state_consumer
from streams.runtime.topic_admin import admin_client
from streams.wire.credit import is_credit
from streams.wire.origin import read_origin
from streams.wire.topics import REPORTER_STATE, REPORTERS_INTERNAL
from streams.worker.settings import PREFIX, Settings


async def require_nothing_waiting(settings: Settings) -> None:
    """Check that every report and credit in the internal topic of reporters is applied.

    Raises RefusedToStart if one is not: without the stage it would never reach its channel. Ticks may wait.
    """
    partitions = await _partitions(settings.connection(), settings.topic_prefix + REPORTERS_INTERNAL)
    async with state_consumer(settings.connection()) as consumer:
        bounds = await log_bounds(consumer, partitions)
        for tp in partitions:
            if bounds.begins[tp] == bounds.ends[tp]:
                continue
            begin = max(bounds.begins[tp], await _applied_until(consumer, settings, tp))
            if await _is_waited_for(consumer, tp, begin, bounds.ends[tp]):
                raise RefusedToStart(
                    f"{PREFIX}REPORTERS=off, but {tp.topic} partition {tp.partition} has reports or credits from offset {begin} on "
                    f"that are not applied: without the stage of reporters they would never reach their channels. Start the "
                    f"workers with {PREFIX}REPORTERS=on, pause the sources of reports with `tocsin source pause`, wait until "
                    "nothing is left there, stop all workers, and start them with off: see docs/operations.md, 'Trust on and "
                    "off'."
                )


async def _partitions(connection: Connection, topic: str) -> list[TopicPartition]:
    async with admin_client(connection) as admin:
        # All topics: describing one by name may make the broker create it.
        described = await admin.describe_topics()
    return [
        TopicPartition(topic, number)
        for row in described
        if row["topic"] == topic
        for number in range(len(row["partitions"]))
    ]


async def _applied_until(consumer: AIOKafkaConsumer, settings: Settings, tp: TopicPartition) -> int:
    """Return the next offset to apply, 0 if the stage never ran."""
    state = TopicPartition(settings.topic_prefix + REPORTER_STATE, tp.partition)
    bounds = await log_bounds(consumer, [state])
    begin, end = bounds.begins[state], bounds.ends[state]
    if begin == end:
        return 0
    position = take_position(state, await newest_position(consumer, state, begin, end))
    source = position.get(tp.topic)
    return 0 if source is None else source.next_offset


async def _is_waited_for(consumer: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int) -> bool:
    """Tell whether the log has a report or a credit from `begin` to `end`."""
    consumer.assign([tp])
    consumer.seek(tp, begin)
    while await consumer.position(tp) < end:
        for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
            if read_origin(record.headers) is not None or is_credit(record.headers):
                return True
    return False
