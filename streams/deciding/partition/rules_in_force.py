"""Which set of rules a partition is judged by, and since which record of its internal topic."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.deciding.partition.moving import NewPartition, Shared

RULES_IN_FORCE: Final = b"X"
"""State key of the set; only of a partition that has changed to one. The key is the type alone."""


class Switched(msgspec.Struct, array_like=True, frozen=True):
    """The set, the change that put it into force, and the offset of the record that brought it here.

    `applied` is the number of reports or requests applied before it.
    """

    rule_set: str
    change: int
    offset: int
    applied: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Switched).decode


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
    def change(self) -> int:
        """The version of the log of changes that put it into force; 0 for the files."""
        return 0 if self.switched is None else self.switched.change

    def switch(self, switched: Switched) -> None:
        """Judge by another set from now on."""
        self.switched = switched
        self._changed = True

    def drain_change(self) -> tuple[bytes, bytes] | None:
        """Return the state record if it changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return RULES_IN_FORCE, STATE_VERSION + _encode(self.switched)

    def restore(self, key: bytes, value: bytes) -> None:  # noqa: ARG002 - as every reader of state
        """Restore the record. Raises UnknownStateVersion."""
        self.switched = _switched(value)


def _switched(value: bytes) -> Switched:
    require_version(RULES_IN_FORCE, value)
    return _decode(memoryview(value)[1:])


def rule_set_of(value: bytes | None) -> str | None:
    """Return the set that a state record names; None without one. Raises UnknownStateVersion."""
    return None if value is None else _switched(value).rule_set


def merge_rules(_new: NewPartition, shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return the set of a new partition: the newest of the old ones. Offsets mean nothing in another log.

    An old partition that was behind changes with that, as it was about to.
    """
    kept = (each.entries.get(RULES_IN_FORCE) for each in shared)
    found = [_switched(value) for value in kept if value is not None]
    if not found:
        return {}
    newest = max(found, key=lambda each: each.change)
    return {RULES_IN_FORCE: STATE_VERSION + _encode(msgspec.structs.replace(newest, offset=0))}
