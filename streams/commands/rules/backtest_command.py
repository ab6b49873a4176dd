"""`tocsin rules backtest`."""

import asyncio
from pathlib import Path
from typing import Final, NamedTuple, get_args

import click

from streams.commands.backtest.options import PROCESSES, SINCE, shown
from streams.commands.backtest.run import compare_in_logs
from streams.commands.backtest.summary import summary
from streams.commands.registry.options import BUILT_IN
from streams.commands.rules.acting import act_on, reading, signer
from streams.commands.rules.history_text import act_text
from streams.commands.rules.rules_choice import IN_USE
from streams.commands.rules.sets_in_log import found_set, read_set, require_usable, rules_in_force
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.operator_options import require_reason
from streams.commands.shared.terminal import echo
from streams.contract.events.rules.back_test import BackTest
from streams.contract.events.rules.rule_change import RuleRole
from streams.contract.events.rules.rule_set import FORMAT, RuleSet
from streams.contract.wire.times import epoch_ms
from streams.registry.changes.bundle import load_rule_set, overlaid, rule_files
from streams.registry.changes.history import RuleHistory
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from streams.running.worker.rule_changes.log_reading import ChangesReading
from streams.running.worker.rule_changes.signing import Signer, made
from streams.running.worker.settings import Settings, load_settings

_LIKE_AN_ID: Final = frozenset("0123456789abcdef")


class _Chosen(NamedTuple):
    """Rules as the user calls them; `rule_set` is their id in the log, if they are there or in force."""

    name: str
    rules: Rules
    rule_set: str | None


@click.command()
@click.argument("rule_set", metavar="SET")
@click.option(
    "--against",
    default=IN_USE,
    show_default=True,
    metavar="SET",
    help="Compare with these rules instead of those by which workers judge.",
)
@SINCE
@PROCESSES
@click.option("--jsonl", "json_lines", is_flag=True, help="Print all that differs, one JSON object per line.")
@click.option(
    "--reason", help="Note the result in the log, signed, with this reason; SET is then a proposed set."
)
@click.option("--actor", metavar="REF", help="Your pseudonym; only where acts are not signed.")
@click.option("--role", type=click.Choice(get_args(RuleRole)), help="Only where acts are not signed.")
def backtest(
    rule_set: str,
    against: str,
    since: int,
    processes: int,
    json_lines: bool,
    reason: str | None,
    actor: str | None,
    role: RuleRole | None,
) -> None:
    """Show which cases SET would have opened, and which not, with the reports that workers have applied.

    SET is the id of a set in the log (at least 8 digits), a folder of rules, `in-use` or `built-in`; what a
    folder does not have is as in use. Reads the logs of reports (14 days), of what desks decided and of
    clocks, in the order in which workers applied them, judges each partition by both sets with the code of
    workers, and says what differs: cases by policy, level and day, what desks had decided about them, and
    channels with the reason. Reporters have the trust that workers gave them then. Nothing is written
    without --reason.

    \b
    Examples:
      tocsin rules backtest ./rules-next --since P7D
      tocsin rules backtest 9d6969b8883d9743 --since P14D --reason "before it is approved"
      tocsin rules backtest ./rules-next --jsonl | jq 'select(.kind == "episode")'
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    settings = load_settings()
    who = None
    if reason is not None:
        require_reason(reason)
        if against != IN_USE:
            raise click.UsageError(
                "--reason notes what changes against the rules in use: leave out --against."
            )
        who = signer(settings, actor, role)
    with broker_errors_explained(settings):
        log = reading(settings)
        history = asyncio.run(log.to_the_end())
        before, after = (_chosen(settings, log, history, each) for each in (against, rule_set))
    if who is not None and reason is not None:
        if after.rule_set is None:
            raise click.UsageError(
                f"{rule_set} is no set in the log: propose it first, or leave out --reason."
            )
        with broker_errors_explained(settings):
            asyncio.run(_require_proposed(settings, history, who, after.rule_set, reason))
    compared, result = compare_in_logs(settings, before.rules, after.rules, after.name, since, processes)
    echo(shown(compared, json_lines=json_lines))
    if who is not None and reason is not None and after.rule_set is not None:
        found = summary(compared, result, before.rule_set)
        with broker_errors_explained(settings):
            noted = asyncio.run(_note(settings, who, after.rule_set, reason, found))
        # What is printed with --jsonl stays readable by programs.
        echo(f"\n{noted}", err=json_lines)


def _chosen(settings: Settings, log: ChangesReading, history: RuleHistory, named: str) -> _Chosen:
    if named == BUILT_IN:
        return _Chosen(named, load_rules(), None)
    ruling = None if history.in_force is None else history.in_force.rule_set
    if named == IN_USE:
        return _Chosen(named, asyncio.run(rules_in_force(settings, history)), ruling)
    folder = Path(named)
    if folder.is_dir():
        if ruling is None:
            files = rule_files(**settings.registry_files())
        else:
            files = asyncio.run(read_set(settings, ruling))[0].files
        own = RuleSet(FORMAT, ruling, "", "", overlaid(files, folder))
        return _Chosen(named, load_rule_set(own), None)
    if not set(named) <= _LIKE_AN_ID:
        raise click.UsageError(
            f"{named} is no folder, and no id of a set. Give a folder of rules, an id that `tocsin rules "
            f"list` shows, `{IN_USE}` or `{BUILT_IN}`."
        )
    rule_set = found_set(log, named)
    return _Chosen(named, load_rule_set(asyncio.run(read_set(settings, rule_set))[0]), rule_set)


async def _require_proposed(
    settings: Settings, history: RuleHistory, who: Signer, rule_set: str, reason: str
) -> None:
    """Raise ClickException if the result could not be noted, or the set not be used, before it takes long."""
    act = made(history, who, "checked", rule_set, reason, passed=True)
    if problem := history.problem(act, epoch_ms(act.at)):
        raise click.ClickException(f"{problem}. Nothing was read.")
    await require_usable(settings, history, rule_set, (await read_set(settings, rule_set))[1])


async def _note(settings: Settings, who: Signer, rule_set: str, reason: str, found: BackTest) -> str:
    log = reading(settings)
    history = await log.to_the_end()
    ruling = None if history.in_force is None else history.in_force.rule_set
    if ruling != found.against:
        raise click.ClickException("other rules came into force meanwhile: run the back-test again.")
    act = made(history, who, "checked", rule_set, reason, passed=True, back_test=found)
    await act_on(settings, log, act)
    return act_text(act)
