"""What a batch of one partition leads to, before it is committed."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streams.contract.wire.failing import Place, StageFailed, place_of
from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.records import SourceRecord
from streams.running.errors import OwnershipLost
from streams.running.log.log import Destination, Write
from streams.running.log.position import Position
from streams.running.log.writer import Writer
from streams.running.partitions.outputs import Outputs
from streams.running.partitions.progress import NewRecords, Progress, progress_of
from streams.running.partitions.setback import Attempt, NotApplied
from streams.running.partitions.stage import BatchResult, RunnableStage, State

# Errors that are no fault of a partition: a restart helps, or shows what must be changed.
OF_THE_PROCESS = (OwnershipLost, NotAtHome, MemoryError)


class Prepared(NamedTuple):
    """The writes and their size in bytes, roughly, and the progress that they stand for."""

    writes: dict[Destination, list[Write]]
    progress: Progress
    result: Any
    records: Sequence[SourceRecord]
    size: int

    @property
    def inside(self) -> Place | None:
        """The first entry that is not applied of the bundle in which the batch ended, if it did."""
        entries = self.result.finished_entries
        return (
            place_of(self.records[self.result.finished_records])._replace(entry=entries) if entries else None
        )


async def prepare(
    stage: RunnableStage[State, Any],
    state: State,
    attempt: Attempt,
    new: Sequence[NewRecords],
    position: Position,
    applied_to: dict[str, int],
    state_log: TopicPartition,
    writer: Writer,
    until: Mapping[str, int] | None,
) -> Prepared:
    """Apply the first of the `new` records, which are in `attempt`, as far as `until` lets sources be read.

    Raises NotApplied; then `state` is worthless.
    """
    records = attempt.records
    try:
        slices = stage.apply_in_slices(state, records, until=until, last_entries=attempt.last_entries)
        result, outputs = await _apply_in_slices(slices, Outputs(writer, state_log.partition))
        progress = progress_of(position, applied_to, new, result.finished_records)
        outputs.add_state(state_log, result.changes, progress.position)
    except OF_THE_PROCESS:
        raise
    except StageFailed as failed:
        raise NotApplied(records, failed.place) from failed.__cause__
    except Exception as error:
        raise NotApplied(records) from error
    return Prepared(outputs.writes, progress, result, records, outputs.size)


async def _apply_in_slices(slices: Iterator[BatchResult], outputs: Outputs) -> tuple[BatchResult, Outputs]:
    sorted_outputs = 0
    for result in slices:
        fresh = result.outputs[sorted_outputs:]
        sorted_outputs += len(fresh)
        await outputs.add(fresh)
        # A turn of the event loop, for probes and for the consumer.
        await asyncio.sleep(0)
    return result, outputs
