"""Follows the log of rule changes: which set is in force, and whether this process has it ready."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from streams.contract.events.internal.rules_switch import RulesSwitch
from streams.contract.wire.rules.rule_set import BadRuleSet, decode_rule_set
from streams.contract.wire.topics import RULE_CHANGES
from streams.registry.changes.bundle import load_rule_set
from streams.registry.changes.history import short
from streams.registry.reading.errors import RegistryError
from streams.registry.rules import Rules
from streams.running.errors import OwnershipLost
from streams.running.log.log import Log
from streams.running.operations.rules_standing import RulesStanding
from streams.running.wall_clock import clock_ms
from streams.running.worker.rule_changes.log_reading import ChangesReading, follow, read_rule_set
from streams.running.worker.rule_changes.shelf import Shelf
from streams.running.worker.rule_changes.trial import Verdict, try_rule_set
from streams.running.worker.rule_changes.trial_watch import TrialWatch

logger = structlog.get_logger(__name__)

# How often to look whether a partition asks for a set that is not ready.
_LOOK_SECONDS = 0.5

# When a set that could not be made ready is tried again: it may have been a broker, or a busy machine.
AGAIN_SECONDS = 30.0

# The same for a set that is only proposed: a hurtful one takes a minute of a processor each time.
_LATER_SECONDS = 600.0

# How many of the open proposals are made ready before anybody approves them, the newest ones, and how many of
# the sets for which a partition has asked, the last ones. Each takes some ten megabytes.
_MOST_PROPOSALS = 3
_MOST_ASKED = 3

Try = Callable[[str, bytes], Awaitable[Verdict]]
Alike = Callable[[Rules, Rules], bool]


def decide_alike(one: Rules, other: Rules) -> bool:
    """Return whether rules have the same versions."""
    return (one.policy_version, one.registry_version) == (other.policy_version, other.registry_version)


class RuleFollower:
    """Reads the log, and makes the sets ready that partitions are or may be judged by.

    `changed` is called with the rules of the set in force whenever another one is in force and ready. Of open
    proposals the newest ones are made ready, no more than `proposals`. `alike` says whether the files of the
    installation and the rules in force are the same for this process. `watch` reads what is counted of a
    candidate on trial; without it nobody here knows.
    """

    def __init__(
        self,
        log: Log,
        reading: ChangesReading,
        shelf: Shelf,
        prefix: str,
        changed: Callable[[Rules], None],
        try_set: Try = try_rule_set,
        proposals: int = _MOST_PROPOSALS,
        alike: Alike = decide_alike,
        watch: TrialWatch | None = None,
    ) -> None:
        self.history = reading.history
        self._log = log
        self._reading = reading
        self._shelf = shelf
        self._prefix = prefix
        self._changed = changed
        self._try = try_set
        self._proposals = proposals
        self._alike = alike
        self._problems: dict[str, tuple[str, float]] = {}
        self._something = asyncio.Event()
        self._told: str | None = None
        self._watch = watch

    def wanted(self) -> RulesSwitch | None:
        """Return by which rules all partitions are to be judged, once they are ready here.

        While a candidate is not, nothing else waits for it.
        """
        now, trial = self.history.in_force, self.history.trial
        if now is None or now.rule_set not in self._shelf:
            return None
        if trial is None:
            return RulesSwitch(now.rule_set, self.history.judged_since, since_ms=now.from_ms)
        if trial.rule_set not in self._shelf or self._against_share():
            return RulesSwitch(now.rule_set, trial.after, since_ms=now.from_ms)
        return RulesSwitch(now.rule_set, trial.version, trial.rule_set, trial.share, now.from_ms)

    def standing(self) -> RulesStanding:
        """Return what operators see."""
        now, proposals = self.history.in_force, self.history.proposals.values()
        missing = [each for each in self._needed() if each not in self._shelf]
        not_ready = [(each, self._problems.get(each, ("", 0.0))[0]) for each in missing]
        trial, halted = self.history.trial, self.history.halted
        if trial is not None and (problem := self._against_share()):
            not_ready.append((trial.rule_set, problem))
        if (unknown := self.history.why_unknown()) is not None:
            not_ready.append((RULE_CHANGES, unknown))
        return RulesStanding(
            None if now is None else now.rule_set,
            min((each.since_ms for each in proposals), default=None),
            tuple(not_ready),
            self._differs(),
            None if trial is None else (trial.rule_set, trial.share),
            None if halted is None else (halted.rule_set, halted.since_ms),
            None if self._watch is None else self._watch.numbers(),
        )

    def _against_share(self) -> str | None:
        """Return why the candidate cannot judge a share of channels; None if it can, or is not to."""
        now, trial = self.history.in_force, self.history.trial
        if now is None or trial is None or not trial.share:
            return None
        if now.rule_set not in self._shelf or trial.rule_set not in self._shelf:
            return None
        ruling, candidate = self._shelf.rules(now.rule_set), self._shelf.rules(trial.rule_set)
        if ruling.registry_version == candidate.registry_version:
            return None
        return "it differs in more than its policies, so it cannot judge a share of channels"

    async def catch_up(self, waits: Callable[[str | None], None]) -> None:
        """Return when the log is read to its end, and the set in force is ready; at once if there is none.

        A worker that cannot use it joins no group: `waits` is called with the reason, and with None at the
        end.
        """
        while (why_not := await self.caught_up()) is not None:
            waits(why_not)
            await asyncio.sleep(AGAIN_SECONDS)
        waits(None)

    async def caught_up(self) -> str | None:
        """Read the log to its end, and make the set in force ready; return why it is not, None if it is."""
        await self._reading.to_the_end()
        for rule_set in self._ruling():
            await self._make_ready(rule_set)
        self._tell()
        if (unknown := self.history.why_unknown()) is not None:
            return f"{RULE_CHANGES}: {unknown}"
        now = self.history.in_force
        if now is None or now.rule_set in self._shelf:
            return None
        return f"{short(now.rule_set)}: {self._problems[now.rule_set][0]}"

    async def follow(self) -> None:
        """Read what comes and make sets ready, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._prepare())
            if self._watch is not None:
                tasks.create_task(self._watch.watch())

    async def _read(self) -> None:
        reading = self._reading
        await follow(
            self._log,
            reading.tp,
            lambda: reading.next_offset,
            self._take,
            "rule changes not read; read again",
        )

    async def _take(self, fetched: Sequence[Any]) -> None:
        if fetched:
            await self._reading.take_all(fetched)
            self._tell()
            self._something.set()

    async def _prepare(self) -> None:
        while True:
            for rule_set in self._needed():
                await self._make_ready(rule_set)
            self._tell()
            self._shelf.keep({*self._needed(), *self._ruling()})
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._something.wait()
                self._something.clear()
            except TimeoutError:
                continue

    def _ruling(self) -> list[str]:
        """The set in force, and the one before it, by which partitions are judged until they have changed.

        And a candidate on trial.
        """
        now, trial, before = self.history.in_force, self.history.trial, self.history.before
        ruling = (None if now is None else now.rule_set, before, None if trial is None else trial.rule_set)
        return [each for each in ruling if each is not None]

    def _needed(self) -> list[str]:
        """The sets that are to be ready, the most urgent first."""
        now, trial = self.history.in_force, self.history.trial
        newest = sorted(self.history.proposals.values(), key=lambda each: -each.since_ms)
        # A partition's state names nothing else; of a log whose beginning is gone nobody knows what was.
        lost = self.history.lost_below
        asked = [each for each in self._shelf.missed if lost or each in self.history.past]
        wanted = [
            *([] if now is None else [now.rule_set]),
            *([] if trial is None else [trial.rule_set]),
            *asked[-_MOST_ASKED:],
            *(each.rule_set for each in newest[: self._proposals]),
        ]
        return list(dict.fromkeys(wanted))

    async def _make_ready(self, rule_set: str) -> None:
        known = self._problems.get(rule_set)
        pause = _LATER_SECONDS if rule_set in self.history.proposals else AGAIN_SECONDS
        if rule_set in self._shelf or (known and time.monotonic() - known[1] < pause):
            return
        began = time.monotonic()
        try:
            rules = await self._loaded(rule_set)
            self._shelf.put(rule_set, rules)
        except (BadRuleSet, RegistryError, ValueError) as error:
            self._not_ready(rule_set, str(error))
        except (KafkaError, OwnershipLost) as error:
            self._not_ready(rule_set, repr(error))
        else:
            self._problems.pop(rule_set, None)
            logger.info(
                "rules ready",
                rules=rule_set,
                policy_version=rules.policy_version,
                registry_version=rules.registry_version,
                seconds=round(time.monotonic() - began, 1),
            )

    async def _loaded(self, rule_set: str) -> Rules:
        _, value = await read_rule_set(self._log, self._prefix, rule_set)
        verdict = await self._try(rule_set, value)
        if verdict.problems:
            raise BadRuleSet("; ".join(verdict.problems))
        # Another process has done the same within its limits.
        return await asyncio.to_thread(lambda: load_rule_set(decode_rule_set(rule_set, value)))

    def _not_ready(self, rule_set: str, why: str) -> None:
        before = self._problems.get(rule_set)
        self._problems[rule_set] = why, time.monotonic()
        if before is None or before[0] != why:
            logger.error(
                "rules not ready: partitions go on by those that they have",
                rules=rule_set,
                why=why,
                runbook="docs/runbooks/TocsinRulesNotReady.md",
            )

    def _tell(self) -> None:
        """Say once that another set is in force and ready, and whether the files differ from it."""
        unknown = self.history.why_unknown()
        if unknown is not None and self._told != unknown:
            self._told = unknown
            logger.error(
                "the log of rule changes lacks its beginning",
                why=unknown,
                runbook="docs/runbooks/TocsinRulesNotReady.md",
            )
        wanted = self.wanted()
        if wanted is None or wanted.rule_set == self._told:
            return
        if wanted.since_ms is not None and wanted.since_ms > clock_ms():
            return
        rule_set = self._told = wanted.rule_set
        logger.info("rules in force by rule-changes", rules=rule_set, change=wanted.change)
        if self._differs():
            logger.warning(
                "the files of this installation differ from the rules in force, and decide nothing",
                rules=rule_set,
            )
        self._changed(self._shelf.rules(rule_set))

    def _differs(self) -> bool:
        now = self.history.in_force
        if now is None or now.rule_set not in self._shelf:
            return False
        return not self._alike(self._shelf.rules(None), self._shelf.rules(now.rule_set))
