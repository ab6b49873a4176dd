"""Writes saved state into empty state topics. Until all of it is there, no worker starts from it."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from aiokafka import TopicPartition

from streams.commands.shared.progress import Progress
from streams.commands.state.restore_plan import RestorePlan
from streams.commands.state.save_file import Row
from streams.commands.state.save_file_reading import open_state_file
from streams.runtime.errors import OwnershipLost
from streams.runtime.identity import transactional_id
from streams.runtime.position import POSITION_KEY, RESTORING_KEY, encode_position
from streams.runtime.transaction import (
    Destination,
    Write,
    stop_producer,
    transactional_producer,
    write_transaction,
)
from streams.worker.settings import Settings

# Bytes of one transaction, which may last 20 seconds: a slow broker writes this in one.
_TRANSACTION_BYTES = 4 * 1024 * 1024


async def restore_state(settings: Settings, plan: RestorePlan, path: Path, progress: Progress) -> None:
    """Write the state in `path`, for which `plan` was made.

    First a mark goes into every partition; a worker that meets it refuses to start. The last transaction
    writes all positions and removes all marks, so the state is complete in all partitions or in none. Each
    partition is written under the transactional id of its owner: a worker that was only paused is fenced, and
    one that starts meanwhile fences the restore. Raises ClickException when that happens.
    """
    try:
        for place in plan.places:
            mark: Write = (RESTORING_KEY, plan.checksum.encode(), [])
            await _write(settings, plan, place, [[mark]], None)
        with open_state_file(path) as file:
            wanted = (rows for section, rows in file.sections() if section.stage in plan.stages.values())
            for place, rows in zip(plan.places, wanted, strict=True):
                await _write(settings, plan, place, _pieces(rows), progress)
            if file.checksum() != plan.checksum:
                raise click.ClickException(f"{path} was changed meanwhile. Run `tocsin state restore` again.")
        await _finish(settings, plan)
    except OwnershipLost as error:
        raise click.ClickException(
            f"the restore was interrupted ({error}). No worker can start from what was written: stop all workers "
            "and run `tocsin state restore` with the same file again. If it finds state then, the restore was complete."
        ) from error


async def _write(
    settings: Settings,
    plan: RestorePlan,
    place: TopicPartition,
    transactions: Iterable[Sequence[Write]],
    progress: Progress | None,
) -> None:
    """Write to a partition as its owner, in several transactions."""
    producer = _producer(settings, plan, place)
    try:
        await producer.start()
        for rows in transactions:
            await write_transaction(producer, {place: rows}, _now())
            if progress is not None:
                progress.add(len(rows))
    finally:
        await stop_producer(producer)


async def _finish(settings: Settings, plan: RestorePlan) -> None:
    writes: dict[Destination, list[Write]] = {}
    for place, position in plan.places.items():
        rows = writes[place] = [(RESTORING_KEY, None, [])]
        if position is not None:
            rows.append((POSITION_KEY, encode_position(position), []))
    for output in plan.counters:
        assert output.partition is not None
        destination = (settings.topic_prefix + output.topic, output.partition)
        writes.setdefault(destination, []).append((output.key, output.value, list(output.headers)))
    producer = _producer(settings, plan, next(iter(plan.places)))
    try:
        await producer.start()
        await write_transaction(producer, writes, _now())
    finally:
        await stop_producer(producer)


def _producer(settings: Settings, plan: RestorePlan, place: TopicPartition) -> Any:
    owner = transactional_id(settings.topic_prefix, plan.stages[place.topic], place.partition)
    return transactional_producer(settings.connection(), owner)


def _pieces(rows: Iterator[Row]) -> Iterator[list[Write]]:
    """The records in pieces of at most _TRANSACTION_BYTES, or one larger record."""
    piece: list[Write] = []
    size = 0
    for key, value in rows:
        size += len(key) + len(value)
        if piece and size > _TRANSACTION_BYTES:
            yield piece
            piece, size = [], len(key) + len(value)
        piece.append((key, value, []))
    if piece:
        yield piece


def _now() -> int:
    # The broker replaces it: state topics have LogAppendTime.
    return int(time.time() * 1000)
