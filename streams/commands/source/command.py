"""`tocsin source`: pause, resume or skip the records of a source topic in one partition."""

import asyncio
from collections.abc import Callable
from typing import Any

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.operator_options import require_pseudonym, require_reason, who_and_why
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.commands.source.decisions import effect, require_sense, write_decision
from streams.commands.source.internal_record import next_record, require_next
from streams.commands.source.sources import Source, read_sources
from streams.commands.state.stages import all_stages
from streams.contract.events.internal.source_decision import SourceAction, SourceDecision
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.desk.text.text_table import text_table
from streams.running.worker.settings import load_settings


@click.group(cls=SuggestingGroup)
def source() -> None:
    """Pause, resume or skip the records of a source topic in one partition.

    For a flood of bad records, or a record that stops every worker. Everything else goes on: the other
    partitions, the other sources, ticks and legal clocks. Decisions are kept in the log with their reason and
    an actor.
    """


@source.command()
def show() -> None:
    """Show how far every source is applied, and what was decided about it. Workers may run."""
    settings = load_settings()
    with broker_errors_explained(settings):
        # Counts are not read, so this needs no key for reporters.
        found = [
            each
            for stage in all_stages(settings, DEMONSTRATION)
            for each in asyncio.run(read_sources(settings, stage))
        ]
    header = ("stage", "topic", "partition", "next", "end", "waiting", "decided")
    echo(text_table(header, [_row(each) for each in found]))


def _row(found: Source) -> tuple[str, ...]:
    decided = ["paused"] if found.control.paused else []
    if found.control.skip_below:
        entry = found.control.skip_entry
        decided.append(
            f"skip to {found.control.skip_below}"
            if entry is None
            else f"skip entry {entry} of {found.control.skip_below - 1}"
        )
    following = f"{found.partly} entry {found.entries}" if found.entries else str(found.next)
    place = found.stage, found.topic, str(found.partition)
    return *place, following, str(found.end), str(found.end - found.next), ", ".join(decided) or "-"


def _decision_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--yes", is_flag=True, help="Do it; without it, nothing is written."),
        who_and_why,
        click.option("--partition", type=click.IntRange(min=0), required=True),
        click.option("--topic", required=True, help="A source topic, without the prefix: message-reports."),
    ):
        command = option(command)
    return command


@source.command()
@_decision_options
def pause(**options: Any) -> None:
    """Apply no record of a source until `resume`; nothing is lost, the records wait in the log.

    They wait no longer than the topic's retention: after that, unread records are deleted.
    """
    _decide("pause", **options)


@source.command()
@_decision_options
def resume(**options: Any) -> None:
    """End a pause: the waiting records are applied, in their order."""
    _decide("resume", **options)


@source.command()
@_decision_options
@click.option(
    "--until", type=click.IntRange(min=1), required=True, help="Skip the records below this offset."
)
@click.option(
    "--entry",
    type=click.IntRange(min=0),
    help="Skip this entry of the bundle before the offset alone; in an internal topic.",
)
def skip(**options: Any) -> None:
    """Pass over the records of a source up to an offset, unread.

    Each becomes a dead letter with the reason `skipped`, honest ones too; `tocsin dead-letters redrive`
    brings those back. Records that were applied already stay applied.

    Of an internal topic only the record that is applied next can be skipped, or of a bundle the entry: the
    one on which a worker fails. Its log names topic, offset and entry.
    """
    _decide("skip", **options)


def _decide(
    action: SourceAction,
    topic: str,
    partition: int,
    reason: str,
    actor: str,
    yes: bool,
    until: int | None = None,
    entry: int | None = None,
) -> None:
    require_pseudonym(actor)
    require_reason(reason)
    settings = load_settings()
    stages = all_stages(settings, DEMONSTRATION)
    stage = next((each for each in stages if topic in each.sources), None)
    is_internal = stage is not None and topic == stage.sources.internal
    if stage is None or (is_internal and action != "skip"):
        known = ", ".join(name for each in stages for name in each.sources.external)
        also = ", ".join(each.sources.internal for each in stages)
        raise click.UsageError(
            f"--topic {topic}: no stage reads it from publishers; valid: {known}; for skip also {also}."
        )
    if entry is not None and not is_internal:
        raise click.UsageError(f"--entry {entry}: records of {topic} have no entries.")
    decision = SourceDecision(topic, action, reason, actor, until, entry)
    with broker_errors_explained(settings):
        found = [
            each for each in asyncio.run(read_sources(settings, stage, partition)) if each.topic == topic
        ]
        if not found:
            raise click.ClickException(f"{topic} has no partition {partition}.")
        if is_internal:
            following = asyncio.run(next_record(settings, stage, found[0]))
            echo(require_next(found[0], following, decision))
        else:
            require_sense(found[0], decision)
            echo(effect(found[0], decision))
        if not yes:
            echo("nothing was written; to do this, run the command again with --yes")
            return
        echo(asyncio.run(write_decision(settings, stage, found[0], decision)))
