"""Refuses to leave the stage of reporters out while reports are on their way through it."""

from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.contract.events.internal.credit import CREDIT_TYPE
from streams.contract.events.internal.reporter_history import HISTORY_TYPE, REHASHED_TYPE
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.origin import read_origin
from streams.contract.wire.topics import REPORTER_STATE, REPORTERS_INTERNAL
from streams.running.errors import RefusedToStart
from streams.running.log.source_logs import LogBounds, log_bounds, newest_position, take_position
from streams.running.topics.topic_admin import partition_count
from streams.running.worker.settings import PREFIX, Settings

# What a worker says of a reporter. The other records without an origin are ticks and corrections of time.
_OF_REPORTERS: Final = {event_type.encode() for event_type in (CREDIT_TYPE, REHASHED_TYPE, HISTORY_TYPE)}


async def require_nothing_waiting(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    """Check that every report and credit in the internal topic of reporters is applied.

    Raises RefusedToStart if one is not: without the stage it would never reach its channel. Ticks may wait.
    """
    internal = settings.topic_prefix + REPORTERS_INTERNAL
    logs = [TopicPartition(internal, n) for n in range(await partition_count(admin, internal))]
    async with settings.connection().reader() as consumer:
        bounds = await log_bounds(consumer, logs)
        used = [tp for tp in logs if bounds.begins[tp] < bounds.ends[tp]]
        if not used:
            return
        states = [TopicPartition(settings.topic_prefix + REPORTER_STATE, tp.partition) for tp in used]
        state_bounds = await log_bounds(consumer, states)
        for tp, state in zip(used, states, strict=True):
            begin = max(bounds.begins[tp], await _applied_until(consumer, state_bounds, state, internal))
            if await _is_waited_for(consumer, tp, begin, bounds.ends[tp]):
                raise RefusedToStart(
                    f"{PREFIX}REPORTERS=off, but {tp.topic} partition {tp.partition} has reports or credits "
                    f"from offset {begin} on that are not applied: without the stage of reporters they would "
                    f"never reach their channels. Start the workers with {PREFIX}REPORTERS=on, pause the "
                    "sources of reports with `tocsin source pause`, wait until nothing is left there, stop "
                    "all workers, and start them with off: see docs/operations.md, 'Trust on and off'."
                )


async def _applied_until(
    consumer: AIOKafkaConsumer, bounds: LogBounds, state: TopicPartition, topic: str
) -> int:
    """Return the next offset of the topic to apply, 0 if the stage never ran."""
    begin, end = bounds.begins[state], bounds.ends[state]
    if begin == end:
        return 0
    source = take_position(state, await newest_position(consumer, state, begin, end)).get(topic)
    return 0 if source is None else source.next_offset


async def _is_waited_for(consumer: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int) -> bool:
    """Tell whether the log has a report or a credit from `begin` to `end`."""
    consumer.assign([tp])
    consumer.seek(tp, begin)
    while await consumer.position(tp) < end:
        for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
            if read_origin(record.headers) is not None or dict(record.headers).get(CE_TYPE) in _OF_REPORTERS:
                return True
    return False
