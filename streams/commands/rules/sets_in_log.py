"""Sets of rules in the log: by the first digits of an id, the one in force, and whether one can be used."""

from collections.abc import Sequence

import click

from streams.commands.shared.terminal import echo
from streams.contract.events.rules.rule_set import RuleSet
from streams.contract.wire.rules.rule_set import BadRuleSet, decode_rule_set
from streams.registry.changes.bundle import category_conflicts, load_rule_set
from streams.registry.changes.history import RuleHistory, short
from streams.registry.rules import Rules
from streams.running.worker.rule_changes.log_reading import ChangesReading, read_rule_set
from streams.running.worker.rule_changes.trial import try_rule_set
from streams.running.worker.rules import configured_rules
from streams.running.worker.settings import Settings

_LEAST_DIGITS = 8
_DIGITS = 64


def found_set(log: ChangesReading, named: str) -> str:
    """Return the id of the only set in the log that begins so. Raises UsageError otherwise.

    A whole id may be that of a set about which all acts were deleted.
    """
    if len(named) == _DIGITS:
        return named
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
        raise unreadable(rule_set, error) from error


def unreadable(rule_set: str, error: BadRuleSet) -> click.ClickException:
    """Return what to say of a set that cannot be read."""
    return click.ClickException(f"the set {short(rule_set)} {error}.")


async def rules_in_force(settings: Settings, history: RuleHistory) -> Rules:
    """Return the rules by which workers judge: those of the set in force, or of the files."""
    if history.in_force is None:
        return configured_rules(settings)
    return load_rule_set((await read_set(settings, history.in_force.rule_set))[0])


async def require_usable(settings: Settings, history: RuleHistory, rule_set: str, value: bytes) -> Rules:
    """Try a set as workers do, and return its rules. Raises ClickException with what is wrong with it."""
    verdict = await try_rule_set(rule_set, value)
    if verdict.problems:
        raise _unusable(rule_set, verdict.problems)
    rules = load_rule_set(decode_rule_set(rule_set, value))
    if conflicts := category_conflicts(await rules_in_force(settings, history), rules):
        raise _unusable(rule_set, conflicts)
    # Not among results: those of a back-test may be read by a program.
    echo(f"tried in {verdict.seconds:.1f} s", err=True)
    return rules


def _unusable(rule_set: str, problems: Sequence[str]) -> click.ClickException:
    text = "\n".join(f"  {problem}" for problem in problems)
    return click.ClickException(f"no worker would take the set {short(rule_set)}:\n{text}")
