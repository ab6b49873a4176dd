"""Writes acts on sets of rules: who acts, the signature, and whether the act counts."""

import uuid
from datetime import UTC, datetime
from typing import NamedTuple

import click
from msgspec.structs import replace

from streams.commands.shared.operator_options import require_pseudonym
from streams.contract.events.rules.rule_change import (
    RuleActor,
    RuleChange,
    RuleChangeKind,
    RuleRole,
    RuleSignature,
    Share,
)
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.times import epoch_ms
from streams.registry.changes.history import RuleHistory, Verify
from streams.registry.changes.keys import Keys, public_line, sign
from streams.running.clients.kafka_writing import producer_for
from streams.running.worker.environment import SettingsError
from streams.running.worker.rule_changes.approvals import configured_approvals
from streams.running.worker.rule_changes.log_reading import ChangesReading
from streams.running.worker.settings import PREFIX, Settings


class Signer(NamedTuple):
    """Who acts, and the private key (PEM) with its id; None where acts are not signed."""

    actor: RuleActor
    key: tuple[str, bytes] | None

    def signed(self, act: RuleChange) -> RuleChange:
        """Return the act with its signature."""
        if self.key is None:
            return act
        name, private = self.key
        return replace(act, signature=RuleSignature(name, sign(act, private)))


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
    found = _own_key(settings, keys)
    if actor not in (None, found.actor.ref) or role not in (None, found.actor.role):
        raise click.UsageError(f"the key is of {found.actor.ref} ({found.actor.role}), as the list says.")
    return found


def _own_key(settings: Settings, keys: Keys) -> Signer:
    file = settings.rule_signing_key_file
    if file is None:
        raise SettingsError(f"{PREFIX}RULE_SIGNING_KEY_FILE is missing: your private key (PEM).")
    try:
        private = file.read_bytes()
        listed = keys.of(public_line(private))
    except OSError as error:
        raise SettingsError(
            f"{PREFIX}RULE_SIGNING_KEY_FILE={file}: cannot be read ({error.strerror})."
        ) from None
    except ValueError as error:
        # The cause may quote the key.
        raise SettingsError(
            f"{PREFIX}RULE_SIGNING_KEY_FILE={file}: must be an Ed25519 key in PEM without a passphrase "
            f"({error})."
        ) from None
    if listed is None:
        raise SettingsError(
            f"{PREFIX}RULE_SIGNING_KEY_FILE={file}: its public half is not in {PREFIX}RULE_KEYS_FILE."
        )
    name, key = listed
    return Signer(RuleActor(key.owner, key.role), (name, private))


def reading(settings: Settings, verify: Verify | None = None) -> ChangesReading:
    """Return a reading of the log with the keys of the settings."""
    verify = configured_approvals(settings).verify if verify is None else verify
    return ChangesReading(settings.connection(), settings.topic_prefix, verify)


def made(
    history: RuleHistory,
    who: Signer,
    kind: RuleChangeKind,
    rule_set: str,
    reason: str,
    *,
    parent: str | None = None,
    passed: bool | None = None,
    share: Share | None = None,
    since: datetime | None = None,
) -> RuleChange:
    """Return an act on top of what was read."""
    # Milliseconds, as other programs have them.
    now = datetime.now(UTC)
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    act = RuleChange(
        str(uuid.uuid4()),
        kind,
        rule_set,
        who.actor,
        at,
        history.version,
        reason,
        parent,
        passed,
        share=share,
        since=since,
    )
    return who.signed(act)


async def write(settings: Settings, *records: OutputRecord) -> None:
    """Write records, one after the other."""
    topics = {settings.topic_prefix + record.topic for record in records}
    async with producer_for(settings, *topics) as producer:
        for record in records:
            await producer.send_and_wait(
                settings.topic_prefix + record.topic, record.value, record.key, headers=list(record.headers)
            )


async def act_on(settings: Settings, log: ChangesReading, act: RuleChange) -> None:
    """Write an act, and read the log until it is there.

    Raises ClickException with the reason if it does not count: nothing is written then, unless somebody else
    was faster.
    """
    # As of now: the broker's clock decides whether a key had ended.
    problem = log.history.problem(act, epoch_ms(act.at))
    if problem is not None:
        raise click.ClickException(f"{problem}. Nothing was written.")
    await write(settings, rule_change_record(act))
    await log.to_the_end()
    told = next(each for each in reversed(log.history.acts) if each.act.change_id == act.change_id)
    if told.problem is not None:
        raise click.ClickException(f"written, but it does not count: {told.problem}. Look, and try again.")
