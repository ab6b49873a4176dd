"""`tocsin state show|check|reset`."""

import asyncio

import click
import msgspec
import orjson

from streams.assessment.counts import UnknownStateVersion
from streams.assessment.policies import MILLION, CompiledRules, compile_rules
from streams.commands.broker_errors import broker_errors_explained
from streams.commands.state.channel_state import ChannelState, as_document, read_channel
from streams.commands.state.reset import Doomed, delete_state, what_would_go
from streams.commands.state.soundness import PartitionReport, examine
from streams.commands.text_table import text_table
from streams.events.envelope import rfc3339
from streams.registry.loader import load_rules
from streams.settings import Settings, load_settings


@click.group()
def state() -> None:
    """Show what workers remember of a channel, check that all of it is sound, or start anew."""


def _rules(settings: Settings) -> CompiledRules:
    return compile_rules(
        load_rules(**settings.registry_files()), duplicates_remembered=settings.duplicates_remembered
    )


@state.command()
@click.argument("channel")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def show(channel: str, as_json: bool) -> None:
    """Show the counts, episodes and legal clocks of CHANNEL, which is the ref that reports give.

    Windows end at the time of the channel's partition: the newest report applied there, or later when it is quiet.
    Read from what is committed; workers may run. Exits with 1 if nothing is kept of the channel.
    """
    settings = load_settings()
    rules = _rules(settings)
    with broker_errors_explained(settings):
        try:
            found = asyncio.run(read_channel(settings, rules, channel))
        except (UnknownStateVersion, msgspec.DecodeError) as error:
            raise click.ClickException(
                f"what is kept of channel {channel} cannot be read ({error}); `tocsin state check` says more."
            ) from error
    document = as_document(found, rules)
    if as_json:
        click.echo(orjson.dumps(document))
    elif found.windows or found.episodes or found.clocks:
        click.echo(_text(found, document["episodes"], document["clocks"]))
    if not found.windows and not found.episodes and not found.clocks:
        raise click.ClickException(
            f"nothing is kept of channel {channel} (home partition {found.partition}): no report of it was counted in "
            "the last 30 days, or the ref is another."
        )


def _text(found: ChannelState, episodes: list[dict[str, object]], clocks: list[dict[str, object]]) -> str:
    rows = [
        (
            category,
            window,
            str(measures.reports),
            str(measures.distinct_reporters),
            f"{measures.risk_millionths / MILLION:.2f}",
            str(measures.trusted_flaggers),
            str(measures.automated),
            str(measures.state_actors),
            str(measures.without_ref),
        )
        for category, window, measures in found.windows
    ]
    header = (
        "category",
        "window",
        "reports",
        "reporters",
        "risk",
        "flaggers",
        "automated",
        "state",
        "no ref",
    )
    lines = [f"channel {found.channel}, partition {found.partition}, at {rfc3339(found.now)}"]
    lines += ["", text_table(header, rows) if rows else "no reports are counted any more", ""]
    for episode in episodes:
        told = ", ".join(f"{name} {value}" for name, value in list(episode.items())[2:] if value is not None)
        lines.append(f"{episode['policy']} ({episode['mode']}): {told}")
    if not episodes:
        lines.append("no episode is open")
    for clock in clocks:
        told = ", ".join(f"{name} {value}" for name, value in clock.items() if name != "obligation")
        lines.append(f"{clock['obligation']}: {told}")
    return "\n".join(lines)


@state.command()
def check() -> None:
    """Read all of the state as workers would at their start, and say whether they could go on from it.

    Decodes every record, with its version, and compares each position with the logs: the same checks that make a
    worker refuse to start, and some that it leaves for later. Workers may run. Exits with 1 if something is wrong.
    """
    settings = load_settings()
    rules = _rules(settings)
    with broker_errors_explained(settings):
        reports = asyncio.run(examine(settings, rules))
    rows = [_checked(report) for report in reports]
    click.echo(
        text_table(
            ("partition", "counts", "episodes", "clocks", "duplicates", "reports applied", "to do"), rows
        )
    )
    problems = [problem for report in reports for problem in report.problems]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)
    click.echo("the state is sound")


def _checked(report: PartitionReport) -> tuple[str, ...]:
    numbers = (report.counts, report.episodes, report.clocks, report.duplicates, report.applied, report.to_do)
    return str(report.partition), *("-" if number is None else f"{number:,}" for number in numbers)


@state.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Forget everything of reports: counts, episodes, clocks, known duplicates, positions. Workers start from nothing.

    Deletes channel-state and creates it again. Refuses while a worker runs. Afterwards workers read message-reports
    and clock-outcomes from their beginning: reports that are still there are enriched and escalate again, with the same
    ids. Counts, open episodes and running legal clocks from before that are gone. docs/operations.md says when to do
    this.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        doomed = asyncio.run(what_would_go(settings))
        click.echo(_warning(doomed))
        if not yes:
            click.confirm("Delete it?", abort=True)
        asyncio.run(delete_state(settings, doomed))
    click.echo(f"{doomed.topic} is empty; start the workers")


def _warning(doomed: Doomed) -> str:
    return (
        f"This deletes {doomed.topic}: {doomed.partitions} partitions, about {doomed.records:,} records of state. "
        f"The topics that feed it hold {doomed.reports:,} records that the workers will read again."
    )
