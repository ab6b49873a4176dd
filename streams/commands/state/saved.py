"""`tocsin state save`, `restore`, `repartition` and `downgrade`."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.progress import Progress
from streams.commands.shared.terminal import echo
from streams.commands.state.by_time import MAP_HEADER, map_rows
from streams.commands.state.downgrade import VERSION_BEFORE
from streams.commands.state.downgrade import downgrade as write_downgraded
from streams.commands.state.repartition import Moved, plan_moves
from streams.commands.state.repartition import repartition as write_repartitioned
from streams.commands.state.restore import restore_state
from streams.commands.state.restore_plan import RestorePlan, plan_restore
from streams.commands.state.save import save_state
from streams.commands.state.save_file import BadStateFile, Header
from streams.commands.state.stages import AnyStage, all_stages, stage_option
from streams.contract.wire.state_records import UnknownStateVersion, UnusableState
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.clocks.store import CLOCK_RECORD
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reporters.reporter import REPORTER
from streams.deciding.reports.crowd import MESSAGE_REPORTERS
from streams.deciding.reports.state import CHANNEL_EPISODES
from streams.desk.text.text_table import text_table
from streams.running.worker.hash_keys import configured_hash_keys, given_hash_keys
from streams.running.worker.settings import load_settings

_MOVING = {
    "counts": CHANNEL_COUNTS,
    "episodes": CHANNEL_EPISODES,
    "clocks": CLOCK_RECORD,
    "messages": MESSAGE_REPORTERS,
    "reporters": REPORTER,
}

_UNSURE = (
    "workers credited reporters with decisions all the time while it was saved, so after a restore by time "
    "some of these decisions may count twice for a reporter's trust"
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@stage_option("Save this stage only")
def save(file: Path, name: str | None) -> None:
    """Save the state to FILE; workers may run.

    Each partition is saved as of the end of a transaction, with its position in the source topics. FILE gets
    checksums and is readable by its owner only: it has hashes of reporters and refs of channels. An existing
    file is not overwritten. Exits with 1 if the state cannot be read.
    """
    settings = load_settings()
    # The state is copied without being restored, so this needs no key.
    stages = all_stages(settings, DEMONSTRATION, name)
    progress = Progress("partitions saved")
    with _file_errors_explained(), broker_errors_explained(settings):
        try:
            header = asyncio.run(save_state(settings, stages, given_hash_keys(settings), file, progress))
        finally:
            progress.clear()
    echo(f"{progress.count} partitions are in {file}, {file.stat().st_size:,} bytes")
    if header.unsure:
        echo(f"Note: {_UNSURE}.", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@stage_option("Restore this stage only")
@click.option(
    "--by-time",
    is_flag=True,
    help="The source topics are mirrored on another cluster: find the positions by append time.",
)
@click.option("--yes", is_flag=True, help="Do it; without this the command only checks.")
def restore(file: Path, name: str | None, by_time: bool, yes: bool) -> None:
    """Restore the state from FILE into empty state topics.

    Checks the file, the topics and the positions, and says what it would write; with --yes it writes. Run
    `tocsin state reset` before it if there is state, and stop all workers. If it is interrupted, workers
    refuse to start until it has run again to its end. They then go on from the positions in FILE: what was
    published to the source topics since is applied, and published again with the same ids if it was before.

    With --by-time the source topics have other offsets than when FILE was saved: they were mirrored. Reading
    then begins at records that were appended ten minutes before the position, and what was applied already is
    recognised by its id. The command prints where reading begins in each log, and refuses if records may be
    missing or may count twice. docs/operations-state.md, 'On another cluster', says what it needs.
    """
    if by_time and name is not None:
        raise click.UsageError("--by-time restores all stages: records are on their way between them.")
    settings = load_settings()
    stages = _by_name(all_stages(settings, configured_hash_keys(settings)))
    progress = Progress("records restored")
    with _file_errors_explained(), broker_errors_explained(settings):
        plan = asyncio.run(plan_restore(settings, stages, file, name, by_time=by_time))
        echo(_restore_text(file, plan, settings.topic_prefix))
        if not yes:
            echo("nothing was written; --yes does it")
            return
        try:
            asyncio.run(restore_state(settings, stages, plan, file, progress))
        finally:
            progress.clear()
    echo(f"{progress.count:,} records are restored; start the workers")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("new_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--partitions", type=click.IntRange(1, 100_000), required=True, help="The new number of partitions."
)
@click.option("--dry-run", is_flag=True, help="Only say what would move.")
def repartition(file: Path, new_file: Path, partitions: int, dry_run: bool) -> None:
    """Move saved state to another number of partitions: from FILE to NEW_FILE.

    Works on files alone. With more partitions than before, the topics may stay and get more partitions; with
    fewer, all topics must be new. NEW_FILE is verified: each record is in its new home, none is lost, and a
    worker can start from it. docs/operations-state.md has the whole procedure.
    """
    settings = load_settings()
    stages = _by_name(all_stages(settings, configured_hash_keys(settings)))
    with _file_errors_explained():
        header, moved = plan_moves(file, stages, partitions)
        echo(_moved_text(header, moved, partitions))
        if dry_run:
            echo("nothing was written")
            return
        write_repartitioned(file, new_file, stages, partitions)
    echo(f"{new_file} is written and verified")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("new_file", type=click.Path(path_type=Path, dir_okay=False))
def downgrade(file: Path, new_file: Path) -> None:
    """Write saved state in the form of version 0.2, for the way back to it: from FILE to NEW_FILE.

    FILE must have been saved when everything was applied and all workers had stopped. Version 0.2 restores
    NEW_FILE with its own `tocsin state restore`, and goes on where the workers of this version stopped. Works
    on files alone. docs/upgrading.md has the whole procedure.
    """
    settings = load_settings()
    stages = _by_name(all_stages(settings, configured_hash_keys(settings)))
    with _file_errors_explained():
        write_downgraded(file, new_file, stages)
    echo(f"{new_file} is written, for version {VERSION_BEFORE}")


def _by_name(stages: tuple[AnyStage, ...]) -> Mapping[str, AnyStage]:
    return {stage.name: stage for stage in stages}


@contextmanager
def _file_errors_explained() -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise click.ClickException(f"{error}.") from error
    except (BadStateFile, OSError, UnknownStateVersion, UnusableState) as error:
        raise click.ClickException(str(error)) from error


def _restore_text(file: Path, plan: RestorePlan, prefix: str) -> str:
    header = plan.header
    lines = [f"{file}, saved by version {header.saved_by}: {plan.records:,} records of state"]
    if header.hash_key is not None:
        lines.append(f"hash key for reporters: {header.hash_key}")
    if header.moved_from is not None:
        lines.append(f"moved from {header.moved_from} partitions")
    lines += [
        f"{saved.name}: {saved.partitions} partitions into {saved.state_topic}"
        for saved in header.stages
        if saved.name in plan.stages.values()
    ]
    if plan.mapped is not None:
        lines += ["", text_table(MAP_HEADER, map_rows(plan.mapped, prefix)), ""]
        lines.append(f"{plan.waiting:,} records that were on their way are written to the internal topics.")
        if header.unsure:
            lines.append(f"Note: {_UNSURE}.")
    lines.append(f"Workers will then read {plan.to_read:,} offsets of the source topics.")
    return "\n".join(lines)


def _moved_text(header: Header, moved: list[Moved], partitions: int) -> str:
    rows = [
        (one.stage, kind, f"{one.kept[key_type]:,}", f"{one.changed[key_type]:,}")
        for one in moved
        for kind, key_type in _MOVING.items()
        if one.kept[key_type]
    ]
    before = header.stages[0].partitions
    lines = [
        f"from {before} partitions to {partitions}",
        text_table(("stage", "kind", "records", "other partition"), rows) if rows else "no record moves",
    ]
    if partitions < before:
        lines.append("All topics must be new: Kafka cannot remove partitions from a topic.")
    return "\n".join(lines)
