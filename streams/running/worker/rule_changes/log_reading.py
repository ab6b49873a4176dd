"""Reads the log of rule changes, and sets of rules by their ids."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.contract.events.rules.rule_set import RuleSet
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.rule_change_decoding import decode_rule_change
from streams.contract.wire.rules.rule_set import BadRuleSet, decode_rule_set, rule_set_id
from streams.contract.wire.rules.rule_trial import decode_rule_trial
from streams.contract.wire.topics import RULE_CHANGES, RULE_SETS, RULE_TRIALS
from streams.registry.changes.history import RuleHistory, WhoMayAct
from streams.registry.changes.trial_totals import TrialTotals
from streams.running.errors import OwnershipLost
from streams.running.log.log import Log
from streams.running.log.reading import records_between

logger = structlog.get_logger(__name__)

# How long a fetch waits at the end of a log. The broker answers at once when something comes, so this is what
# the log costs when nothing does: with half a second two readers were half of an idle worker's event loop.
_FETCH_MS = 5_000


class NotThere(BadRuleSet):
    """There is no record of a set."""


class ChangesReading:
    """The log of rule changes as far as it is read; `history` is what it says."""

    def __init__(self, log: Log, prefix: str, may_act: WhoMayAct) -> None:
        self.history = RuleHistory(may_act)
        self.tp = TopicPartition(prefix + RULE_CHANGES, 0)
        self.next_offset = 0
        self._log = log
        # An act expects a later version than the history has: what it follows may have been deleted.
        self._lacks = False

    def take(self, record: Any) -> str | None:
        """Read a record; return why it does not count, None if it does."""
        self.next_offset = record.offset + 1
        try:
            act = decode_rule_change(record.value, record.headers, record.timestamp).event
        except Rejected as rejected:
            problem: str | None = f"it cannot be read: {rejected.field}: {rejected.detail}"
        else:
            self._lacks |= act.expected_version > self.history.version
            problem = self.history.read(act, record.timestamp)
        if problem is not None:
            logger.warning("an act on rules does not count", offset=record.offset, why=problem)
        return problem

    async def to_the_end(self) -> RuleHistory:
        """Read what there is now. The history begins anew if acts were deleted that it needs."""
        async with self._log.reader() as reader:
            begin = (await reader.beginning_offsets([self.tp]))[self.tp]
            end = (await reader.end_offsets([self.tp]))[self.tp]
            if begin > self.next_offset:
                self._begin_at(begin)
            async for record in records_between(reader, self.tp, self.next_offset, end):
                self.take(record)
            if self._lacks and begin > self.history.lost_below:
                self._begin_at(begin)
                async for record in records_between(reader, self.tp, begin, end):
                    self.take(record)
            self._lacks = False
        return self.history

    async def take_all(self, records: Sequence[Any]) -> None:
        """Read records that were fetched, the next ones or again; otherwise as `to_the_end`."""
        following = [each for each in records if each.offset >= self.next_offset]
        if not following or following[0].offset == self.next_offset:
            for record in following:
                self.take(record)
        else:
            self._lacks = True
        if self._lacks:
            await self.to_the_end()

    def _begin_at(self, offset: int) -> None:
        self.history.begin_at(offset)
        self.next_offset = offset


async def follow(
    log: Log,
    tp: TopicPartition,
    next_offset: Callable[[], int],
    take: Callable[[Sequence[Any]], Awaitable[None]],
    again: str,
) -> None:
    """Give `take` the records of a log from `next_offset` on, for ever; none if for a moment none came.

    After an error of the broker, also one that `take` raises, it begins there again, and logs `again`.
    """
    while True:
        try:
            async with log.reader(wait_ms=_FETCH_MS) as reader:
                reader.assign([tp])
                reader.seek(tp, max((await reader.beginning_offsets([tp]))[tp], next_offset()))
                while True:
                    await take((await reader.getmany(tp, timeout_ms=_FETCH_MS)).get(tp, ()))
        except (KafkaError, OwnershipLost) as error:
            logger.warning(again, error=repr(error))
            await asyncio.sleep(1.0)


async def read_trial(log: Log, prefix: str) -> TrialTotals:
    """Return what partitions have counted of the newest trial."""
    totals = TrialTotals()
    async for record in _records(log, prefix + RULE_TRIALS):
        if (count := decode_rule_trial(record.value)) is not None:
            totals.read(count)
    return totals


async def read_rule_set(log: Log, prefix: str, rule_set: str) -> tuple[RuleSet, bytes]:
    """Return a set, and its value. Raises NotThere, or BadRuleSet if it is not what its id says.

    Of several records under its id the one is taken that fits: whoever may write there can put none in its
    place before the log is compacted.
    """
    found = None
    async for record in _records(log, prefix + RULE_SETS):
        fits = record.key == rule_set.encode() and record.value is not None
        if fits and (found is None or rule_set_id(record.value) == rule_set):
            found = record.value
    if found is None:
        raise NotThere("is not in rule-sets")
    return decode_rule_set(rule_set, found), found


async def _records(log: Log, topic: str) -> AsyncIterator[Any]:
    tp = TopicPartition(topic, 0)
    async with log.reader() as reader:
        begin = (await reader.beginning_offsets([tp]))[tp]
        end = (await reader.end_offsets([tp]))[tp]
        async for record in records_between(reader, tp, begin, end):
            yield record
