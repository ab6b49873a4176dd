"""`tocsin state show|check|reset`."""

import asyncio

import click
import msgspec
import orjson

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.text_table import text_table
from streams.commands.state import channel_state, request_state
from streams.commands.state.channel_state import ChannelState
from streams.commands.state.request_state import KeptRequest
from streams.commands.state.reset import Doomed, delete_state, what_would_go
from streams.commands.state.soundness import PartitionReport, examine
from streams.commands.state.stages import STAGE_NAMES, all_stages
from streams.counting.measures import MILLION
from streams.counting.store import UnreadableCounts
from streams.wire.envelope import rfc3339
from streams.wire.state_records import UnknownStateVersion
from streams.worker.rules import configured_rules, report_rules, request_rules
from streams.worker.settings import Settings, load_settings


@click.group()
def state() -> None:
    """Show, check or reset what workers remember."""


@state.command()
@click.argument("channel", required=False)
@click.option("--request", "request_id", metavar="ID", help="A request of an authority instead of a channel.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def show(channel: str | None, request_id: str | None, as_json: bool) -> None:
    """Show what is kept of CHANNEL, or of a request.

    Of a channel (the ref that reports give): counts, episodes and legal clocks. With --request, show the legal clocks of the request with that request_id, and how it was decided. Windows and
    clocks are as of the time of the partition: the newest record applied there, or later when it is quiet. Read from
    what is committed; workers may run. Exits with 1 if nothing is kept.
    """
    if (channel is None) == (request_id is None):
        raise click.UsageError("name either a CHANNEL or --request ID.")
    settings = load_settings()
    what = f"channel {channel}" if channel is not None else f"request {request_id}"
    try:
        with broker_errors_explained(settings):
            if channel is not None:
                _show_channel(settings, channel, as_json=as_json)
            elif request_id is not None:
                _show_request(settings, request_id, as_json=as_json)
    except (UnknownStateVersion, UnreadableCounts, msgspec.DecodeError) as error:
        raise click.ClickException(
            f"what is kept of {what} cannot be read ({error.__cause__ or error}); `tocsin state check` says more."
        ) from error


def _show_channel(settings: Settings, channel: str, *, as_json: bool) -> None:
    rules = report_rules(settings, configured_rules(settings))
    found = asyncio.run(channel_state.read_channel(settings, rules, channel))
    document = channel_state.as_document(found, rules)
    if as_json:
        click.echo(orjson.dumps(document))
    elif found.windows or found.episodes or found.clocks:
        click.echo(_text(found, document["episodes"], document["clocks"]))
    if not found.windows and not found.episodes and not found.clocks:
        raise click.ClickException(
            f"nothing is kept of channel {channel} (home partition {found.partition}): no report of it was counted in "
            "the last 30 days, or the ref is another."
        )


def _show_request(settings: Settings, request_id: str, *, as_json: bool) -> None:
    found = asyncio.run(
        request_state.read_request(settings, request_rules(settings, configured_rules(settings)), request_id)
    )
    document = request_state.as_document(found)
    if as_json:
        click.echo(orjson.dumps(document))
    elif found.clocks:
        click.echo(_request_text(found, document["clocks"]))
    if not found.clocks:
        raise click.ClickException(
            f"no clock is kept of request {request_id} (home partition {found.partition}): it started none, all have "
            "ended, or the id is another. What it came to is on authority-routing."
        )


def _request_text(found: KeptRequest, clocks: list[dict[str, object]]) -> str:
    lines = [f"request {found.request_id}, partition {found.partition}, at {rfc3339(found.now)}"]
    for _, opening in {opening.routing_id: (clock, opening) for clock, opening in found.clocks}.values():
        lines.append(
            f"{opening.kind} received {opening.received_at}: {opening.decision}, gate {opening.gate}, "
            f"routing_id {opening.routing_id}"
        )
    lines += ["", *(_clock_text(clock) for clock in clocks)]
    return "\n".join(lines)


def _clock_text(clock: dict[str, object]) -> str:
    names = ("clock_id", "status", "started_at", "due_at", "elapsed")
    return f"{clock['obligation']}: " + ", ".join(f"{name} {clock[name]}" for name in names)


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
    lines += map(_clock_text, clocks)
    return "\n".join(lines)


@state.command()
def check() -> None:
    """Say whether workers could go on from the state as it is.

    Reads all of it as they would at their start. Decodes every record of both stages, with its version, and compares each position with the logs: the same checks
    that make a worker refuse to start, and some that it leaves for later. Workers may run. Exits with 1 if something is
    wrong.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        reports = [
            report for stage in all_stages(settings) for report in asyncio.run(examine(settings, stage))
        ]
    header = ("stage", "partition", "counts", "episodes", "clocks", "duplicates", "applied", "to do")
    click.echo(text_table(header, [_checked(report) for report in reports]))
    problems = [problem for report in reports for problem in report.problems]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)
    click.echo("the state is sound")


def _checked(report: PartitionReport) -> tuple[str, ...]:
    numbers = (report.counts, report.episodes, report.clocks, report.duplicates, report.applied, report.to_do)
    told = ("-" if number is None else f"{number:,}" for number in numbers)
    return report.stage, str(report.partition), *told


@state.command()
@click.option(
    "--stage",
    "name",
    type=click.Choice(STAGE_NAMES),
    help="Forget what this stage keeps, and leave the other as it is.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(name: str | None, yes: bool) -> None:
    """Forget everything that workers keep; they start from nothing.

    Counts, episodes, legal clocks, known duplicates, positions. Deletes channel-state (of reports) and authority-state (of requests) and creates them again. Refuses while a worker
    runs. Afterwards workers read message-reports, clock-outcomes and authority-requests from their beginning: what is
    still there is judged and published again, with the same ids. Counts, open episodes and running legal clocks from
    before that are gone. docs/operations.md says when to do this.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        stages = [stage for stage in all_stages(settings) if name in (None, stage.name)]
        doomed = asyncio.run(what_would_go(settings, stages))
        for each in doomed:
            click.echo(_warning(each))
        if not yes:
            click.confirm("Delete it?", abort=True)
        asyncio.run(delete_state(settings, doomed))
    topics = " and ".join(each.topic for each in doomed)
    click.echo(f"{topics} {'is' if len(doomed) == 1 else 'are'} empty; start the workers")


def _warning(doomed: Doomed) -> str:
    return (
        f"This deletes {doomed.topic}: {doomed.partitions} partitions, about {doomed.records:,} records of state. "
        f"The topics that feed it hold {doomed.to_read:,} records that the workers will read again."
    )
