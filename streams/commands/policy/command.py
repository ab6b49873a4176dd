"""`tocsin policy check|backtest`."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from streams.commands.policy.arrivals import from_file, from_topic
from streams.commands.policy.comparison_text import comparison_json, comparison_text
from streams.commands.policy.trial import Trial
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.progress import Progress
from streams.commands.shared.text_table import text_table
from streams.registry.loader import load_rules
from streams.registry.rules import Level, Policy
from streams.wire.envelope import rfc3339
from streams.wire.records import SourceRecord
from streams.wire.topics import MESSAGE_REPORTS
from streams.worker.settings import Settings, load_settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def policy() -> None:
    """Check and back-test the policies that decide what becomes an escalation."""


@policy.command()
@click.argument("file", type=_FILE, required=False)
def check(file: Path | None) -> None:
    """Say whether policies are usable, and list them.

    Without FILE: those that a worker would use, which are TOCSIN_POLICIES_FILE's or else the shipped ones. Exits with
    2 if they cannot be used, naming line, field and what would be valid.
    """
    files = load_settings().registry_files()
    if file:
        files["policies"] = file
    rules = load_rules(**files)
    rows = [_row(policy) for policy in rules.policies]
    click.echo(text_table(("policy", "mode", "window", "categories", "levels"), rows))
    click.echo(f"\n{len(rules.policies)} policies, version {rules.policy_version}: usable.")


def _row(policy: Policy) -> tuple[str, ...]:
    levels = "\n".join(_level(level) for level in policy.levels)
    return policy.id, policy.mode, policy.window, "\n".join(policy.categories), levels


def _level(level: Level) -> str:
    conditions = ", ".join(f"{measure} >= {threshold:g}" for measure, threshold in level.when.items())
    return f"{level.level} {level.name}: {conditions}"


@policy.command()
@click.argument("file", type=_FILE)
@click.option("--scoring", type=_FILE, help="Let the candidate weigh reports by this file.")
@click.option("--categories", type=_FILE, help="Let the candidate take severities and priors from this file.")
@click.option(
    "--since",
    type=MOMENT,
    default=0,
    help="Count only episodes that open from then on: a time with a zone, or a duration up to now. Earlier reports "
    "still fill the windows.",
)
@click.option(
    "--reports",
    type=click.File("rb"),
    help="Judge these reports, one JSON object a line, instead of those in message-reports; needs no Kafka.",
)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line: levels, then episodes.")
def backtest(
    file: Path,
    scoring: Path | None,
    categories: Path | None,
    since: int,
    reports: BinaryIO | None,
    json_lines: bool,
) -> None:
    """Say what the policies in FILE would have done, beside those in use.

    Judges what is in message-reports (14 days) twice, by the same code as a worker, and counts the episodes that opened
    and the levels they came to. Windows are empty at the first report: with --since they are filled by then. It
    writes nothing to Kafka. Legal clocks are left out. Exits with 2 if FILE cannot be used.

    \b
    Examples:
      tocsin policy backtest candidate.yaml --since P7D
      tocsin policy backtest candidate.yaml --json | jq 'select(.only == "candidate")'
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    settings = load_settings()
    files = settings.registry_files()
    # One memory stands for those of all partitions.
    remembered = settings.duplicates_remembered * settings.partitions
    of_candidate = files | {
        "policies": file,
        "scoring": scoring or files["scoring"],
        "categories": categories or files["categories"],
    }
    trials = [Trial(load_rules(**each), remembered, rfc3339(since)) for each in (files, of_candidate)]
    progress = Progress("judged")
    if reports:
        for piece in from_file(reports, time.time_ns() // 1_000_000):
            _judge(trials, piece, progress)
    else:
        with broker_errors_explained(settings):
            asyncio.run(_judge_topic(settings, trials, progress))
    progress.clear()
    in_use, candidate = trials
    if json_lines:
        click.echo("\n".join(comparison_json(in_use, candidate)))
    else:
        click.echo(comparison_text(in_use, candidate, file.name))


async def _judge_topic(settings: Settings, trials: Sequence[Trial], progress: Progress) -> None:
    async for piece in from_topic(settings.connection(), settings.topic_prefix + MESSAGE_REPORTS):
        _judge(trials, piece, progress)


def _judge(trials: Sequence[Trial], records: Sequence[SourceRecord], progress: Progress) -> None:
    for trial in trials:
        trial.apply(records)
    progress.add(len(records))
