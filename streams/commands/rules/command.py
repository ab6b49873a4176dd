"""`tocsin rules diff`."""

from datetime import datetime

import click
import orjson

from streams.commands.registry.diff_document import diff_document
from streams.commands.registry.options import DAY, day_or_today
from streams.commands.rules.backtest_command import backtest
from streams.commands.rules.change_commands import COMMANDS
from streams.commands.rules.rules_choice import Choice, RulesType
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.desk.text.differences.rules_text import differences, rules_diff_text

_RULES = RulesType()


@click.group(cls=SuggestingGroup)
def rules() -> None:
    """Compare sets of rules, and change them while workers run.

    Rules are policies, categories, weights, rights of publishers and law. docs/rules.md tells a change from
    the idea to the last partition.
    """


for _command in (*COMMANDS, backtest):
    rules.add_command(_command)


@rules.command()
@click.argument("old", type=_RULES)
@click.argument("new", type=_RULES)
@click.option(
    "--today", type=DAY, metavar="DATE", help="Compare the law as of this day (UTC).  [default: today]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def diff(old: Choice, new: Choice, today: datetime | None, as_json: bool) -> None:
    """Show in words what changes if NEW replaces OLD, before any worker uses it.

    OLD and NEW are folders of rules, `in-use` for the files that the settings name, or `built-in` for those
    that Tocsin ships. A folder may have policies.yaml, categories.yaml, scoring.yaml, sources.yaml,
    platform.yaml and a folder `law`; what it does not have is as in use. Comments, reasons of numbers and the
    order of keys differ in nothing.

    For each level of a policy whose thresholds or weights differ, it says how many reports reach it by who
    sends them, before and after. `tocsin rules backtest` says what your own reports would have done. Exits
    with 0 whether or not something differs, and with 2 if a file is invalid.

    \b
    Examples:
      tocsin rules diff in-use ./rules-next
      tocsin rules diff built-in in-use --json | jq '.policies[].id'
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    before, after = old.read(), new.read()
    day = day_or_today(today)
    found = differences(before, after, day)
    if not as_json:
        echo(rules_diff_text(before, after, found))
        return
    document = {
        "old": _versions(old, before.rules.policy_version, before.rules.registry_version),
        "new": _versions(new, after.rules.policy_version, after.rules.registry_version),
        "policies": [
            {**each._asdict(), "values": [value._asdict() for value in each.values]}
            for each in found.policies
        ],
        "values": {part: [each._asdict() for each in changes] for part, changes in found.values.items()},
        "reports_needed": [each._asdict() for each in found.needs],
        "law": diff_document(before, after, found.law, day)["changes"],
    }
    echo(orjson.dumps(document).decode())


def _versions(choice: Choice, policy_version: str, registry_version: str) -> dict[str, str]:
    return {"rules": choice.name, "policy_version": policy_version, "registry_version": registry_version}
