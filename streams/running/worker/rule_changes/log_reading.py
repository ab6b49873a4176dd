"""Reads the log of rule changes, and sets of rules by their ids."""

from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiokafka import TopicPartition

from streams.contract.events.rules.rule_set import RuleSet
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.rule_change_decoding import decode_rule_change
from streams.contract.wire.rules.rule_set import BadRuleSet, decode_rule_set, rule_set_id
from streams.contract.wire.rules.rule_trial import decode_rule_trial
from streams.contract.wire.topics import RULE_CHANGES, RULE_SETS, RULE_TRIALS
from streams.registry.changes.history import RuleHistory, Verify
from streams.registry.changes.trial_totals import TrialTotals
from streams.running.log.log import Log
from streams.running.log.reading import records_between

logger = structlog.get_logger(__name__)


class ChangesReading:
    """The log of rule changes as far as it is read; `history` is what it says."""

    def __init__(self, log: Log, prefix: str, verify: Verify) -> None:
        self.history = RuleHistory(verify)
        self.tp = TopicPartition(prefix + RULE_CHANGES, 0)
        self.next_offset = 0
        self._log = log

    def take(self, record: Any) -> str | None:
        """Read a record; return why it does not count, None if it does."""
        self.next_offset = record.offset + 1
        try:
            act = decode_rule_change(record.value, record.headers, record.timestamp).event
        except Rejected as rejected:
            problem: str | None = f"it cannot be read: {rejected.field}: {rejected.detail}"
        else:
            problem = self.history.read(act, record.timestamp)
        if problem is not None:
            logger.warning("an act on rules does not count", offset=record.offset, why=problem)
        return problem

    async def to_the_end(self) -> RuleHistory:
        """Read what there is now."""
        async with self._log.reader() as reader:
            begin = max(self.next_offset, (await reader.beginning_offsets([self.tp]))[self.tp])
            end = (await reader.end_offsets([self.tp]))[self.tp]
            async for record in records_between(reader, self.tp, begin, end):
                self.take(record)
        return self.history


async def read_trial(log: Log, prefix: str) -> TrialTotals:
    """Return what partitions have counted of the newest trial."""
    totals = TrialTotals()
    async for record in _records(log, prefix + RULE_TRIALS):
        if (count := decode_rule_trial(record.value)) is not None:
            totals.read(count)
    return totals


async def read_rule_set(log: Log, prefix: str, rule_set: str) -> tuple[RuleSet, bytes]:
    """Return a set, and its value. Raises BadRuleSet if it is not there, or is not what its id says.

    Of several records under its id the one is taken that fits: whoever may write there can put none in its
    place before the log is compacted.
    """
    found = None
    async for record in _records(log, prefix + RULE_SETS):
        fits = record.key == rule_set.encode() and record.value is not None
        if fits and (found is None or rule_set_id(record.value) == rule_set):
            found = record.value
    if found is None:
        raise BadRuleSet("is not in rule-sets")
    return decode_rule_set(rule_set, found), found


async def _records(log: Log, topic: str) -> AsyncIterator[Any]:
    tp = TopicPartition(topic, 0)
    async with log.reader() as reader:
        begin = (await reader.beginning_offsets([tp]))[tp]
        end = (await reader.end_offsets([tp]))[tp]
        async for record in records_between(reader, tp, begin, end):
            yield record
