"""Signs acts on sets of rules: who acts, with which key."""

import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from streams.contract.events.rules.back_test import BackTest
from streams.contract.events.rules.rule_change import (
    RuleActor,
    RuleChange,
    RuleChangeKind,
    RuleSignature,
    Share,
)
from streams.registry.changes.history import RuleHistory
from streams.registry.changes.keys import Keys, public_line, sign
from streams.running.worker.environment import SettingsError
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


def own_signer(settings: Settings, keys: Keys) -> Signer:
    """Return the owner of the private key of the settings. Raises SettingsError if it cannot be used."""
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


def made(
    history: RuleHistory,
    who: Signer,
    kind: RuleChangeKind,
    rule_set: str,
    reason: str,
    *,
    parent: str | None = None,
    passed: bool | None = None,
    back_test: BackTest | None = None,
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
        back_test=back_test,
        share=share,
        since=since,
    )
    return who.signed(act)
