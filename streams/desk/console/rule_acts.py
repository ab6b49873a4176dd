"""Writes what people decide about sets of rules on a console, and reads in the log whether it counts."""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaProducer

from streams.contract.events.rules.rule_change import RuleActor, RuleChange, RuleChangeKind, Share
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.desk.console.publisher import NotReadBack
from streams.registry.changes.bundle import category_conflicts
from streams.registry.changes.live_change import lacks_back_test
from streams.running.clients.rules_in_force import RulesInForce
from streams.running.wall_clock import clock_ms
from streams.running.worker.environment import SettingsError
from streams.running.worker.rule_changes.approvals import configured_approvals
from streams.running.worker.rule_changes.signing import Signer, made, own_signer
from streams.running.worker.settings import PREFIX, Settings

# A record is usually read back within 50 ms. A broker that changes leaders needs some seconds.
_READ_BACK_SECONDS: Final = 15.0
_LOOK_SECONDS: Final = 0.05

Key = tuple[str, bytes]


class RuleActs:
    """Acts in the name of people who are signed in. `key` is the console's own; None where acts are unsigned.

    `producer` must be idempotent and started.
    """

    def __init__(self, producer: AIOKafkaProducer, prefix: str, rules: RulesInForce, key: Key | None) -> None:
        self._producer = producer
        self._prefix = prefix
        self._rules = rules
        self._key = key

    async def act(
        self,
        actor: RuleActor,
        kind: RuleChangeKind,
        rule_set: str,
        reason: str,
        version: int,
        *,
        share: Share | None = None,
        since: datetime | None = None,
    ) -> str | None:
        """Write an act by somebody who had read `version` acts; return why it does not count, if it does not.

        `share` and `since` are as in `RuleChange`. What would not count is not written. Raises NotReadBack,
        or a KafkaError if brokers do not take it.
        """
        history = self._rules.history
        if version != history.version:
            return "somebody decided about rules since you opened the page"
        act = made(history, Signer(actor, self._key), kind, rule_set, reason, share=share, since=since)
        problem = history.problem(act, clock_ms()) or self._unusable(act)
        if problem is not None:
            return problem
        record = rule_change_record(act)
        await self._producer.send_and_wait(
            self._prefix + record.topic, record.value, record.key, headers=list(record.headers)
        )
        until = monotonic() + _READ_BACK_SECONDS
        while monotonic() < until:
            for each in reversed(history.acts):
                if each.act.change_id == act.change_id:
                    return each.problem
            await asyncio.sleep(_LOOK_SECONDS)
        raise NotReadBack

    def _unusable(self, act: RuleChange) -> str | None:
        """Say why a set that is to judge cannot, or must not yet, as this console has tried it."""
        if act.kind not in ("approved", "scheduled", "shadowed"):
            return None
        in_force, now = self._rules.history.in_force, self._rules.now
        rules = self._rules.of(act.rule_set)
        if rules is None:
            return "this console has not tried the set yet, or cannot use it"
        if in_force is not None and self._rules.of(in_force.rule_set) is None:
            return "this console cannot use the rules in force, and so cannot compare the set with them"
        if act.share is not None and rules.registry_version != now.registry_version:
            return "a share of channels can have other policies, and nothing else"
        proposal = self._rules.history.proposals[act.rule_set]
        if act.kind != "shadowed" and lacks_back_test(proposal, now, rules):
            return "it changes what is live, and was not back-tested: `tocsin rules backtest --reason`"
        conflicts = category_conflicts(now, rules)
        return f"the set {'; '.join(conflicts)}" if conflicts else None


def own_key(settings: Settings) -> tuple[bool, Key | None]:
    """Return whether a console may write acts on rules, and the key with which it signs them, if any.

    It may where acts are not signed, and with a key that vouches for people. Raises SettingsError for another
    one: the acts of everybody would be those of its owner.
    """
    approvals = configured_approvals(settings)
    if approvals.keys is None:
        return settings.rule_approvals == "unsigned", None
    if settings.rule_signing_key_file is None:
        return False, None
    key = own_signer(settings, approvals.keys).key
    assert key is not None
    if not approvals.keys.by_id[key[0]].vouches:
        raise SettingsError(
            f"{PREFIX}RULE_SIGNING_KEY_FILE={settings.rule_signing_key_file}: is the key {key[0]} of a "
            "person. A console signs only with a key that is listed with `vouches: true`. See docs/rules.md, "
            "'On the console'; without one, unset it."
        )
    return True, key
