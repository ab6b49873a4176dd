"""`tocsin state time` and `set-time`: the times of partitions, and corrections of those that ran ahead."""

import asyncio
from datetime import timedelta
from typing import Any, NamedTuple

import click
from aiokafka import TopicPartition

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.operator_options import require_pseudonym, require_reason, who_and_why
from streams.commands.shared.terminal import echo
from streams.commands.state.stages import AnyStage, all_stages, stage_option
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.contract.wire.times import MAX_CLOCK_DIFFERENCE_MS, MINUTE
from streams.deciding.partition.census import take_census
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.partition.state import PARTITION_TIME
from streams.deciding.partition.time import MAX_TIME_AHEAD_MS
from streams.deciding.reporters.state import ReporterState
from streams.deciding.reports.census import take_report_census
from streams.deciding.reports.state import ReportState
from streams.desk.text.text_table import text_table
from streams.running.clients.kafka_reading import committed_records, partition_count
from streams.running.clients.kafka_writing import producer_for
from streams.running.log.restore import build_state, read_state
from streams.running.patches.fetched_records import FetchedRecord
from streams.running.wall_clock import clock_ms
from streams.running.worker.hash_keys import configured_hash_keys
from streams.running.worker.settings import Settings, load_settings


class PartitionClock(NamedTuple):
    """The time of a partition in ms since the epoch; 0 if nothing was applied there yet."""

    stage: str
    partition: int
    time_ms: int

    def is_wrong(self, clock_ms: int) -> bool:
        """Whether the time is further ahead of a machine's clock than correct clocks allow."""
        return self.time_ms > clock_ms + MAX_TIME_AHEAD_MS

    def against(self, clock_ms: int) -> str:
        """How far the time is ahead of a machine's clock or behind it, for a person."""
        if not self.time_ms:
            return "-"
        distance = timedelta(seconds=abs(self.time_ms - clock_ms) // 1000)
        return f"{distance} {'ahead' if self.time_ms > clock_ms else 'behind'}"


class Correction(NamedTuple):
    """What a correction changes: the numbers of state records by kind, before and after."""

    clock: PartitionClock
    before: dict[str, int]
    after: dict[str, int]


async def read_clocks(settings: Settings, stage: AnyStage) -> list[PartitionClock]:
    """Read the committed time of every partition of a stage.

    Raises UnknownTopicOrPartitionError if its state topic is missing, UnknownStateVersion if another version
    wrote it.
    """
    topic = settings.topic_prefix + stage.state_topic
    partitions = await partition_count(settings.connection(), topic)
    times: dict[int, bytes] = {}
    async for record in committed_records(settings.connection(), topic):
        if record.key == PARTITION_TIME:
            times[record.partition] = record.value
    clocks = []
    for partition in range(partitions):
        entries = [(PARTITION_TIME, times[partition])] if partition in times else []
        state = stage.restore(partition, partitions, entries)
        clocks.append(PartitionClock(stage.name, partition, state.time.now))
    return clocks


async def try_correction(
    settings: Settings, stage: AnyStage, clock: PartitionClock, correction: TimeCorrection
) -> Correction:
    """Apply a correction to a copy of the committed state, and return what it changes; writes nothing.

    Raises RefusedToStart if a worker could not start from the state.
    """
    state_topic = TopicPartition(settings.topic_prefix + stage.state_topic, clock.partition)
    sources = [settings.topic_prefix + topic for topic in stage.sources]
    partitions = await partition_count(settings.connection(), sources[0])
    restored = await read_state(settings.connection(), state_topic, sources, partitions)
    state = build_state(lambda entries: stage.restore(clock.partition, partitions, entries), restored.entries)
    before = _records(state)
    value, headers = encode_time_correction(correction)
    record: Any = FetchedRecord(
        stage.sources.internal, clock.partition, 0, correction.clock_ms, 1, None, value, list(headers)
    )
    stage.apply(state, [record])
    return Correction(clock, before, _records(state))


async def write_correction(
    settings: Settings, stage: AnyStage, partition: int, correction: TimeCorrection
) -> int | None:
    """Append a correction to the stage's internal topic, from which the partition's owner applies it.

    Returns the broker's append time if it differs so much from the clock in the correction that the
    correction has no effect, else None.
    """
    topic = settings.topic_prefix + stage.sources.internal
    value, headers = encode_time_correction(correction)
    async with producer_for(settings, topic) as producer:
        written = await producer.send_and_wait(topic, value, partition=partition, headers=list(headers))
    appended: int = written.timestamp
    return None if abs(appended - correction.clock_ms) <= MAX_CLOCK_DIFFERENCE_MS else appended


@click.command("time")
@stage_option("Show this stage only")
def show_times(name: str | None) -> None:
    """Show the time of each partition against this machine's clock.

    Time ahead of the clock is wrong: honest reports count as late, and nothing opens. It comes from a clock
    that was wrong. Time behind is usual for a quiet partition. Workers may run. Exits with 1 if a time is
    wrong.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        # The times are read without the counts, so this needs no key.
        stages = all_stages(settings, DEMONSTRATION, name)
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
@stage_option("The stage of the partitions", required=True)
@click.option(
    "--partition",
    "partitions",
    type=click.IntRange(min=0),
    multiple=True,
    required=True,
    help="A partition whose time is ahead; give it once for each.",
)
@who_and_why
@click.option("--yes", is_flag=True, help="Write the correction; without it, nothing is written.")
def set_time(name: str, partitions: tuple[int, ...], reason: str, actor: str, yes: bool) -> None:
    """Set the time of partitions that ran ahead back to this machine's clock.

    First make sure that the clocks of the brokers, the workers and this machine are right. Without --yes the
    command shows what would change. With --yes it writes a correction to the stage's internal topic; the
    worker that owns the partition applies it, so workers may run, and a replay gives the same.

    What was counted at later times is forgotten, open episodes are judged again, and a cooldown that began
    later ends. What was published stays: a clock that lapsed stays lapsed, an episode that was resolved stays
    resolved, and reports that were applied too late for any window are not counted again.
    docs/operations-emergencies.md says more.
    """
    require_pseudonym(actor)
    require_reason(reason)
    settings = load_settings()
    hash_keys = configured_hash_keys(settings)
    with broker_errors_explained(settings):
        (stage,) = all_stages(settings, hash_keys, name)
        now_ms = clock_ms()
        wrong = _wrong_clocks(settings, stage, partitions, now_ms)
        corrections = [(clock, TimeCorrection(clock.time_ms, now_ms, reason, actor)) for clock in wrong]
        for clock, correction in corrections:
            echo(_correction_text(asyncio.run(try_correction(settings, stage, clock, correction)), now_ms))
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
                f"partition {clock.partition} of {stage.name}: its time is right, {clock.against(now_ms)} "
                f"this machine's clock ({rfc3339(now_ms)}). Time is wrong if it is more than "
                f"{MAX_TIME_AHEAD_MS // MINUTE} minutes ahead. Nothing was written."
            )
    return chosen


def _correction_text(correction: Correction, now_ms: int) -> str:
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
            f"partition {clock.partition} of {stage.name}: the broker appended the correction at "
            f"{rfc3339(appended)}, but this machine's clock showed {rfc3339(correction.clock_ms)}. The "
            "correction has no effect. Correct the clock that is wrong, then run the command again."
        )


def _records(state: Any) -> dict[str, int]:
    if isinstance(state, ReporterState):
        return {"reporters": len(state.reporters)}
    census = take_report_census(state) if isinstance(state, ReportState) else take_census(state)
    return {
        kind: number for kind, number in census.records.items() if kind in ("counts", "episodes", "clocks")
    }
