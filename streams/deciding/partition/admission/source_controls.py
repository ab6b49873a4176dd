"""What operators have decided about the sources of a partition: which are paused, and what is skipped."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.state_records import STATE_VERSION, require_version

SOURCE_CONTROL: Final = b"S"
"""State key type of what was decided about a source. The key is: type, topic without prefix."""


class SourceControl(msgspec.Struct, array_like=True, frozen=True):
    """Whether a source is paused, and the offset below which its records are skipped.

    With `skip_entry` that is this entry of the bundle before the offset, and nothing else.
    """

    paused: bool = False
    skip_below: int = 0
    skip_entry: int | None = None


_NONE: Final = SourceControl()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SourceControl).decode


class SourceControls:
    """The controls of a partition's sources, by topic without prefix.

    False if there are none, as nearly always.
    """

    __slots__ = ("_controls", "_touched")

    def __init__(self) -> None:
        self._controls: dict[str, SourceControl] = {}
        self._touched: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._controls)

    def of(self, topic: str) -> SourceControl:
        """Return what is in force for a source."""
        return self._controls.get(topic, _NONE)

    def paused(self) -> frozenset[str]:
        """Return the sources that are paused."""
        return frozenset(topic for topic, control in self._controls.items() if control.paused)

    def decide(self, decision: SourceDecision) -> None:
        """Put a decision into force. One that was written twice has no further effect."""
        control, until = self.of(decision.topic), decision.until or 0
        if decision.action != "skip":
            self._put(decision.topic, replace(control, paused=decision.action == "pause"))
        elif until > control.skip_below or (until == control.skip_below and control.skip_entry is not None):
            self._put(decision.topic, SourceControl(control.paused, until, decision.entry))

    def check(self, topic: str, offset: int, entry: int | None = None) -> None:
        """Raise Rejected if the record at `offset`, or this entry of it, is skipped.

        After the last one, forget that any was.
        """
        control = self._controls.get(topic)
        if control is None or not control.skip_below:
            return
        if offset < control.skip_below:
            if control.skip_entry is not None and (offset + 1, entry) != (
                control.skip_below,
                control.skip_entry,
            ):
                return
            raise Rejected("skipped", WHOLE_VALUE, "Passed over unread by a decision of the operators.")
        self._put(topic, SourceControl(control.paused))

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, with None for one to delete."""
        for topic in self._touched:
            control = self._controls.get(topic)
            yield control_record(topic, control)
        self._touched = {}

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore a record that `drain_changes` yielded. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._controls[key[1:].decode()] = _decode(memoryview(value)[1:])

    def _put(self, topic: str, control: SourceControl) -> None:
        if control == _NONE:
            self._controls.pop(topic, None)
        else:
            self._controls[topic] = control
        self._touched[topic] = None


def control_record(topic: str, control: SourceControl | None) -> tuple[bytes, bytes | None]:
    """Return key and value of the state record of a source, with None for one to delete."""
    key = SOURCE_CONTROL + topic.encode()
    if control is None:
        return key, None
    # Without an entry as in version 0.2.
    fields = msgspec.structs.astuple(control)
    return key, STATE_VERSION + _encode(fields[:2] if control.skip_entry is None else fields)


def without_offsets(key: bytes, value: bytes) -> bytes | None:
    """Return the record of a source for a log with other offsets, in which nothing is skipped.

    None if there is nothing else to say. Raises UnknownStateVersion.
    """
    controls = SourceControls()
    controls.restore(key, value)
    topic = key[1:].decode()
    paused = topic in controls.paused()
    return control_record(topic, SourceControl(paused))[1] if paused else None
