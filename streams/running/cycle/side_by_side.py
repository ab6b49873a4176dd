"""What a worker does beside its cycles to read its sources side by side with those of the fleet."""

import asyncio

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.running.alignment.alignment import Alignment
from streams.running.alignment.limits import ROW_SECONDS
from streams.running.alignment.progress_row import decode_row
from streams.running.cycle.cycle import Cycle
from streams.running.errors import OwnershipLost
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.log import Log
from streams.running.log.writer import Writer
from streams.running.takeover.ownership import Ownership
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# From how long ago rows are read at the start: frontiers stay true, and who is behind says so all the time.
READ_FROM_MS = 600_000

# How long a fetch waits for rows. Nobody writes any while nobody is behind, so this is what the topic costs
# then: a request in so many seconds.
FETCH_SECONDS = 5.0

# Between two fetches of rows: a quarter of the time between two rows of a worker. Each row would otherwise
# answer a request of every worker: with 100 workers 500 rows a second, and 50,000 requests to one broker.
GATHERING_SECONDS = ROW_SECONDS / 4

# After an error of the brokers.
_PAUSE_SECONDS = 1.0


async def keep_aligned(alignment: Alignment, ownership: Ownership, cycle: Cycle) -> None:
    """Say how far this worker is when no cycle does, and begin cycles of what waited, for ever."""
    while True:
        await alignment.pause()
        if alignment.has_to_say():
            async with ownership.write_lock:
                # A worker that stops has released its partitions already.
                row = alignment.row_to_write() if ownership.owners else None
                if row is not None:
                    writes = alignment.writes(row)
                    try:
                        if writes and not cycle.blocking(writes):
                            await cycle.write(list(ownership.owners.values()), [writes])
                    except DestinationTrouble:
                        continue
                    alignment.said(row)
        try:
            waits = await alignment.look()
        except (KafkaError, OwnershipLost) as error:
            # Only a question to the brokers: nothing depends on it but when sources go on.
            logger.warning("ends of internal topics not read; asked again", error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        if waits:
            cycle.begin()


async def hear_others(log: Log, writer: Writer, alignment: Alignment) -> None:
    """Read what all workers say, for ever."""
    while True:
        try:
            await _hear_others(log, writer, alignment)
        except (KafkaError, OwnershipLost) as error:
            # Nothing that this worker owns depends on it.
            logger.warning("progress of the other workers not read; read again", error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)


async def _hear_others(log: Log, writer: Writer, alignment: Alignment) -> None:
    tp = TopicPartition(*alignment.destination)
    async with log.reader(wait_ms=int(FETCH_SECONDS * 1000)) as reader:
        reader.assign([tp])
        reader.seek(tp, await _first_row(writer, tp))
        while True:
            for record in (await reader.getmany(tp, timeout_ms=int(FETCH_SECONDS * 1000))).get(tp, ()):
                row = decode_row(record.value)
                if row is not None:
                    alignment.hear(record.offset, row, max(0, clock_ms() - record.timestamp) / 1000)
            await asyncio.sleep(GATHERING_SECONDS)


async def _first_row(writer: Writer, tp: TopicPartition) -> int:
    found = (await writer.offsets({tp: clock_ms() - READ_FROM_MS}))[tp].offset
    return found if found >= 0 else (await writer.ends([tp]))[tp]
