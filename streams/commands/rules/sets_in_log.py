"""Finds sets of rules in the log: by the first digits of an id, and the one in force."""

import click

from streams.contract.events.rules.rule_set import RuleSet
from streams.contract.wire.rules.rule_set import BadRuleSet
from streams.registry.changes.bundle import load_rule_set
from streams.registry.changes.history import RuleHistory, short
from streams.registry.rules import Rules
from streams.running.worker.rule_changes.log_reading import ChangesReading, read_rule_set
from streams.running.worker.rules import configured_rules
from streams.running.worker.settings import Settings

_LEAST_DIGITS = 8


def found_set(log: ChangesReading, named: str) -> str:
    """Return the id of the only set in the log that begins so. Raises UsageError otherwise."""
    known = dict.fromkeys(each.act.rule_set for each in log.history.acts)
    found = [each for each in known if each.startswith(named)]
    if len(named) < _LEAST_DIGITS or len(found) != 1:
        raise click.UsageError(
            f"{named}: {'several sets begin' if len(found) > 1 else 'no set begins'} so; give at least "
            f"{_LEAST_DIGITS} digits of an id that `tocsin rules list` shows."
        )
    return found[0]


async def read_set(settings: Settings, rule_set: str) -> tuple[RuleSet, bytes]:
    """Return a set and its value. Raises ClickException if it is not in the log, or not what its id says."""
    try:
        return await read_rule_set(settings.connection(), settings.topic_prefix, rule_set)
    except BadRuleSet as error:
        raise click.ClickException(f"the set {short(rule_set)} {error}.") from error


async def rules_in_force(settings: Settings, history: RuleHistory) -> Rules:
    """Return the rules by which workers judge: those of the set in force, or of the files."""
    if history.in_force is None:
        return configured_rules(settings)
    return load_rule_set((await read_set(settings, history.in_force.rule_set))[0])
