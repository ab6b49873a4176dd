"""The records of the claims log, and what they say: which processes may still write to which partitions.

The key holds the claimant's transactional id, so that compaction never hides one claim behind another. The
first record of every transaction in this log is about its own writer. So the record at the last stable offset
names the owner of the oldest open transaction.
"""

import time
from collections.abc import Collection, Iterable
from typing import NamedTuple

import orjson

from streams.running.log.log import Write

# Increase this when older workers cannot read what newer ones write.
CLAIM_VERSION = 1


class StatePartition(NamedTuple):
    """A partition of a stage's state."""

    stage: str
    partition: int


class Claimant(NamedTuple):
    """A process with an unreleased claim, and the newest generation of the group in which it claimed."""

    transactional_id: str
    generation: int


def claim_value(generation: int, member: str) -> bytes:
    """The value of a claim, different from that of any other claim of this process."""
    facts = {"generation": generation, "member": member, "time_ns": time.time_ns()}
    return bytes([CLAIM_VERSION]) + orjson.dumps(facts)


def claim_record(place: StatePartition, transactional_id: str, value: bytes) -> Write:
    """A claim to a partition."""
    return _key(place, transactional_id), value, []


def release_record(place: StatePartition, transactional_id: str) -> Write:
    """The end of a claim: the claimant has decided all that it ever wrote to the partition."""
    return _key(place, transactional_id), None, []


def former_fenced_record(place: StatePartition) -> Write:
    """A note that the id is fenced under which former versions wrote this partition. It stays in the log."""
    return _key(place, ""), bytes([CLAIM_VERSION]), []


def claimant_of(key: bytes) -> str:
    """The transactional id in a record's key."""
    return _split(key)[1]


class ClaimsLog:
    """What the records read so far say."""

    def __init__(self) -> None:
        self._claims: dict[tuple[StatePartition, str], bytes] = {}

    def add(self, key: bytes, value: bytes | None) -> None:
        """Take the next record into account."""
        if value is None:
            self._claims.pop(_split(key), None)
        else:
            self._claims[_split(key)] = value

    def shows(self, transactional_id: str, value: bytes, places: Iterable[StatePartition]) -> bool:
        """Return whether this claim to all of the places has been read."""
        return all(self._claims.get((place, transactional_id)) == value for place in places)

    def claimants(self, places: Collection[StatePartition]) -> list[Claimant]:
        """Who has an unreleased claim to one of the places."""
        newest: dict[str, int] = {}
        wanted = frozenset(places)
        for (place, claimant), value in self._claims.items():
            if claimant and place in wanted:
                newest[claimant] = max(newest.get(claimant, -1), _generation(value))
        return [Claimant(*each) for each in newest.items()]

    def releases_of(self, fenced: Collection[str]) -> list[Write]:
        """The releases of everything that these processes claim."""
        return [release_record(*claim) for claim in self._claims if claim[1] in fenced]

    def without_note(self, places: Iterable[StatePartition]) -> list[StatePartition]:
        """Return the places without a note that the id of former versions is fenced."""
        return [place for place in places if (place, "") not in self._claims]


def _key(place: StatePartition, transactional_id: str) -> bytes:
    return f"{place.stage}/{place.partition}/{transactional_id}".encode()


def _split(key: bytes) -> tuple[StatePartition, str]:
    stage, partition, transactional_id = key.decode().split("/", 2)
    return StatePartition(stage, int(partition)), transactional_id


def _generation(value: bytes) -> int:
    """The generation of a claim; -1 of another version, fenced without asking whose claim is newer."""
    if value[:1] != bytes([CLAIM_VERSION]):
        return -1
    generation: int = orjson.loads(value[1:])["generation"]
    return generation
