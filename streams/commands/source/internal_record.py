"""The record of an internal topic that a partition applies next, which alone can be skipped there."""

from typing import NamedTuple

import click
from aiokafka import TopicPartition

from streams.commands.source.sources import Source
from streams.commands.state.stages import AnyStage
from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.failing import published_as
from streams.contract.wire.records import SourceRecord
from streams.deciding.partition.reading import bundled_in
from streams.running.log.reading import records_between
from streams.running.worker.settings import Settings


class Next(NamedTuple):
    """The next record; of a bundle the first entry that is not applied, and where a publisher wrote it."""

    record: SourceRecord
    entry: int | None = None
    published: str = ""


async def next_record(settings: Settings, stage: AnyStage, source: Source) -> Next | None:
    """Read what a partition applies next of the internal topic; None at its end."""
    log = TopicPartition(settings.topic_prefix + source.topic, source.partition)
    async with settings.connection().reader("read_committed") as consumer:
        end = (await consumer.end_offsets([log]))[log]
        async for record in records_between(consumer, log, source.next, end):
            return _next(stage, source, record)
    return None


def _next(stage: AnyStage, source: Source, record: SourceRecord) -> Next:
    bundled = bundled_in(stage.core.bundled, record)
    if bundled is None:
        return Next(record)
    entry = source.entries if source.partly == record.offset else 0
    try:
        entries = bundled.form.read(record).entries
        return Next(record, entry, bundled.published_at(entries[entry], record))
    except (ValueError, Rejected, IndexError) as error:
        raise click.ClickException(
            f"{source.topic} partition {source.partition} offset {record.offset} is a bundle that cannot be "
            f"read ({error}). Nothing was written."
        ) from error


def require_next(source: Source, found: Next | None, decision: SourceDecision) -> str:
    """Return what is skipped, for the operator. Raises ClickException if it is not what fails."""
    where = f"{source.topic} partition {source.partition}"
    if found is None:
        raise click.ClickException(
            f"{where}: all is applied, so there is nothing to skip. Nothing was written."
        )
    offset, entry = found.record.offset, found.entry
    if (decision.until, decision.entry) != (offset + 1, entry):
        options = f"--until {offset + 1}" + ("" if entry is None else f" --entry {entry}")
        raise click.ClickException(
            f"{where}: of an internal topic only what is applied next can be skipped: {options}. Nothing was "
            "written."
        )
    if entry is None:
        return f"{where}: passes over offset {offset}; it becomes a dead letter with the reason `skipped`"
    return (
        f"{where}: passes over entry {entry} of offset {offset}{published_as(found.published)}; it becomes a "
        "dead letter with the reason `skipped`, and the rest of the bundle is applied"
    )
