"""`tocsin policy check` and `tocsin policy backtest`."""

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from streams.commands.backtest.arrivals import from_file
from streams.commands.backtest.comparison_text import Comparison
from streams.commands.backtest.options import PROCESSES, SINCE, shown
from streams.commands.backtest.run import compare_in_logs
from streams.commands.backtest.trial import Trial, as_one_partition
from streams.commands.shared.progress import Progress
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.contract.wire.envelope import rfc3339
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reports.claims import UNRESTRICTED
from streams.desk.text.text_table import text_table
from streams.registry.loader import load_rules
from streams.registry.policy import Policy
from streams.registry.rules import Rules
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
@SINCE
@PROCESSES
@click.option(
    "--reports",
    type=click.File("rb"),
    help="Read reports from this file, one JSON object per line, instead of the topics; needs no Kafka.",
)
@click.option(
    "--json", "json_lines", is_flag=True, help="Print one JSON object per line: tables, then episodes."
)
def backtest(
    file: Path,
    scoring: Path | None,
    categories: Path | None,
    since: int,
    processes: int,
    reports: BinaryIO | None,
    json_lines: bool,
) -> None:
    """Compare the policies in FILE with those that the settings name.

    The same as `tocsin rules backtest` for a file of policies: judges the reports that workers applied, and
    what desks decided (14 days), by both, with the code that workers run, and counts the episodes that opened
    and the levels they reached. Writes nothing to Kafka. Windows are empty at the first report, so use
    --since to skip the time in which they fill. Reports in a file may claim everything, because it does not
    say who published them, and it has no outcomes and no clocks. Exits with 2 if FILE is invalid.

    \b
    Examples:
      tocsin policy backtest candidate.yaml --since P7D
      tocsin policy backtest candidate.yaml --json | jq 'select(.only == "candidate")'
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    settings = load_settings()
    files = settings.registry_files()
    candidate_files = files | {
        "policies": file,
        "scoring": scoring or files["scoring"],
        "categories": categories or files["categories"],
    }
    in_use, candidate = load_rules(**files), load_rules(**candidate_files)
    if reports:
        compared = _compared_in_file(settings, in_use, candidate, since, reports, file.name)
    else:
        compared, _ = compare_in_logs(settings, in_use, candidate, file.name, since, processes)
    echo(shown(compared, json_lines=json_lines))


def _compared_in_file(
    settings: Settings, in_use: Rules, candidate: Rules, since: int, reports: BinaryIO, name: str
) -> Comparison:
    one_partition = as_one_partition(settings.partition_settings(), settings.partitions)
    # Up to 2,048 reporters in a window are counted exactly under any key, and about as well beyond.
    keys = given_hash_keys(settings) or DEMONSTRATION
    trials = [
        Trial(replace(rules, sources=UNRESTRICTED), one_partition, rfc3339(since), keys)
        for rules in (in_use, candidate)
    ]
    progress = Progress("evaluated")
    for batch in from_file(reports, clock_ms()):
        for trial in trials:
            trial.apply(batch)
        progress.add(len(batch))
    progress.clear()
    return Comparison(trials[0].judged, trials[1].judged, name)
