"""`tocsin state`: the group, `show`, `check` and `reset`.

The others are in saved.py and partition_time.py.
"""

import asyncio

import click
import msgspec
import orjson

from streams.commands.shared import channel_state
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.channel_state import ChannelState
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.commands.state import request_state
from streams.commands.state.partition_time import set_time, show_times
from streams.commands.state.request_state import KeptRequest
from streams.commands.state.reset import ResetPlan, plan_resets, recreate_topics
from streams.commands.state.saved import downgrade, repartition, restore, save
from streams.commands.state.stages import all_stages, stage_option
from streams.commands.state.state_check import PartitionCheck, check_stage
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.state_records import UnknownStateVersion
from streams.counting.measures import MILLION
from streams.counting.store import UnreadableCounts
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.desk.text.text_table import text_table
from streams.running.worker.hash_keys import configured_hash_keys
from streams.running.worker.rules import configured_rules, report_rules, request_rules
from streams.running.worker.settings import Settings, load_settings


@click.group(cls=SuggestingGroup)
def state() -> None:
    """Show, check, save, restore, move, correct or reset the state that workers keep."""


for _command in (save, restore, repartition, downgrade, show_times, set_time):
    state.add_command(_command)


@state.command()
@click.argument("channel", required=False)
@click.option(
    "--request",
    "request_id",
    metavar="ID",
    help="Show the authority's request with this request_id instead of a channel.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def show(channel: str | None, request_id: str | None, as_json: bool) -> None:
    """Show the state of a channel or of an authority's request.

    For CHANNEL, the ref that reports give, shows the counts, episodes and legal clocks; with --request, the
    legal clocks of the request and how it was decided. Windows and clocks are shown as of the partition's
    time, which is that of the newest record applied there, or later when the partition is quiet. Reads
    committed state, so workers may run. Exits with 1 if there is no state.
    """
    if (channel is None) == (request_id is None):
        raise click.UsageError("give either CHANNEL or --request ID.")
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
            f"the state of {what} cannot be read ({error.__cause__ or error}). Run `tocsin state check` for "
            "details."
        ) from error


def _show_channel(settings: Settings, channel: str, *, as_json: bool) -> None:
    # Counts are read without hashing anybody, so this needs no key.
    rules = report_rules(settings, configured_rules(settings), DEMONSTRATION)
    found = asyncio.run(channel_state.read_channel(settings, rules, channel))
    document = channel_state.as_document(found, rules)
    if as_json:
        echo(orjson.dumps(document).decode())
    elif found.windows or found.episodes or found.clocks:
        echo(_text(found, document["episodes"], document["clocks"]))
    if not found.windows and not found.episodes and not found.clocks:
        raise click.ClickException(
            f"there is no state of channel {channel} (home partition {found.partition}): no report about it "
            "was counted in the last 31 days, or the ref is wrong."
        )


def _show_request(settings: Settings, request_id: str, *, as_json: bool) -> None:
    found = asyncio.run(
        request_state.read_request(settings, request_rules(settings, configured_rules(settings)), request_id)
    )
    document = request_state.as_document(found)
    if as_json:
        echo(orjson.dumps(document).decode())
    elif found.clocks:
        echo(_request_text(found, document["clocks"]))
    if not found.clocks:
        raise click.ClickException(
            f"there is no clock of request {request_id} (home partition {found.partition}): it started none, "
            "all have ended, or the id is wrong. The decision on a request is in authority-routing."
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
            f"{measures.risk / MILLION:.2f}",
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
    lines += ["", text_table(header, rows) if rows else "no report is in any window", ""]
    for episode in episodes:
        shown = ", ".join(f"{name} {value}" for name, value in list(episode.items())[2:] if value is not None)
        lines.append(f"{episode['policy']} ({episode['mode']}): {shown}")
    if not episodes:
        lines.append("no episode is open or cooling down")
    lines += map(_clock_text, clocks)
    return "\n".join(lines)


@state.command()
def check() -> None:
    """Check whether workers can start from the state.

    Decodes every record of all stages, with its version, and compares each position with the logs. These are
    the checks that a worker makes at its start, and some that it makes only when it needs a record. Workers
    may run. Exits with 1 if there is a problem.
    """
    settings = load_settings()
    hash_keys = configured_hash_keys(settings)
    with broker_errors_explained(settings):
        checks = [
            check
            for stage in all_stages(settings, hash_keys)
            for check in asyncio.run(check_stage(settings, stage))
        ]
    header = [name for name in PartitionCheck._fields if name != "problems"]
    echo(text_table(header, [_check_row(check) for check in checks]))
    problems = [problem for check in checks for problem in check.problems]
    for problem in problems:
        echo(problem, err=True)
    if problems:
        raise SystemExit(1)
    echo("the state is sound")


def _check_row(check: PartitionCheck) -> tuple[str, ...]:
    stage, partition, _, *numbers = check
    return stage, str(partition), *("-" if number is None else f"{number:,}" for number in numbers)


@state.command()
@stage_option("Reset this stage only")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def reset(name: str | None, yes: bool) -> None:
    """Delete all state; workers then start from nothing.

    The state is the counts, episodes, legal clocks, trust in reporters, known duplicates and positions.
    Deletes channel-state (of reports), authority-state (of requests) and reporter-state (of reporters) and
    creates them again; refuses while a worker runs. Afterwards workers read message-reports,
    verified-reports, clock-outcomes, moderation-outcomes and authority-requests from the beginning: what is
    still there is processed and published again, with the same ids. Counts, open episodes and running legal
    clocks that came from older records are lost. docs/operations-emergencies.md says when to do this.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        # The state is deleted without being restored, so this needs no key.
        plans = asyncio.run(plan_resets(settings, all_stages(settings, DEMONSTRATION, name)))
        for plan in plans:
            echo(_warning(plan))
        if not yes:
            click.confirm("Delete the state?", abort=True)
        asyncio.run(recreate_topics(settings, plans))
    topics = " and ".join(plan.topic for plan in plans)
    echo(f"{topics} {'is' if len(plans) == 1 else 'are'} empty; start the workers")


def _warning(plan: ResetPlan) -> str:
    return (
        f"This deletes {plan.topic}: {plan.partitions} partitions, about {plan.records:,} records of state. "
        f"Workers will read the {plan.to_read:,} records of its source topics again."
    )
