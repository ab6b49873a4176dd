"""`tocsin state time` and `tocsin state set-time`."""

import asyncio

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.operator_options import require_pseudonym, require_reason
from streams.commands.shared.terminal import echo
from streams.commands.state.partition_time import (
    AnyStage,
    Correction,
    PartitionClock,
    read_clocks,
    try_correction,
    write_correction,
)
from streams.commands.state.stages import STAGE_NAMES, all_stages
from streams.events.time_correction import TimeCorrection
from streams.partition.hash_key import DEMONSTRATION
from streams.partition.time import MAX_TIME_AHEAD_MS
from streams.runtime.wall_clock import clock_ms
from streams.text.text_table import text_table
from streams.wire.envelope import rfc3339
from streams.wire.times import MINUTE
from streams.worker.hash_keys import configured_hash_keys
from streams.worker.settings import Settings, load_settings


@click.command("time")
@click.option(
    "--stage",
    "name",
    type=click.Choice(STAGE_NAMES),
    metavar="STAGE",
    help="Show this stage only: reports, requests or reporters.",
)
def show_times(name: str | None) -> None:
    """Show the time of each partition against this machine's clock.

    Time ahead of the clock is wrong: honest reports count as late, and nothing opens. It comes from a clock that was
    wrong. Time behind is usual for a quiet partition. Workers may run. Exits with 1 if a time is wrong.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        # The times are read without the counts, so this needs no key.
        stages = [stage for stage in all_stages(settings, DEMONSTRATION) if name in (None, stage.name)]
        clocks = [clock for stage in stages for clock in asyncio.run(read_clocks(settings, stage))]
    now_ms = clock_ms()
    rows = [
        (
            clock.stage,
            str(clock.partition),
            rfc3339(clock.time_ms) if clock.time_ms else "-",
            clock.against(now_ms),
        )
        for clock in clocks
    ]
    echo(text_table(("stage", "partition", "time", "against the clock"), rows))
    wrong = [clock for clock in clocks if clock.is_wrong(now_ms)]
    for clock in wrong:
        echo(
            f"partition {clock.partition} of {clock.stage} is ahead: see `tocsin state set-time --help`",
            err=True,
        )
    if wrong:
        raise SystemExit(1)


@click.command("set-time")
@click.option(
    "--stage",
    "name",
    type=click.Choice(STAGE_NAMES),
    metavar="STAGE",
    required=True,
    help="The stage of the partitions: reports, requests or reporters.",
)
@click.option(
    "--partition",
    "partitions",
    type=click.IntRange(min=0),
    multiple=True,
    required=True,
    help="A partition whose time is ahead; give it once for each.",
)
@click.option("--reason", required=True, help="Why; it is kept in the log. Name no person.")
@click.option("--actor", required=True, metavar="REF", help="A pseudonym of the person who decides this.")
@click.option("--yes", is_flag=True, help="Write the correction; without it, nothing is written.")
def set_time(name: str, partitions: tuple[int, ...], reason: str, actor: str, yes: bool) -> None:
    """Set the time of partitions that ran ahead back to this machine's clock.

    First make sure that the clocks of the brokers, the workers and this machine are right. Without --yes the command
    shows what would change. With --yes it writes a correction to the stage's internal topic; the worker that owns the
    partition applies it, so workers may run, and a replay gives the same.

    What was counted at later times is forgotten, open episodes are judged anew, and a cooldown that began later ends.
    What was published stays: a clock that lapsed stays lapsed, an episode that was resolved stays resolved, and
    reports that were applied too late for any window are not counted again. docs/operations.md says more.
    """
    require_pseudonym(actor)
    require_reason(reason)
    settings = load_settings()
    hash_keys = configured_hash_keys(settings)
    with broker_errors_explained(settings):
        (stage,) = (stage for stage in all_stages(settings, hash_keys) if stage.name == name)
        now_ms = clock_ms()
        wrong = _wrong_clocks(settings, stage, partitions, now_ms)
        corrections = [(clock, TimeCorrection(clock.time_ms, now_ms, reason, actor)) for clock in wrong]
        for clock, correction in corrections:
            echo(_text(asyncio.run(try_correction(settings, stage, clock, correction)), now_ms))
        if not yes:
            echo("nothing was written; to write this, run the command again with --yes")
            return
        for clock, correction in corrections:
            _write(settings, stage, clock, correction)
    echo("written; once a worker has applied it, `tocsin state time` shows the new time")


def _wrong_clocks(
    settings: Settings, stage: AnyStage, partitions: tuple[int, ...], now_ms: int
) -> list[PartitionClock]:
    """The times of the partitions. Raises ClickException if one does not exist or its time is not ahead."""
    clocks = asyncio.run(read_clocks(settings, stage))
    chosen = [clock for clock in clocks if clock.partition in partitions]
    missing = sorted({*partitions} - {clock.partition for clock in chosen})
    if missing:
        raise click.ClickException(
            f"{stage.name} has partitions 0 to {len(clocks) - 1}, there is no {missing[0]}."
        )
    for clock in chosen:
        if not clock.is_wrong(now_ms):
            raise click.ClickException(
                f"partition {clock.partition} of {stage.name}: its time is right, {clock.against(now_ms)} this machine's "
                f"clock ({rfc3339(now_ms)}). Time is wrong if it is more than {MAX_TIME_AHEAD_MS // MINUTE} minutes "
                "ahead. Nothing was written."
            )
    return chosen


def _text(correction: Correction, now_ms: int) -> str:
    clock = correction.clock
    kept = ", ".join(
        f"{number:,} of {before:,} {kind}"
        for (kind, before), number in zip(correction.before.items(), correction.after.values(), strict=True)
    )
    return (
        f"{clock.stage} partition {clock.partition}: {rfc3339(clock.time_ms)} -> {rfc3339(now_ms)} "
        f"({clock.against(now_ms)}); keeps {kept}"
    )


def _write(settings: Settings, stage: AnyStage, clock: PartitionClock, correction: TimeCorrection) -> None:
    appended = asyncio.run(write_correction(settings, stage, clock.partition, correction))
    if appended is not None:
        raise click.ClickException(
            f"partition {clock.partition} of {stage.name}: the broker appended the correction at {rfc3339(appended)}, "
            f"but this machine's clock showed {rfc3339(correction.clock_ms)}. The correction has no effect. Correct "
            "the clock that is wrong, then run the command again."
        )
