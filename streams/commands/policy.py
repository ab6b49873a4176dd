"""`tocsin policy check`: whether policies are usable, and what they say."""

from pathlib import Path

import click

from streams.commands.text_table import text_table
from streams.registry.loader import load_rules
from streams.registry.rules import Level, Policy
from streams.settings import load_settings


@click.group()
def policy() -> None:
    """Check the policies that decide what becomes an escalation."""


@policy.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
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
