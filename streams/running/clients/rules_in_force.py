"""The rules by which workers judge, for programs that are no workers: consoles and adapters."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from aiokafka.errors import KafkaError

from streams.contract.events.rules.rule_set import FORMAT, RuleSet
from streams.contract.wire.rules.rule_set import BadRuleSet
from streams.contract.wire.topics import RULE_CHANGES, RULE_SETS
from streams.registry.categories import load_categories
from streams.registry.changes.bundle import load_rule_set, rule_files
from streams.registry.changes.history import RuleHistory, WhoMayAct
from streams.registry.loader import load_rules
from streams.registry.reading.errors import RegistryError
from streams.registry.rules import Rules
from streams.running.clients.kafka_reading import require_topics
from streams.running.log.log import Log
from streams.running.operations.rules_standing import RulesStanding
from streams.running.worker.rule_changes.approvals import configured_approvals
from streams.running.worker.rule_changes.following import Alike, RuleFollower, Try, decide_alike
from streams.running.worker.rule_changes.log_reading import ChangesReading, read_rule_set
from streams.running.worker.rule_changes.shelf import Shelf
from streams.running.worker.rule_changes.trial import try_rule_set
from streams.running.worker.rule_changes.trial_watch import TrialWatch
from streams.running.worker.rules import configured_rules
from streams.running.worker.settings import Settings


class Versions(NamedTuple):
    """What events say of the rules by which they came about."""

    policy_version: str
    registry_version: str


def versions_of(rules: Rules) -> Versions:
    """Return the versions that outputs have which are judged by these rules."""
    return Versions(rules.policy_version, rules.registry_version)


class RulesInForce:
    """The rules in force as a program has them: those of its files until the log puts a set into force.

    `now` are they, and `history` is what the log says. `changed` is called with the rules whenever other ones
    are in force; of a set that this program cannot use it says so in its log, and goes on by those that it
    has. Of open proposals no more than `proposals` are tried, so that they can be looked at. With
    `watches_trials` it reads what is counted of a candidate on trial.
    """

    def __init__(
        self,
        log: Log,
        prefix: str,
        may_act: WhoMayAct,
        files: Rules,
        proposals: int = 0,
        try_set: Try = try_rule_set,
        alike: Alike = decide_alike,
        *,
        watches_trials: bool = False,
    ) -> None:
        self.now = files
        self.changed: Callable[[Rules], None] = lambda _: None
        self._log = log
        self._prefix = prefix
        # It judges nothing, so it needs no stages.
        self._shelf = Shelf(lambda _: (), files)
        reading = ChangesReading(log, prefix, may_act)
        watch = TrialWatch(log, prefix, reading.history, self._shelf) if watches_trials else None
        self._follower = RuleFollower(
            log, reading, self._shelf, prefix, self._use, try_set, proposals, alike, watch
        )
        self._known: dict[str | None, Versions] = {None: versions_of(files)}

    @property
    def history(self) -> RuleHistory:
        """What the log says, as far as it is read."""
        return self._follower.history

    def standing(self) -> RulesStanding:
        """Return what operators see."""
        return self._follower.standing()

    async def catch_up(self) -> None:
        """Return when the log is read to its end, and the set in force is ready or cannot be used."""
        await self._follower.caught_up()

    async def follow(self) -> None:
        """Read what comes, for ever."""
        await self._follower.follow()

    def of(self, rule_set: str | None) -> Rules | None:
        """Return the rules of a set that is in force, was before, or is proposed, if they are ready here.

        None is the id of the files of the installation.
        """
        return self._shelf.rules(rule_set) if rule_set in self._shelf else None

    @property
    def versions(self) -> Mapping[str | None, Versions]:
        """The versions of the sets that are or were in force, by their ids, as far as they are known here."""
        return self._known

    async def learn_versions(self, most: int) -> None:
        """Learn the versions of the last sets that were in force before this program began to read."""
        for rule_set in self.history.past[-most:][::-1]:
            if rule_set not in self._known:
                # It has passed a trial and two people. One of a later format is left out.
                with suppress(BadRuleSet, RegistryError, KafkaError):
                    found = await self.read(rule_set)
                    self._known[rule_set] = versions_of(await asyncio.to_thread(load_rule_set, found))

    async def read(self, rule_set: str) -> RuleSet:
        """Return the files of a set. Raises BadRuleSet if it cannot be read, or KafkaError."""
        return (await read_rule_set(self._log, self._prefix, rule_set))[0]

    def _use(self, rules: Rules) -> None:
        in_force = self.history.in_force
        assert in_force is not None
        self._known[in_force.rule_set] = versions_of(rules)
        self.now = rules
        self.changed(rules)


def configured_rules_in_force(settings: Settings, proposals: int) -> RulesInForce:
    """Return the rules as the settings say, with what is counted of a candidate; nothing is read yet.

    Raises RegistryError if a file of the registry is invalid, and as `configured_approvals` does.
    """
    return RulesInForce(
        settings.connection(),
        settings.topic_prefix,
        configured_approvals(settings).may_act,
        configured_rules(settings),
        proposals,
        watches_trials=True,
    )


def configured_categories_in_force(settings: Settings) -> RulesInForce:
    """Return rules of which only the categories are asked; of the settings only their file is read.

    Raises RegistryError if it is invalid, and as `configured_approvals` does.
    """
    return RulesInForce(
        settings.connection(),
        settings.topic_prefix,
        configured_approvals(settings).may_act,
        replace(load_rules(), categories=load_categories(settings.categories_file)),
        alike=lambda files, ruling: files.categories == ruling.categories,
    )


async def catch_up(settings: Settings, rules: RulesInForce, *more_topics: str) -> None:
    """Read the log of the rules to its end; the set in force is ready then, or cannot be used.

    `more_topics` are others that this program will read for it.

    Raises UnknownTopicOrPartitionError if a topic is missing, or another KafkaError.
    """
    topics = (RULE_CHANGES, RULE_SETS, *more_topics)
    await require_topics(settings.connection(), [settings.topic_prefix + each for each in topics])
    await rules.catch_up()


def files_as_set(settings: Settings) -> RuleSet:
    """Return the files of the installation in the form of a set, to compare others with."""
    return RuleSet(FORMAT, None, "installation", "the files", rule_files(**settings.registry_files()))
