"""Which set of rules a partition is judged by, and since which record of its internal topic."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.deciding.partition.due import DueKey
from streams.deciding.partition.moving import NewPartition, Shared

RULES_IN_FORCE: Final = b"X"
"""State key of the set; only of a partition that has changed to one. The key is the type alone."""

AWAITED_SET: Final[DueKey] = ("",)
"""Due when a set that is awaited takes effect: before every step of the same time, which it judges."""


class Ruling(NamedTuple):
    """By which rules a partition is judged: a set, None for the files of the installation.

    A `candidate` is tried beside it: in shadow if `share` is 0, else for that share of channels in percent.
    """

    rule_set: str | None = None
    candidate: str | None = None
    share: int = 0


FILES: Final = Ruling()
"""The files of the installation, and no candidate."""


class Awaited(msgspec.Struct, array_like=True, frozen=True):
    """A set that takes effect when the time of the partition reaches `since` (ms); else as in Switched."""

    rule_set: str
    change: int
    since: int
    candidate: str | None = None
    share: int = 0

    def in_effect(self, applied: int) -> "Switched":
        """Return what is in force from then on, after `applied` reports or requests."""
        return Switched(self.rule_set, self.change, 0, applied, self.candidate, self.share, self.since)


class Switched(msgspec.Struct, array_like=True, frozen=True):
    """The set, the change that put it into force, and the offset of the record that brought it here.

    `rule_set` is None while only `awaited` came. `applied` is the number of reports or requests applied
    before it. `candidate` and `share` as in Ruling. `since` (ms) is the moment of a set that was awaited.
    """

    rule_set: str | None
    change: int
    offset: int
    applied: int
    candidate: str | None = None
    share: int = 0
    since: int = 0
    awaited: Awaited | None = None

    @property
    def ruling(self) -> Ruling:
        """By which rules is judged."""
        return Ruling(self.rule_set, self.candidate, self.share)

    @property
    def latest(self) -> int:
        """The latest change that was read."""
        return self.change if self.awaited is None else self.awaited.change


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Switched).decode
_ALWAYS_WRITTEN: Final = 4
_UNSWITCHED: Final = Switched(None, 0, 0, 0)


class RulesInForce:
    """The set of rules of a partition; without one it is judged by the files of the installation."""

    __slots__ = ("_changed", "switched")

    def __init__(self) -> None:
        self.switched: Switched | None = None
        self._changed = False

    @property
    def rule_set(self) -> str | None:
        """The id of the set; None for the files of the installation."""
        return None if self.switched is None else self.switched.rule_set

    @property
    def ruling(self) -> Ruling:
        """The set, and what is tried beside it."""
        switched = self.switched
        return FILES if switched is None else switched.ruling

    @property
    def change(self) -> int:
        """The latest change that was read, which a later record must exceed; 0 for the files."""
        return 0 if self.switched is None else self.switched.latest

    @property
    def awaited(self) -> Awaited | None:
        """The set that is to take effect later."""
        return None if self.switched is None else self.switched.awaited

    def switch(self, switched: Switched) -> None:
        """Judge by another set from now on."""
        self.switched = switched
        self._changed = True

    def wait_for(self, awaited: Awaited | None) -> None:
        """Note a set that is to take effect later, None if none is any more."""
        self.switch(msgspec.structs.replace(self.switched or _UNSWITCHED, awaited=awaited))

    def turn_back(self, clock: int) -> None:
        """Forget the moment of a set that was awaited if it is later than `clock` (ms), the right time."""
        if self.switched is not None and self.switched.since > clock:
            self.switch(msgspec.structs.replace(self.switched, since=0))

    def drain_change(self) -> tuple[bytes, bytes] | None:
        """Return the state record if it changed since the last call."""
        if not self._changed or self.switched is None:
            return None
        self._changed = False
        return RULES_IN_FORCE, _encoded(self.switched)

    def restore(self, key: bytes, value: bytes) -> None:  # noqa: ARG002 - as every reader of state
        """Restore the record. Raises UnknownStateVersion."""
        self.switched = _switched(value)


def _encoded(switched: Switched) -> bytes:
    # What is not used is not written: then the record is that of a version that did not know it.
    row = list(msgspec.structs.astuple(switched))
    while len(row) > _ALWAYS_WRITTEN and not row[-1]:
        row.pop()
    return STATE_VERSION + _encode(row)


def _switched(value: bytes) -> Switched:
    require_version(RULES_IN_FORCE, value)
    return _decode(memoryview(value)[1:])


def ruling_of(value: bytes | None) -> Ruling:
    """Return what a state record says; the files without one. Raises UnknownStateVersion."""
    return FILES if value is None else _switched(value).ruling


def merge_rules(_new: NewPartition, shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return the set of a new partition: the newest of the old ones. Offsets mean nothing in another log.

    An old partition that was behind changes with that, as it was about to.
    """
    kept = (each.entries.get(RULES_IN_FORCE) for each in shared)
    found = [_switched(value) for value in kept if value is not None]
    if not found:
        return {}
    newest = max(found, key=lambda each: each.latest)
    return {RULES_IN_FORCE: _encoded(msgspec.structs.replace(newest, offset=0))}
