"""When a partition that could not be applied is tried again, and with which records."""

import time
from collections.abc import Collection, Sequence

import structlog

from streams.contract.wire.failing import Place
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.state_records import RulesMissing
from streams.running.errors import OversizedRecord
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import Troubles
from streams.running.log.log import Destination
from streams.running.log.position import Position
from streams.running.partitions.decisions_ahead import DecisionsAhead
from streams.running.partitions.setback import (
    FIRST_PAUSE,
    Attempt,
    NotApplied,
    Setback,
    describe,
    setback_after,
)

logger = structlog.get_logger(__name__)

# A set of rules that is not ready is fetched and tried meanwhile, which takes some seconds.
RULES_SECONDS = 2.0


class Attempts:
    """The attempts at one partition.

    While `is_set_aside` it has no state in memory, and nothing of it is applied.
    """

    __slots__ = ("_place", "_prefix", "_retry_at", "_setback", "_was_blocked", "decisions", "waits_for")

    def __init__(self, place: StatePartition, prefix: str) -> None:
        # Decisions about the internal topic that stand behind the record that fails.
        self.decisions = DecisionsAhead()
        self._place = place
        self._prefix = prefix
        self._setback: Setback | None = None
        self._retry_at: float | None = None
        # The destinations without which it cannot go on.
        self.waits_for: Collection[Destination] = ()
        self._was_blocked = False

    @property
    def is_set_aside(self) -> bool:
        """Whether the partition waits for its next attempt."""
        return self._retry_at is not None or bool(self.waits_for)

    @property
    def are_under_way(self) -> bool:
        """Whether something failed that has been neither applied nor skipped so far."""
        return self._setback is not None

    @property
    def may_have_succeeded(self) -> bool:
        """Whether `have_succeeded` is to be asked: something failed, or was waited for."""
        return self._setback is not None or self._was_blocked

    def is_due(self, troubles: Troubles) -> bool:
        """Whether the pause before the next attempt is over, and every destination takes records again."""
        if self._retry_at is not None and time.monotonic() < self._retry_at:
            return False
        return self.is_set_aside and not troubles.any_of(self.waits_for)

    def wait(self, destinations: Collection[Destination]) -> str:
        """Wait until destinations take records again, and tell operators. Returns them, for people."""
        self.waits_for, self._was_blocked = destinations, True
        names = ", ".join(f"{topic} partition {partition}" for topic, partition in sorted(destinations))
        logger.warning(
            "partition set aside: it waits for a destination in trouble",
            stage=self._place.stage,
            partition=self._place.partition,
            destinations=names,
            runbook="docs/runbooks/TocsinDestinationInTrouble.md",
        )
        return names

    def wait_for_rules(self, missing: RulesMissing) -> str:
        """Begin a short pause: the rules of the partition are not ready. Returns the error, for people."""
        if not self._was_blocked:
            logger.error(
                "partition set aside: the rules by which it is judged are not ready here. It is tried again; "
                "the other partitions go on",
                stage=self._place.stage,
                partition=self._place.partition,
                error=str(missing),
                runbook="docs/runbooks/TocsinRulesNotReady.md",
            )
        self._retry_at, self._was_blocked = time.monotonic() + RULES_SECONDS, True
        return type(missing).__name__

    def set_aside(self, failed: NotApplied) -> str:
        """Begin a pause, and tell operators why.

        Returns the places of the records that failed, for people.
        """
        if isinstance(failed.__cause__, RulesMissing):
            self.wait_for_rules(failed.__cause__)
            return describe(failed, self._prefix)
        is_first = self._setback is None
        self._setback = setback_after(failed, self._setback)
        self._retry_at = time.monotonic() + self._setback.pause
        records, error = describe(failed, self._prefix), failed.__cause__
        logger.error(
            "partition set aside: its records cannot be applied. It is tried again; the other partitions go "
            "on",
            stage=self._place.stage,
            partition=self._place.partition,
            records=records,
            error=repr(error),
            next_attempt_in_seconds=self._setback.pause,
            runbook="docs/runbooks/TocsinPartitionSetAside.md",
            # The message of an OversizedRecord is all that can be known.
            exc_info=error if is_first and not isinstance(error, OversizedRecord) else None,
        )
        return records

    def fail_in(self, topic: str) -> bool:
        """Whether what fails is in a topic, or some of what may."""
        return self._setback is not None and topic in self._setback.until

    def postpone(self) -> None:
        """Begin another pause: the brokers did not answer."""
        self._retry_at = time.monotonic() + FIRST_PAUSE

    def begin(self) -> None:
        """End the pause."""
        self._retry_at = None
        self.waits_for = ()

    def next(self, records: Sequence[SourceRecord]) -> Attempt:
        """Return the first records that may be applied together: all unless something failed before."""
        return Attempt(records) if self._setback is None else self._setback.next_attempt(records)

    def have_succeeded(self, position: Position, inside: Place | None) -> bool:
        """Return true once, when what failed before is applied or skipped; arguments as Setback.is_over."""
        if self._was_blocked and self._setback is None:
            self._was_blocked = False
            logger.warning(
                "partition goes on: what it waited for is there",
                stage=self._place.stage,
                partition=self._place.partition,
            )
            return True
        if self._setback is None or not self._setback.is_over(position, inside):
            return False
        self._setback = None
        self.decisions = DecisionsAhead()
        logger.warning(
            "partition goes on: what could not be applied is applied or skipped",
            stage=self._place.stage,
            partition=self._place.partition,
        )
        return True
