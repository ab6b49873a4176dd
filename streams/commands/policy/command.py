"""`tocsin policy check` and `tocsin policy backtest`."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from streams.commands.policy.arrivals import from_file, from_topics
from streams.commands.policy.comparison_text import comparison_json, comparison_text
from streams.commands.policy.trial import Trial, as_one_partition
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.progress import Progress
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import REPORT_SOURCES
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reports.claims import UNRESTRICTED
from streams.desk.text.text_table import text_table
from streams.registry.loader import load_rules
from streams.registry.policy import Policy
from streams.running.wall_clock import clock_ms
from streams.running.worker.hash_keys import given_hash_keys
from streams.running.worker.settings import Settings, load_settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=SuggestingGroup)
def policy() -> None:
    """Check and back-test the policies for escalations."""


@policy.command()
@click.argument("file", type=_FILE, required=False)
def check(file: Path | None) -> None:
    """Validate policies and list them.

    Without FILE, checks the policies that a worker would use: those in TOCSIN_POLICIES_FILE, or the built-in
    ones if it is not set. Exits with 2 if they are invalid, and names the line, the field and what would be
    valid.
    """
    files = load_settings().registry_files()
    if file:
        files["policies"] = file
    rules = load_rules(**files)
    rows = [_row(policy) for policy in rules.policies]
    echo(text_table(("policy", "mode", "window", "categories", "levels"), rows))
    echo(f"\n{len(rules.policies)} policies, version {rules.policy_version}: valid.")


def _row(policy: Policy) -> tuple[str, ...]:
    levels = "\n".join(f"{level.level} {level.name}: {level.text}" for level in policy.levels)
    return policy.id, policy.mode, policy.window, "\n".join(policy.categories), levels


@policy.command()
@click.argument("file", type=_FILE)
@click.option(
    "--scoring", type=_FILE, help="Scoring file for the candidate (YAML); without it, the one in use."
)
@click.option(
    "--categories",
    type=_FILE,
    help="File of severities and priors for the candidate (YAML); without it, the one in use.",
)
@click.option(
    "--since",
    type=MOMENT,
    default=0,
    help="Count only episodes that opened since then. TIME is a time with a zone or a duration before now. "
    "Earlier reports still fill the windows.",
)
@click.option(
    "--reports",
    type=click.File("rb"),
    help="Read reports from this file, one JSON object per line, instead of the topics; needs no Kafka.",
)
@click.option(
    "--json", "json_lines", is_flag=True, help="Print one JSON object per line: levels, then episodes."
)
def backtest(
    file: Path,
    scoring: Path | None,
    categories: Path | None,
    since: int,
    reports: BinaryIO | None,
    json_lines: bool,
) -> None:
    """Compare the policies in FILE with those in use.

    Evaluates the reports in message-reports and verified-reports (14 days) twice, with the code that workers
    run, and counts the episodes that opened and the levels they reached. Writes nothing to Kafka and leaves
    legal clocks out. Windows are empty at the first report, so use --since to skip the time in which they
    fill. Reports in a file may claim everything, because it does not say who published them. Exits with 2 if
    FILE is invalid.

    \b
    Examples:
      tocsin policy backtest candidate.yaml --since P7D
      tocsin policy backtest candidate.yaml --json | jq 'select(.only == "candidate")'
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    settings = load_settings()
    files = settings.registry_files()
    one_partition = as_one_partition(settings.partition_settings(), settings.partitions)
    candidate_files = files | {
        "policies": file,
        "scoring": scoring or files["scoring"],
        "categories": categories or files["categories"],
    }
    both = [load_rules(**each) for each in (files, candidate_files)]
    if reports:
        both = [replace(rules, sources=UNRESTRICTED) for rules in both]
    # Up to 2,048 reporters in a window are counted exactly under any key, and about as well beyond.
    keys = given_hash_keys(settings) or DEMONSTRATION
    trials = [Trial(rules, one_partition, rfc3339(since), keys) for rules in both]
    progress = Progress("evaluated")
    if reports:
        for batch in from_file(reports, clock_ms()):
            _evaluate(trials, batch, progress)
    else:
        with broker_errors_explained(settings):
            asyncio.run(_evaluate_topic(settings, trials, progress))
    progress.clear()
    in_use, candidate = trials
    if json_lines:
        echo("\n".join(comparison_json(in_use, candidate)))
    else:
        echo(comparison_text(in_use, candidate, file.name))


async def _evaluate_topic(settings: Settings, trials: Sequence[Trial], progress: Progress) -> None:
    topics = [settings.topic_prefix + topic for topic in REPORT_SOURCES]
    async for batch in from_topics(settings.connection(), topics):
        _evaluate(trials, batch, progress)


def _evaluate(trials: Sequence[Trial], records: Sequence[SourceRecord], progress: Progress) -> None:
    for trial in trials:
        trial.apply(records)
    progress.add(len(records))
