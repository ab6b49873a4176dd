"""`tocsin reporter`: the command."""

import asyncio
from typing import get_args

import click
import msgspec

from streams.commands.reporter.kept_reporter import KeptReporter, key_in_use, read_reporter
from streams.commands.reporter.known import describe
from streams.commands.reporter.known_text import known_text
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.contract.events.report import ReporterKind
from streams.contract.wire.refs import is_ref
from streams.contract.wire.state_records import UnknownStateVersion
from streams.deciding.partition.hash_key import HashKeys
from streams.deciding.reporters.rules import ReporterStageRules
from streams.running.worker.hash_keys import configured_hash_keys
from streams.running.worker.rules import configured_rules, reporter_rules
from streams.running.worker.settings import PREFIX, Settings, load_settings


@click.group(cls=SuggestingGroup)
def reporter() -> None:
    """Show how far a reporter is trusted, and why."""


@reporter.command()
@click.argument("ref")
@click.option(
    "--kind",
    type=click.Choice(get_args(ReporterKind)),
    default="user",
    show_default=True,
    metavar="KIND",
    help=f"Kind of the reporter ({', '.join(get_args(ReporterKind))}), which is not kept with the outcomes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(ref: str, kind: ReporterKind, as_json: bool) -> None:
    """Show how far the reporter with this REF is trusted, and why.

    REF is the pseudonym that reports give. Shows mean and lower bound of trust, the class and what it needs,
    the outcomes it comes from, by category, the reports of the day against their limit and the channels of
    the week. Everything is as of the partition's time.

    Needs the key of the workers (TOCSIN_HASH_KEY): reporters are kept as keyed hashes only. Reads committed
    state, so workers may run. Exits with 1 if nothing is known of the reporter.
    """
    if not is_ref(ref):
        raise click.UsageError("REF must be a pseudonym as reports give it.")
    settings = load_settings()
    keys = configured_hash_keys(settings)
    rules = reporter_rules(settings, configured_rules(settings), keys)
    try:
        with broker_errors_explained(settings):
            kept = asyncio.run(read_reporter(settings, rules, ref))
            if kept.reporter is None:
                raise click.ClickException(_unknown(settings, keys, rules, kept))
    except (UnknownStateVersion, msgspec.DecodeError) as error:
        raise click.ClickException(
            f"the state of this reporter cannot be read ({error.__cause__ or error}). Run `tocsin state "
            "check` for details."
        ) from error
    known = describe(rules, ref, kind, kept, kept.reporter)
    echo(msgspec.json.encode(known).decode() if as_json else known_text(known, rules.trust))


def _unknown(settings: Settings, keys: HashKeys, rules: ReporterStageRules, kept: KeptReporter) -> str:
    """Why nothing is known: the likely reasons, the most certain first."""
    used = asyncio.run(key_in_use(settings, kept.partition))
    if used is not None and used != rules.hash_key.id:
        previous = keys.previous
        which = "the one in TOCSIN_HASH_KEY_PREVIOUS" if previous and previous.id == used else "another one"
        return (
            f"{PREFIX}HASH_KEY is the key {keys.current.id}, but the workers use {used}, {which}: a reporter "
            "is found with the workers' key only."
        )
    return (
        f"nothing is known of this reporter (home partition {kept.partition}): there was no report in the "
        "last 22 days and no outcome in the last 360, or the ref is wrong."
    )
