"""Destinations that take no records: which they are, and who must wait for them.

A destination is a partition of a topic to which this process writes. All partitions of a process share one
transaction, so one destination in trouble would hold up everything.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import structlog

from streams.running.errors import OwnershipLost
from streams.running.log.log import Destination, Reason, Trouble, Write

logger = structlog.get_logger(__name__)

REASONS: Final[Mapping[Reason, str]] = {
    "no_leader": "it has no leader",
    "unreachable": "its leader cannot be reached",
    "missing": "it does not exist",
    "unfinished": "a transaction was left open in it while it had no leader, and is being ended",
    "no_answer": "its leader does not answer",
    "not_allowed": "this user may not write to it",
    "too_large": "it refuses the size of a record",
    "refused": "its broker refuses to append",
}

# What the metadata of the brokers show, so that they also show when it is over.
VISIBLE: Final = frozenset({"no_leader", "unreachable", "missing", "unfinished"})

# Seconds until a destination is tried again whose trouble metadata do not show; each further pause is twice
# as long. A try that fails costs a takeover of all partitions of this worker by itself.
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 120.0


class DestinationTrouble(OwnershipLost):
    """A transaction did not commit because of some of its destinations, and nothing of it will ever be read.

    All that was prepared for it is worthless, and so is the transactional id: the brokers may be unable to
    end its transaction for as long as the trouble lasts.
    """

    def __init__(self, troubles: Sequence[Trouble]) -> None:
        super().__init__("; ".join(described(each) for each in troubles))
        self.troubles = troubles


def described(trouble: Trouble) -> str:
    """A trouble in words."""
    (topic, partition), reason = trouble.destination, REASONS[trouble.reason]
    return f"{topic} partition {partition}: {reason}" + (f" ({trouble.detail})" if trouble.detail else "")


class _Known(NamedTuple):
    trouble: Trouble
    since: float
    pause: float
    until: float


class Troubles:
    """The destinations of a process that are in trouble now."""

    def __init__(self) -> None:
        self._known: dict[Destination, _Known] = {}
        # Pauses of troubles that are tried again now: the next one is longer.
        self._pauses: dict[Destination, float] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def __contains__(self, destination: object) -> bool:
        return destination in self._known

    def has_no_leader(self, destination: Destination) -> bool:
        """Whether nobody can read or write this one now."""
        known = self._known.get(destination)
        return known is not None and known.trouble.reason in VISIBLE

    def all(self) -> list[tuple[Trouble, float]]:
        """Each trouble, and for how many seconds it is known."""
        now = time.monotonic()
        return [(known.trouble, now - known.since) for known in list(self._known.values())]

    def note(self, troubles: Iterable[Trouble]) -> None:
        """Let those who write to these destinations wait, and tell operators."""
        now = time.monotonic()
        for trouble in troubles:
            before = self._known.get(trouble.destination)
            pause = min(2 * self._pauses.pop(trouble.destination, FIRST_PAUSE / 2), LONGEST_PAUSE)
            until = now if trouble.reason in VISIBLE else now + pause
            since = now if before is None else before.since
            self._known[trouble.destination] = _Known(trouble, since, pause, until)
            if before is None or before.trouble.reason != trouble.reason:
                logger.error(
                    "destination in trouble: who writes there waits for it, everything else goes on",
                    topic=trouble.destination[0],
                    partition=trouble.destination[1],
                    reason=REASONS[trouble.reason],
                    error=trouble.detail or None,
                    runbook="docs/runbooks/TocsinDestinationInTrouble.md",
                )

    def visible(self) -> list[Destination]:
        """Those that the metadata of the brokers tell about."""
        return [each for each, known in self._known.items() if known.trouble.reason in VISIBLE]

    def end(self, destinations: Iterable[Destination]) -> None:
        """Note that these take records again."""
        for destination in destinations:
            known = self._known.pop(destination, None)
            if known is not None:
                logger.warning(
                    "destination takes records again",
                    topic=destination[0],
                    partition=destination[1],
                    after_seconds=round(time.monotonic() - known.since, 1),
                )

    def end_pauses(self) -> None:
        """Let those be tried again whose pause is over: only a record shows whether they take it."""
        now = time.monotonic()
        for destination, known in list(self._known.items()):
            if known.trouble.reason not in VISIBLE and known.until <= now:
                del self._known[destination]
                self._pauses[destination] = known.pause

    def blocking(self, writes: Mapping[Destination, Sequence[Write]]) -> list[Destination]:
        """Those that will not take what is to be written to them."""
        return [
            each
            for each, known in self._known.items()
            if each in writes
            and (not known.trouble.at_least or largest(writes[each]) >= known.trouble.at_least)
        ]

    def any_of(self, destinations: Collection[Destination]) -> bool:
        """Whether one of these is in trouble."""
        return any(each in self._known for each in destinations)


def largest(rows: Sequence[Write]) -> int:
    """The bytes of key and value of the largest record."""
    return max(len(key or b"") + len(value or b"") for key, value, _ in rows)
