"""Watches a candidate on trial, and halts one whose episodes or work leave the band."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import TopicPartition

from streams.contract.events.rules.rule_change import RuleActor
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.rules.rule_trial import decode_rule_trial
from streams.contract.wire.topics import RULE_TRIALS
from streams.registry.changes.halting import TrialNumbers, compared_levels, why_to_halt
from streams.registry.changes.history import RuleHistory
from streams.registry.changes.trial_totals import TrialTotals
from streams.running.log.log import Log
from streams.running.worker.rule_changes.log_reading import follow
from streams.running.worker.rule_changes.shelf import Shelf
from streams.running.worker.rule_changes.signing import Signer, made

logger = structlog.get_logger(__name__)

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
        await follow(
            self._log,
            self._tp,
            lambda: self._next_offset,
            self._take,
            "numbers of a trial not read; read again",
        )

    async def _take(self, records: Sequence[Any]) -> None:
        for record in records:
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
        act = made(self._history, Signer(WORKER, None), "halted", trial.rule_set, why)
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
