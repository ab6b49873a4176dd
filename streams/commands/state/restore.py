"""Writes saved state into empty state topics.

Until all of it is there, no worker starts from it.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

import click
from aiokafka import TopicPartition

from streams.commands.shared.progress import Progress
from streams.commands.state.moved_records import NewInternalLog
from streams.commands.state.pieces import pieces
from streams.commands.state.restore_plan import RestorePlan
from streams.commands.state.save_file import Row, open_state_file, waiting_record
from streams.commands.state.stages import AnyStage
from streams.running.errors import OwnershipLost
from streams.running.log.claims import StatePartition
from streams.running.log.log import Destination, Write
from streams.running.log.position import POSITION_KEY, RESTORING_KEY, encode_position
from streams.running.log.writer import Writer
from streams.running.takeover.takeover import exclusive_writer
from streams.running.worker.settings import Settings


async def restore_state(
    settings: Settings, stages: Mapping[str, AnyStage], plan: RestorePlan, path: Path, progress: Progress
) -> None:
    """Write the state in `path`, for which `plan` was made.

    First a mark goes into every partition; a worker that meets it refuses to start. The last transaction
    writes all positions and removes all marks, so the state is complete in all partitions or in none. The
    restore claims the partitions like a worker: one that was only paused is fenced, and one that starts
    meanwhile fences the restore. Raises ClickException when that happens.
    """
    claimed = [StatePartition(plan.stages[place.topic], place.partition) for place in plan.places]
    try:
        async with exclusive_writer(settings.connection(), settings.topic_prefix, claimed) as writer:
            mark: Write = (RESTORING_KEY, plan.checksum.encode(), [])
            await writer.write({place: [mark] for place in plan.places})
            internal: dict[TopicPartition, NewInternalLog] = {}
            with open_state_file(path) as file:
                wanted = (
                    (section, rows)
                    for section, rows in file.sections()
                    if section.stage in plan.stages.values()
                )
                for place, (section, rows) in zip(plan.places, wanted, strict=True):
                    if not plan.rewrites_internal:
                        own = (row for row in rows if not _waits(row))
                        await _write_state(writer, place, own, progress)
                        continue
                    topic = settings.topic_prefix + stages[section.stage].sources.internal
                    log = internal[place] = NewInternalLog(
                        writer, TopicPartition(topic, place.partition), same_sources=plan.mapped is None
                    )
                    for waits, group in groupby(rows, _waits):
                        if waits:
                            await log.write(group, progress)
                        else:
                            await _write_state(writer, place, log.state_rows(group), progress)
                if file.checksum() != plan.checksum:
                    raise click.ClickException(
                        f"{path} was changed meanwhile. Run `tocsin state restore` again."
                    )
            await writer.write(await _last_writes(settings, plan, internal))
    except OwnershipLost as error:
        raise click.ClickException(
            f"the restore was interrupted ({error}). No worker can start from what was written: stop all "
            "workers and run `tocsin state restore` with the same file again. If it finds state then, the "
            "restore was complete."
        ) from error


def _waits(row: Row) -> bool:
    return waiting_record(row) is not None


async def _write_state(
    writer: Writer, place: TopicPartition, rows: Iterable[Row], progress: Progress
) -> None:
    for piece in pieces((key, value, []) for key, value in rows):
        await writer.write({place: piece})
        progress.add(len(piece))


async def _last_writes(
    settings: Settings, plan: RestorePlan, internal: Mapping[TopicPartition, NewInternalLog]
) -> dict[Destination, list[Write]]:
    writes: dict[Destination, list[Write]] = {}
    for place, position in plan.places.items():
        rows = writes[place] = [(RESTORING_KEY, None, [])]
        log = internal.get(place)
        if log is not None:
            partitions = plan.header.partitions(plan.stages[place.topic])
            own = {log.place.topic: await log.position(partitions)}
            rows += [*log.last_state_rows(), (POSITION_KEY, encode_position({**(position or {}), **own}), [])]
        elif position is not None:
            rows.append((POSITION_KEY, encode_position(position), []))
    for output in plan.counters:
        assert output.partition is not None
        destination = (settings.topic_prefix + output.topic, output.partition)
        writes.setdefault(destination, []).append((output.key, output.value, list(output.headers)))
    return writes
