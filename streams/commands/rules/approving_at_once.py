"""`tocsin rules propose --approve-as`: approves what it proposes, where keys demand no second person."""

from typing import get_args

import click

from streams.commands.rules.acting import require_counts, signer
from streams.commands.rules.sets_in_log import rules_in_force
from streams.commands.shared.operator_options import require_pseudonym
from streams.contract.events.rules.rule_change import RuleChange, RuleRole
from streams.contract.wire.times import epoch_ms
from streams.registry.changes.history import RuleHistory, short
from streams.registry.changes.live_change import is_live_change
from streams.registry.rules import Rules
from streams.running.worker.rule_changes.approvals import configured_approvals
from streams.running.worker.rule_changes.signing import Signer, made
from streams.running.worker.settings import PREFIX, Settings

APPROVE_AS = click.option(
    "--approve-as",
    type=(str, click.Choice(get_args(RuleRole))),
    metavar="REF ROLE",
    help="Approve it at once, in the name of who reviewed the change; not where keys make that two people.",
)


def approver(settings: Settings, proposer: Signer, ref: str, role: RuleRole) -> Signer:
    """Return who approves at once what `proposer` proposes.

    Raises UsageError where the list of keys demands another person, and for a name whose approval would not
    count.
    """
    keys = configured_approvals(settings).keys
    if keys is None:
        require_pseudonym(ref, "--approve-as")
        if ref == proposer.actor.ref:
            raise click.UsageError(
                "--approve-as must name another person than --actor: who reviewed the change."
            )
        return signer(settings, ref, role)
    if "approved" in keys.two_people:
        raise click.UsageError(
            "--approve-as cannot be used here: an approval takes another person with a key of their own, as "
            f"`two_people` says in the list of keys ({PREFIX}RULE_KEYS_FILE={settings.rule_keys_file}). "
            "Leave it out, and let that person run `tocsin rules approve`. Nothing was written."
        )
    if (ref, role) != (proposer.actor.ref, proposer.actor.role):
        raise click.UsageError(
            "--approve-as must name the owner of the key, which signs the approval, too: "
            f"{proposer.actor.ref} {proposer.actor.role}."
        )
    return proposer


async def require_approvable(
    settings: Settings,
    history: RuleHistory,
    proposing: RuleChange,
    by: tuple[Signer, Signer],
    after: Rules,
) -> None:
    """Raise ClickException if a set could not be approved right after it is proposed and checked.

    `by` is who proposes and who approves, and `after` the rules of the set.
    """
    rule_set = proposing.rule_set
    if history.in_force is None:
        # The files that are named here may be others than those of workers, and would hide a live change.
        raise click.ClickException(
            "the log has no set in force with which this one could be compared. Leave out --approve-as, and "
            "approve the first one with `tocsin rules approve`. Nothing was written."
        )
    if is_live_change(await rules_in_force(settings, history), after):
        raise click.ClickException(
            f"{short(rule_set)} changes what is live, and is approved only after a back-test of it. Leave "
            "out --approve-as; then run `tocsin rules backtest "
            f"{short(rule_set)} --since P14D --reason ...`, look at what differs, and run `tocsin rules "
            f"approve {short(rule_set)}`. Nothing was written."
        )
    _require_counts_in_turn(history, proposing, *by)


def _require_counts_in_turn(
    history: RuleHistory, proposing: RuleChange, proposer: Signer, second: Signer
) -> None:
    rule_set, reason, ahead = proposing.rule_set, proposing.reason, history.copy()
    ahead.read(proposing, epoch_ms(proposing.at))
    checking = made(ahead, proposer, "checked", rule_set, reason, passed=True)
    ahead.read(checking, epoch_ms(checking.at))
    require_counts(ahead, made(ahead, second, "approved", rule_set, reason))
