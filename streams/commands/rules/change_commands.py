"""`tocsin rules propose` and what follows: changes of rules while workers run."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import click

from streams.commands.rules.acting import act_on, reading, require_counts, signer, write
from streams.commands.rules.approving_at_once import APPROVE_AS, approver, require_approvable
from streams.commands.rules.history_text import act_text, listed
from streams.commands.rules.sets_in_log import (
    found_set,
    read_set,
    require_usable,
    rules_in_force,
    unreadable,
)
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.operator_options import require_reason
from streams.commands.shared.terminal import echo
from streams.contract.events.rules.rule_change import RuleRole, Share
from streams.contract.events.rules.rule_set import FORMAT, RuleFile, RuleSet
from streams.contract.wire.rules.rule_set import (
    BadRuleSet,
    encode_rule_set,
    rule_set_id,
    rule_set_record,
)
from streams.contract.wire.times import epoch_ms
from streams.desk.text.back_test_text import back_test_text
from streams.registry.changes.bundle import beyond_policies, overlaid, rule_files
from streams.registry.changes.history import Proposal, RuleHistory, short
from streams.registry.changes.keys import ON_TRUST
from streams.registry.changes.live_change import lacks_back_test
from streams.registry.changes.trial_totals import TrialTotals
from streams.registry.rules import Rules
from streams.running.wall_clock import clock_ms
from streams.running.worker.rule_changes.log_reading import NotThere, read_rule_set, read_trial
from streams.running.worker.rule_changes.signing import Signer, made
from streams.running.worker.settings import Settings, load_settings


def _who_and_why(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--role", type=click.Choice(get_args(RuleRole)), help="Only where acts are not signed."),
        click.option("--actor", metavar="REF", help="Your pseudonym; only where acts are not signed."),
        click.option("--reason", required=True, help="Why; it is kept in the log. Name no person."),
    ):
        command = option(command)
    return command


_YES = click.option("--yes", is_flag=True, help="Do it; without it, nothing is written.")
_SET = click.argument("rule_set", metavar="SET")


@click.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of rules.",
)
@click.option("--from-settings", is_flag=True, help="The files that the settings name.")
@_who_and_why
@APPROVE_AS
def propose(
    folder: Path | None,
    from_settings: bool,
    reason: str,
    actor: str | None,
    role: RuleRole | None,
    approve_as: tuple[str, RuleRole] | None,
) -> None:
    """Put a set of rules into the log, for another person to approve.

    The set is tried first, as every worker will: it is loaded, and executed on sample reports and on those of
    golden_reports.yaml, if the folder has that file. What the folder does not have is as in the set in force,
    or as in the files that the settings name while none is. A folder `law` replaces all law.

    A pipeline whose own review is the second pair of eyes approves it at once with --approve-as. That is
    refused, and nothing written, where the list of keys demands two people, while no set is in force, and for
    what changes anything but policies in shadow: propose that, back-test it, and approve it.

    If the record of the set in force is gone, a folder with all of its files writes that again instead.
    """
    if (folder is None) != from_settings:
        raise click.UsageError("give either --from FOLDER or --from-settings.")
    require_reason(reason)
    settings = load_settings()
    who = signer(settings, actor, role)
    second = None if approve_as is None else approver(settings, who, *approve_as)
    with broker_errors_explained(settings):
        echo(asyncio.run(_propose(settings, who, second, folder, reason)))


async def _propose(
    settings: Settings, who: Signer, second: Signer | None, folder: Path | None, reason: str
) -> str:
    log = reading(settings)
    history = await log.to_the_end()
    if (unknown := history.why_unknown()) is not None:
        echo(f"{unknown}. What the folder lacks is as in the files that the settings name.", err=True)
    parent = None if history.in_force is None else history.in_force.rule_set
    files = rule_files(**settings.registry_files())
    ruling = files
    if parent is not None:
        try:
            ruling = (await read_rule_set(settings.connection(), settings.topic_prefix, parent))[0].files
        except NotThere:
            return await _put_back(settings, history, parent, overlaid(files, folder) if folder else files)
        except BadRuleSet as error:
            raise unreadable(parent, error) from error
    if folder is not None:
        files = overlaid(ruling, folder)
    try:
        value = encode_rule_set(RuleSet(FORMAT, parent, who.actor.ref, reason, files))
    except BadRuleSet as error:
        raise click.ClickException(f"no worker would take it: it {error}. Nothing was written.") from error
    rule_set = rule_set_id(value)
    after = await require_usable(settings, history, rule_set, value)
    act = made(history, who, "proposed", rule_set, reason, parent=parent)
    require_counts(history, act)
    if second is not None:
        await require_approvable(settings, history, act, (who, second), after)
    await write(settings, rule_set_record(value, epoch_ms(act.at)))
    await act_on(settings, log, act)
    await act_on(settings, log, made(history, who, "checked", rule_set, "tried when proposed", passed=True))
    # At once: it stays so, even if brokers then fail.
    echo(f"proposed and checked: {rule_set}")
    if second is None:
        return f"Another person approves it with `tocsin rules approve {short(rule_set)}`."
    approval = made(history, second, "approved", rule_set, reason)
    await act_on(settings, log, approval)
    return act_text(approval)


async def _put_back(
    settings: Settings, history: RuleHistory, rule_set: str, files: tuple[RuleFile, ...]
) -> str:
    """Write the set in force again, whose record is gone. Raises ClickException if these are not its files.

    All else that is in it, the log says, and its id is the hash of all.
    """
    for told in history.acts:
        act = told.act
        if act.kind == "proposed" and act.rule_set == rule_set:
            value = encode_rule_set(RuleSet(FORMAT, act.parent, act.actor.ref, act.reason, files))
            if rule_set_id(value) == rule_set:
                await write(settings, rule_set_record(value, epoch_ms(act.at)))
                return f"the set in force is in rule-sets again: {rule_set}\nNothing was proposed."
    raise click.ClickException(
        f"the set in force, {short(rule_set)}, is not in rule-sets any more, and these are not its files. "
        f"Give a folder with all of them, as `tocsin rules show {short(rule_set)} --to FOLDER` wrote it "
        "once, and the set is written again; or go back to another set with `tocsin rules rollback`. Nothing "
        "was written."
    )


@click.command()
@_SET
@_who_and_why
@_YES
def shadow(rule_set: str, **options: Any) -> None:
    """Let a proposed set judge all reports beside the rules in force, and decide nothing.

    Escalations of its policies go to escalations-shadow, under its policy_version. Law, categories, weights,
    rights and trust stay those in force. Who proposed the set may do it alone; `tocsin rules end` ends it.
    """
    _act("shadowed", rule_set, **options)


@click.command()
@_SET
@click.option(
    "--share",
    type=click.Choice([*map(str, get_args(Share)), "100"]),
    default="100",
    show_default=True,
    help="Percentage of channels that its policies judge. Below 100 the set may differ in policies only.",
)
@click.option(
    "--at",
    "since_ms",
    type=MOMENT,
    metavar="TIME",
    help="The event time from which on it is in force, such as 2026-03-01T12:00:00Z.  [default: now]",
)
@_who_and_why
@_YES
def approve(rule_set: str, share: str, since_ms: int | None, **options: Any) -> None:
    """Put a proposed set into force, in all partitions, within seconds. Who proposed it cannot.

    The set is read from the log and tried again before you sign. Without --yes it is only tried. What changes
    anything but policies in shadow must have been back-tested, with --reason (`tocsin rules backtest`).

    With --share its policies judge a part of the channels, which a keyed hash draws. Workers take it back by
    themselves if its escalations leave the band that docs/rules.md states. Approve it again for a larger
    share, or for all.
    """
    if since_ms is None:
        part = None if share == "100" else cast(Share, int(share))
        _act("approved", rule_set, share=part, **options)
        return
    if share != "100":
        raise click.UsageError("--at puts a set into force for all channels: leave out --share.")
    if since_ms <= clock_ms():
        raise click.UsageError("--at must be later than now.")
    _act("scheduled", rule_set, since=datetime.fromtimestamp(since_ms / 1000, UTC), **options)


@click.command()
@click.argument("rule_set", metavar="[SET]", required=False)
@_who_and_why
@_YES
def end(rule_set: str | None, **options: Any) -> None:
    """End the trial of a set: the rules in force judge all channels again. It stays proposed.

    One person suffices. What its policies have opened goes on, or is resolved, as after every change.
    """
    _act("ended", rule_set, **options)


@click.command()
@_SET
@_who_and_why
@_YES
def reject(rule_set: str, **options: Any) -> None:
    """Refuse a proposed set, or withdraw your own."""
    _act("rejected", rule_set, **options)


@click.command()
@click.argument("rule_set", metavar="[SET]", required=False)
@_who_and_why
@_YES
def rollback(rule_set: str | None, **options: Any) -> None:
    """Put a set into force that was in force before; without SET, the one before this.

    While a candidate judges a share of channels, without SET that ends. One person suffices: others have
    approved it. Open cases stay open, and no clock ends.
    """
    _act("rolled_back", rule_set, **options)


@click.command()
@_SET
@_who_and_why
def check(rule_set: str, **options: Any) -> None:
    """Try a proposed set once more, for example with another version of Tocsin, and note that in the log."""
    _act("checked", rule_set, yes=True, **options)


def _act(
    kind: Any,
    named: str | None,
    reason: str,
    actor: str | None,
    role: RuleRole | None,
    yes: bool,
    **fields: Any,
) -> None:
    require_reason(reason)
    settings = load_settings()
    who = signer(settings, actor, role)
    with broker_errors_explained(settings):
        echo(asyncio.run(_acted(settings, who, kind, named, reason, yes=yes, **fields)))


async def _acted(
    settings: Settings, who: Signer, kind: Any, named: str | None, reason: str, *, yes: bool, **fields: Any
) -> str:
    log = reading(settings)
    history = await log.to_the_end()
    if kind == "rolled_back" and named is None and history.trial is not None and history.trial.share:
        kind = "ended"
    if named is not None:
        rule_set = found_set(log, named)
    else:
        rule_set = _on_trial(history) if kind == "ended" else _before(history)
    act = made(history, who, kind, rule_set, reason, passed=True if kind == "checked" else None, **fields)
    if kind not in ("approved", "checked", "shadowed", "scheduled"):
        require_counts(history, act)
    else:
        read, value = await read_set(settings, rule_set)
        if act.share is not None:
            await _require_only_policies(settings, history, read)
        require_counts(history, act)
        after = await require_usable(settings, history, rule_set, value)
        if kind in ("approved", "scheduled"):
            _show_back_test(history.proposals[rule_set], await rules_in_force(settings, history), after)
    if not yes:
        return f"nothing was written; to write that {short(rule_set)} is {kind}, run it again with --yes"
    await act_on(settings, log, act)
    return act_text(act)


def _show_back_test(proposal: Proposal, before: Rules, after: Rules) -> None:
    """Show what a back-test has found. Raises ClickException for a live change that has none."""
    rule_set = proposal.rule_set
    if proposal.back_test is not None:
        echo(back_test_text(proposal.back_test))
    if lacks_back_test(proposal, before, after):
        raise click.ClickException(
            f"{short(rule_set)} changes what is live, and was not back-tested: run `tocsin rules backtest "
            f"{short(rule_set)} --since P14D --reason ...`, and look at what differs. Nothing was written."
        )


async def _require_only_policies(settings: Settings, history: RuleHistory, candidate: RuleSet) -> None:
    """Raise ClickException if a set changes what must be the same for all channels."""
    if history.in_force is None:
        return
    ruling, _ = await read_set(settings, history.in_force.rule_set)
    if different := beyond_policies(ruling, candidate):
        raise click.ClickException(
            f"a share of channels can have other policies, and nothing else: {', '.join(different)} "
            f"{'differs' if len(different) == 1 else 'differ'} from what is in force. Law, categories, "
            "weights, rights and trust are the same for everybody. Nothing was written."
        )


def _on_trial(history: RuleHistory) -> str:
    if history.trial is None:
        raise click.ClickException("no set is on trial.")
    return history.trial.rule_set


def _before(history: RuleHistory) -> str:
    """Return the set that was in force before the one that is. Raises ClickException without one."""
    if history.before is None:
        raise click.ClickException(
            "no other set was ever in force. To go back to the files of the installation, propose them: "
            "`tocsin rules propose --from-settings`."
        )
    return history.before


@click.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Also acts that do not count, with the reason.")
def list_(everything: bool) -> None:
    """Show what was decided about rules, what is in force or on trial, and what waits for approval."""
    settings = load_settings()
    with broker_errors_explained(settings):
        history, totals = asyncio.run(_history(settings))
    echo(listed(history, totals, everything=everything))


async def _history(settings: Settings) -> tuple[RuleHistory, TrialTotals]:
    history = await reading(settings).to_the_end()
    if history.trial is None:
        return history, TrialTotals()
    return history, await read_trial(settings.connection(), settings.topic_prefix)


@click.command()
@_SET
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write its files into this new folder, for `tocsin rules diff`.",
)
def show(rule_set: str, folder: Path | None) -> None:
    """Show who proposed a set and why, and its files."""
    settings = load_settings()
    with broker_errors_explained(settings):
        rules = asyncio.run(_shown(settings, rule_set))
    echo(f"parent: {short(rules.parent)}\nauthor: {rules.author}\nreason: {rules.reason}")
    if folder is None:
        echo("\n".join(f"{file.name} ({len(file.text.encode()):,} bytes)" for file in rules.files))
        return
    if folder.exists():
        raise click.ClickException(f"{folder} exists already; name a new folder.")
    for file in rules.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
    echo(f"{len(rules.files)} files written to {folder}")


async def _shown(settings: Settings, named: str) -> RuleSet:
    # Whose acts count does not matter to who looks at files.
    log = reading(settings, ON_TRUST)
    await log.to_the_end()
    return (await read_set(settings, found_set(log, named)))[0]


COMMANDS = cast(list[click.Command], [propose, shadow, approve, end, reject, rollback, check, list_, show])
