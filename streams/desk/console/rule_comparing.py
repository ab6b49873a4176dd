"""Says in words what differs between sets of rules, as `tocsin rules diff` does."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from streams.contract.events.rules.rule_set import RuleSet
from streams.contract.wire.rules.rule_set import BadRuleSet
from streams.desk.text.differences.law_diff import Law, law_of_set
from streams.desk.text.differences.rules_text import differences, rules_diff_text
from streams.registry.changes.bundle import load_rule_set
from streams.registry.changes.history import short
from streams.registry.reading.errors import RegistryError
from streams.running.clients.rules_in_force import RulesInForce

# Texts of some kilobytes. People look at the last changes.
_MOST_KEPT: Final = 32


class Compared(NamedTuple):
    """What differs, or why that cannot be said; one of them is None."""

    text: str | None
    problem: str | None


class Comparing:
    """Compares sets by their ids, one pair at a time: it takes seconds of a processor. None are the files.

    `files` reads those of the installation, in the form of a set.
    """

    def __init__(self, rules: RulesInForce, files: Callable[[], RuleSet]) -> None:
        self._rules = rules
        self._files = files
        self._one = asyncio.Lock()
        self._kept: dict[tuple[str | None, str, date], str] = {}

    async def compared(self, old: str | None, new: str) -> Compared:
        """Return what changes if `new` replaces `old`, by the law as of today."""
        key = old, new, datetime.now(UTC).date()
        async with self._one:
            if key not in self._kept:
                try:
                    text = await self._text(*key)
                except (BadRuleSet, RegistryError) as error:
                    return Compared(None, str(error))
                except (KafkaError, TimeoutError):
                    return Compared(None, "the brokers do not give the sets: load the page again later")
                self._kept[key] = text
                while len(self._kept) > _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
            return Compared(self._kept[key], None)

    async def _text(self, old: str | None, new: str, today: date) -> str:
        before, after = await self._law(old), await self._law(new)
        return await asyncio.to_thread(
            lambda: rules_diff_text(before, after, differences(before, after, today))
        )

    async def _law(self, rule_set: str | None) -> Law:
        """Read a set. Raises BadRuleSet for one that nobody may load here without a trial."""
        rules = self._rules.of(rule_set)
        if rules is None and rule_set not in self._rules.history.past:
            problem = dict(self._rules.standing().not_ready).get(rule_set or "")
            raise BadRuleSet(
                f"{short(rule_set)} cannot be used: {problem}"
                if problem
                else f"{short(rule_set)} was not tried on this console"
            )
        found = await asyncio.to_thread(self._files) if rule_set is None else await self._rules.read(rule_set)
        # What was in force has passed a trial, and two people.
        ready = await asyncio.to_thread(load_rule_set, found) if rules is None else rules
        return await asyncio.to_thread(law_of_set, short(rule_set), found, ready)
