"""The records of the claims log, and what they say: which processes may still write to which partitions.

The key holds the claimant's transactional id, so that compaction never hides one claim behind another. The
first record of every transaction in this log is about its own writer. So the record at the last stable offset
names the owner of the oldest open transaction.

With its claims a worker writes its terms, in a record of their own: what all workers must have alike. Who
fences an id, or ends, writes what that id may have left open in logs without a leader.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from streams.running.log.leftovers import LeftOpen
from streams.running.log.log import Write
from streams.running.log.terms import BEFORE_TERMS, Terms

# Increase this when older workers cannot read what newer ones write.
CLAIM_VERSION = 1


class StatePartition(NamedTuple):
    """A partition of a stage's state."""

    stage: str
    partition: int


# Where the terms of a worker stand, and what an id left open: no stage has these names.
_TERMS = StatePartition("terms", 0)
_LEFT_OPEN = StatePartition("left-open", 0)


class Claimant(NamedTuple):
    """A process with an unreleased claim, and the newest generation of the group in which it claimed."""

    transactional_id: str
    generation: int


class ClaimFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """In which generation of the group a claim was made, by which member, and when.

    `terms` and `since` are in the record of the terms alone. `since` is the generation in which this process
    first worked, None of a newcomer. Versions before the terms have no such record.
    """

    generation: int
    member: str
    time_ns: int = 0
    since: int | None = None
    terms: Terms = BEFORE_TERMS


def claim_value(generation: int, member: str) -> bytes:
    """The value of a claim, different from that of any other claim of this process."""
    return _encoded(ClaimFacts(generation, member, time.time_ns()))


def terms_record(
    transactional_id: str, generation: int, member: str, terms: Terms, since: int | None
) -> Write:
    """The terms of a worker, beside its claims."""
    facts = ClaimFacts(generation, member, time.time_ns(), since, terms)
    return _key(_TERMS, transactional_id), _encoded(facts), []


def terms_release(transactional_id: str) -> Write:
    """The end of a worker's terms, beside the releases of its claims."""
    return release_record(_TERMS, transactional_id)


def claim_record(place: StatePartition, transactional_id: str, value: bytes) -> Write:
    """A claim to a partition."""
    return _key(place, transactional_id), value, []


def release_record(place: StatePartition, transactional_id: str) -> Write:
    """The end of a claim: the claimant has decided all that it ever wrote to the partition."""
    return _key(place, transactional_id), None, []


def left_open_records(left: Mapping[str, LeftOpen], ended: Collection[str] = ()) -> list[Write]:
    """What ids may have left open, and of whom that is over."""
    # Not as a claim begins: versions before these records would take them for one.
    rows: list[Write] = [
        (_key(_LEFT_OPEN, each), msgspec.json.encode(what), []) for each, what in left.items()
    ]
    return rows + [release_record(_LEFT_OPEN, each) for each in sorted(ended)]


def nothing_released(transactional_id: str) -> Write:
    """A record about a process that claims nothing."""
    return release_record(StatePartition("none", 0), transactional_id)


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
        self._left_open: dict[str, LeftOpen] = {}

    def add(self, key: bytes, value: bytes | None) -> None:
        """Take the next record into account."""
        place, transactional_id = claim = _split(key)
        if place == _LEFT_OPEN:
            self._left_open.pop(transactional_id, None)
            if value is not None:
                self._left_open[transactional_id] = _decode_left_open(value)
            return
        # In the order of the log.
        self._claims.pop(claim, None)
        if value is not None:
            self._claims[claim] = value

    def shows(self, records: Iterable[Write]) -> bool:
        """Return whether these claims and terms have been read, and nothing newer in their place."""
        return all(self._claims.get(_split(key or b"")) == value for key, value, _ in records)

    def claimants(self, places: Collection[StatePartition]) -> list[Claimant]:
        """Who has an unreleased claim to one of the places."""
        newest: dict[str, int] = {}
        wanted = frozenset(places)
        for (place, claimant), value in self._claims.items():
            if claimant and place in wanted:
                newest[claimant] = max(newest.get(claimant, -1), _generation(value))
        return [Claimant(*each) for each in newest.items()]

    def claims(self) -> dict[str, list[StatePartition]]:
        """What everybody claims and has not released, by transactional id, in the order of the log."""
        claimed: dict[str, list[StatePartition]] = {}
        for place, claimant in self._claims:
            if claimant and place != _TERMS:
                claimed.setdefault(claimant, []).append(place)
        return claimed

    def standing(self, before: str = "") -> dict[str, ClaimFacts]:
        """What everybody with an unreleased claim says, by transactional id.

        With `before`, what was said before this one's terms were written.
        """
        said: dict[str, ClaimFacts] = {}
        for (place, claimant), value in self._claims.items():
            if (place, claimant) == (_TERMS, before):
                break
            if claimant and (place == _TERMS or claimant not in said):
                facts = _facts(value)
                if facts is not None:
                    said[claimant] = facts
        return said

    def releases_of(self, fenced: Collection[str]) -> list[Write]:
        """The releases of everything that these processes claim; those of their terms come last."""
        claims = sorted(self._claims, key=lambda claim: claim[0] == _TERMS)
        return [release_record(*claim) for claim in claims if claim[1] in fenced]

    def left_open(self) -> dict[str, LeftOpen]:
        """What ids may have left open, as far as nobody has noted that it is over."""
        return dict(self._left_open)

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
    facts = _facts(value)
    return -1 if facts is None else facts.generation


def _encoded(facts: ClaimFacts) -> bytes:
    return bytes([CLAIM_VERSION]) + msgspec.json.encode(facts)


def _facts(value: bytes) -> ClaimFacts | None:
    """What a claim says; None if another version wrote it."""
    return _decode(value[1:]) if value[:1] == bytes([CLAIM_VERSION]) else None


_decode = msgspec.json.Decoder(ClaimFacts).decode
_decode_left_open = msgspec.json.Decoder(LeftOpen).decode
