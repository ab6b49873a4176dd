"""Writes saved state into empty state topics. Until all of it is there, no worker starts from it."""

from collections.abc import Iterator
from pathlib import Path

import click

from streams.commands.shared.progress import Progress
from streams.commands.state.restore_plan import RestorePlan
from streams.commands.state.save_file import Row
from streams.commands.state.save_file_reading import open_state_file
from streams.runtime.claims import Place
from streams.runtime.errors import OwnershipLost
from streams.runtime.log import Write
from streams.runtime.position import POSITION_KEY, RESTORING_KEY, encode_position
from streams.runtime.takeover import exclusive_writer
from streams.runtime.transaction import Destination
from streams.worker.settings import Settings

# Bytes of one transaction, which may last 20 seconds: a slow broker writes this in one.
_TRANSACTION_BYTES = 4 * 1024 * 1024


async def restore_state(settings: Settings, plan: RestorePlan, path: Path, progress: Progress) -> None:
    """Write the state in `path`, for which `plan` was made.

    First a mark goes into every partition; a worker that meets it refuses to start. The last transaction
    writes all positions and removes all marks, so the state is complete in all partitions or in none. The
    restore claims the partitions like a worker: one that was only paused is fenced, and one that starts meanwhile
    fences the restore. Raises ClickException when that happens.
    """
    claimed = [Place(plan.stages[place.topic], place.partition) for place in plan.places]
    try:
        async with exclusive_writer(settings.connection(), settings.topic_prefix, claimed) as writer:
            mark: Write = (RESTORING_KEY, plan.checksum.encode(), [])
            await writer.write({place: [mark] for place in plan.places})
            with open_state_file(path) as file:
                wanted = (rows for section, rows in file.sections() if section.stage in plan.stages.values())
                for place, rows in zip(plan.places, wanted, strict=True):
                    for piece in _pieces(rows):
                        await writer.write({place: piece})
                        progress.add(len(piece))
                if file.checksum() != plan.checksum:
                    raise click.ClickException(
                        f"{path} was changed meanwhile. Run `tocsin state restore` again."
                    )
            await writer.write(_last_writes(settings, plan))
    except OwnershipLost as error:
        raise click.ClickException(
            f"the restore was interrupted ({error}). No worker can start from what was written: stop all workers "
            "and run `tocsin state restore` with the same file again. If it finds state then, the restore was complete."
        ) from error


def _last_writes(settings: Settings, plan: RestorePlan) -> dict[Destination, list[Write]]:
    writes: dict[Destination, list[Write]] = {}
    for place, position in plan.places.items():
        rows = writes[place] = [(RESTORING_KEY, None, [])]
        if position is not None:
            rows.append((POSITION_KEY, encode_position(position), []))
    for output in plan.counters:
        assert output.partition is not None
        destination = (settings.topic_prefix + output.topic, output.partition)
        writes.setdefault(destination, []).append((output.key, output.value, list(output.headers)))
    return writes


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
