"""`tocsin source`: pause, resume or skip the records of a source topic in one partition."""

import asyncio
from collections.abc import Callable
from typing import Any

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.operator_options import require_pseudonym, require_reason
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.commands.source.decisions import effect, require_sense, write_decision
from streams.commands.source.sources import Source, read_sources, stage_of
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
        decided.append(f"skip to {found.control.skip_below}")
    numbers = (found.partition, found.next, found.end, found.end - found.next)
    return found.stage, found.topic, *map(str, numbers), ", ".join(decided) or "-"


def _decision_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--yes", is_flag=True, help="Do it; without it, nothing is written."),
        click.option(
            "--actor", required=True, metavar="REF", help="A pseudonym of the person who decides this."
        ),
        click.option("--reason", required=True, help="Why; it is kept in the log. Name no person."),
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
def skip(**options: Any) -> None:
    """Pass over the records of a source up to an offset, unread.

    Each becomes a dead letter with the reason `skipped`, honest ones too; `tocsin dead-letters redrive`
    brings those back. Records that were applied already stay applied.
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
) -> None:
    require_pseudonym(actor)
    require_reason(reason)
    settings = load_settings()
    stages = all_stages(settings, DEMONSTRATION)
    stage = stage_of(iter(stages), topic)
    if stage is None:
        known = ", ".join(name for each in stages for name in each.sources.external)
        raise click.UsageError(f"--topic {topic}: no stage reads it from publishers; valid: {known}.")
    decision = SourceDecision(topic, action, reason, actor, until)
    with broker_errors_explained(settings):
        found = [
            each for each in asyncio.run(read_sources(settings, stage, partition)) if each.topic == topic
        ]
        if not found:
            raise click.ClickException(f"{topic} has no partition {partition}.")
        require_sense(found[0], decision)
        echo(effect(found[0], decision))
        if not yes:
            echo("nothing was written; to do this, run the command again with --yes")
            return
        echo(asyncio.run(write_decision(settings, stage, found[0], decision)))
