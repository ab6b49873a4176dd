"""Watches a candidate on trial, and halts one whose episodes or work leave the band."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.contract.events.rules.rule_change import RuleActor, RuleChange
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.rules.rule_trial import decode_rule_trial
from streams.contract.wire.topics import RULE_TRIALS
from streams.registry.changes.halting import TrialNumbers, compared_levels, why_to_halt
from streams.registry.changes.history import RuleHistory
from streams.registry.changes.trial_totals import TrialTotals
from streams.running.errors import OwnershipLost
from streams.running.log.log import Log
from streams.running.worker.rule_changes.shelf import Shelf

logger = structlog.get_logger(__name__)

_FETCH_MS: Final = 500

# All workers see the same numbers. One of them writes first, and the others then read that it has.
_OTHERS_FIRST_SECONDS: Final = 5.0

# How long the follower has to read the act before it is written again.
_READ_SECONDS: Final = 2.0

WORKER: Final = RuleActor("tocsin-worker", "operator")
"""Who halts a trial: it needs no signature, because it restores what people have approved."""


class TrialWatch:
    """Reads what all partitions count of a trial; with `write`, it writes the act that halts it.

    `history` is that of the follower, which reads that act as every other one.
    """

    def __init__(
        self,
        log: Log,
        prefix: str,
        history: RuleHistory,
        shelf: Shelf,
        write: Callable[[OutputRecord], Awaitable[None]] | None = None,
        most_seconds: float = _OTHERS_FIRST_SECONDS,
    ) -> None:
        self._log = log
        self._tp = TopicPartition(prefix + RULE_TRIALS, 0)
        self._history = history
        self._shelf = shelf
        self._write = write
        self._most_seconds = most_seconds
        self._totals = TrialTotals()
        self._next_offset = 0

    def numbers(self) -> TrialNumbers | None:
        """Return what is counted of the trial that is under way; None without one."""
        trial = self._history.trial
        return None if trial is None else self._totals.of(trial)

    async def watch(self) -> None:
        """Do it for ever."""
        while True:
            try:
                await self._read_on()
            except (KafkaError, OwnershipLost) as error:
                logger.warning("numbers of a trial not read; read again", error=repr(error))
                await asyncio.sleep(1.0)

    async def _read_on(self) -> None:
        async with self._log.reader(wait_ms=_FETCH_MS) as reader:
            reader.assign([self._tp])
            begin = (await reader.beginning_offsets([self._tp]))[self._tp]
            reader.seek(self._tp, max(begin, self._next_offset))
            while True:
                fetched: Any = await reader.getmany(self._tp, timeout_ms=_FETCH_MS)
                for record in fetched.get(self._tp, ()):
                    self._next_offset = record.offset + 1
                    if (count := decode_rule_trial(record.value)) is not None:
                        self._totals.read(count)
                await self._halt_if_needed()

    async def _halt_if_needed(self) -> None:
        trial = self._history.trial
        if self._write is None or trial is None or self._why() is None:
            return
        # Not a decision of the stages: whichever act is first in the log counts.
        await asyncio.sleep(random.uniform(0.0, self._most_seconds))  # noqa: S311
        why = self._why()
        if self._history.trial != trial or why is None:
            return
        now = datetime.now(UTC)
        act = RuleChange(
            str(uuid.uuid4()),
            "halted",
            trial.rule_set,
            WORKER,
            now.replace(microsecond=now.microsecond // 1000 * 1000),
            self._history.version,
            why,
        )
        logger.warning(
            "a candidate is halted: the rules in force judge all channels again",
            rules=trial.rule_set,
            why=why,
            runbook="docs/runbooks/TocsinCandidateHalted.md",
        )
        await self._write(rule_change_record(act))
        # The follower reads it, or another one that came first, before it is asked again.
        await asyncio.sleep(_READ_SECONDS)

    def _why(self) -> str | None:
        now, trial, shelf = self._history.in_force, self._history.trial, self._shelf
        if now is None or trial is None or now.rule_set not in shelf or trial.rule_set not in shelf:
            return None
        compared = compared_levels(shelf.rules(now.rule_set), shelf.rules(trial.rule_set))
        return why_to_halt(self._totals.of(trial), compared)
