"""Writes acts on sets of rules: who acts, and whether the act counts."""

import click

from streams.commands.shared.operator_options import require_pseudonym
from streams.contract.events.rules.rule_change import RuleActor, RuleChange, RuleRole
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.times import epoch_ms
from streams.registry.changes.history import RuleHistory, WhoMayAct
from streams.running.clients.kafka_writing import producer_for
from streams.running.worker.environment import SettingsError
from streams.running.worker.rule_changes.approvals import configured_approvals
from streams.running.worker.rule_changes.log_reading import ChangesReading
from streams.running.worker.rule_changes.signing import Signer, own_signer
from streams.running.worker.settings import PREFIX, Settings


def signer(settings: Settings, actor: str | None, role: RuleRole | None) -> Signer:
    """Return who acts: the owner of the private key, or where acts are not signed who the options say.

    Raises SettingsError if the key cannot be used, and UsageError if the options do not fit.
    """
    keys = configured_approvals(settings).keys
    if settings.rule_approvals == "unsigned":
        if actor is None or role is None:
            raise click.UsageError("acts are not signed here: say who acts with --actor and --role.")
        require_pseudonym(actor)
        return Signer(RuleActor(actor, role), None)
    if keys is None:
        raise SettingsError(
            f"{PREFIX}RULE_KEYS_FILE is missing: without the list of keys that workers have, no act would "
            "count. See docs/rules.md, 'Who may do what'."
        )
    found = own_signer(settings, keys)
    if actor not in (None, found.actor.ref) or role not in (None, found.actor.role):
        raise click.UsageError(f"the key is of {found.actor.ref} ({found.actor.role}), as the list says.")
    return found


def reading(settings: Settings, may_act: WhoMayAct | None = None) -> ChangesReading:
    """Return a reading of the log with the keys of the settings."""
    may_act = configured_approvals(settings).may_act if may_act is None else may_act
    return ChangesReading(settings.connection(), settings.topic_prefix, may_act)


async def write(settings: Settings, *records: OutputRecord) -> None:
    """Write records, one after the other."""
    topics = {settings.topic_prefix + record.topic for record in records}
    async with producer_for(settings, *topics) as producer:
        for record in records:
            await producer.send_and_wait(
                settings.topic_prefix + record.topic, record.value, record.key, headers=list(record.headers)
            )


def require_counts(history: RuleHistory, act: RuleChange) -> None:
    """Raise ClickException if an act would not count."""
    # As of now: the broker's clock decides whether a key had ended.
    if problem := history.problem(act, epoch_ms(act.at)):
        raise click.ClickException(f"{problem}. Nothing was written.")


async def act_on(settings: Settings, log: ChangesReading, act: RuleChange) -> None:
    """Write an act, and read the log until it is there.

    Raises ClickException with the reason if it does not count: nothing is written then, unless somebody else
    was faster.
    """
    require_counts(log.history, act)
    await write(settings, rule_change_record(act))
    await log.to_the_end()
    told = next(each for each in reversed(log.history.acts) if each.act.change_id == act.change_id)
    if told.problem is not None:
        raise click.ClickException(f"written, but it does not count: {told.problem}. Look, and try again.")
