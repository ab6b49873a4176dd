"""Who reported each message. There is a record for each reported message, so each byte counts.

Most messages are reported once. Their records differ in reporter, time and id of the report alone; the rest,
publisher, country and category, is kept once for all that share it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import DAY
from streams.counting.attribution import MessageReporters, ReportIdentity
from streams.counting.expiry import EXPIRY_DAY, day_in
from streams.counting.message_bytes import ENTRY, decode_reporters, encode_reporters
from streams.counting.message_facts import FirstReport
from streams.counting.packed_records import PackedRecords
from streams.counting.record_store import ExpiringStore

# Objects per generation. An object takes 1,100 bytes, fifteen times its record.
GENERATION: Final = 2_000
_OBJECT_BYTES: Final = 1_100

# For the limit of a batch: about the bytes of a record, and of each of its reporters.
_RECORD_BYTES: Final = 64
_REPORTER_BYTES: Final = 40

# The bytes of a record of one report (message_bytes.py) before and after its reporter and time. Then follow
# the report's id, the first part of its shape, the time once more, the second part, and the day of expiry.
_HEAD: Final = STATE_VERSION + b"\x9b\xc4\x0c"
_MIDDLE: Final = b"\x01\xc2\xc0\xc0\x90\x91"
_ENTRY_AT: Final = len(_HEAD)
_MIDDLE_AT: Final = _ENTRY_AT + ENTRY.size
_ID_AT: Final = _MIDDLE_AT + len(_MIDDLE)
_NOTICE: Final = b"\x93\xce"
_TIME_BYTES: Final = 4
# Times from here on take four bytes. None is earlier but in tests.
_FIRST_TIME: Final = 1 << 16

# A publisher has a few sources, and they have some categories and countries each. Beyond this number, records
# are kept as a whole: nobody can fill the memory with shapes.
_MOST_SHAPES: Final = 4_096
_WHOLE: Final = b"\xff\xff"
_NUMBER_BYTES: Final = 2
_SHAPE_BYTES: Final = 600

_encode = msgspec.msgpack.Encoder().encode


class _Names(NamedTuple):
    source: str
    country: str
    category: str


class _Shape(NamedTuple):
    """What many records have in common: `names`, and their bytes before and after the time."""

    number: bytes
    names: _Names
    before: bytes
    after: bytes

    @property
    def length(self) -> int:
        """The number of bytes that a record of this shape has beside reporter, time and id, and the day."""
        return len(_HEAD) + len(_MIDDLE) + len(self.before) + _TIME_BYTES + len(self.after)


class MessageStore(ExpiringStore[MessageReporters]):
    """The reporters of messages by state key: type, channel ref, NUL, message ref. Call `put` after a change.

    `size` is that of the records in the state topic; `memory` is smaller.
    """

    __slots__ = ("_by_names", "_by_parts", "_of_channel", "_packed", "_shapes")

    def __init__(self, generation: int = GENERATION) -> None:
        super().__init__(generation)
        self._packed = PackedRecords()
        self._shapes: list[_Shape] = []
        self._by_names: dict[tuple[str, str, str], _Shape] = {}
        self._by_parts: dict[tuple[bytes, bytes], _Shape] = {}
        # Keys of what was touched, by channel: derived when an outcome names a report, which few desks do.
        self._of_channel: dict[bytes, list[bytes]] | None = None

    def __len__(self) -> int:
        return len(self._packed)

    @property
    def memory(self) -> int:
        """About the bytes that all records take in this process, as of the last `drain_changes`."""
        objects = (len(self._new) + len(self._old)) * _OBJECT_BYTES
        return self._packed.memory + len(self._shapes) * _SHAPE_BYTES + objects

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore a record of the state topic. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._packed.put(key, self._shortened(value))
        self.size += len(key) + len(value)
        self._expiry.move(None, day_in(value))

    def new_record(self) -> MessageReporters:
        """Return an empty record, which the store does not know before `put`."""
        return MessageReporters()

    def put(self, key: bytes, record: MessageReporters, expires_ms: int) -> None:
        """Store a new or changed record; it is dropped on the day (UTC) after `expires_ms` at the latest."""
        if key not in self._touched:
            self.changed_bytes += _RECORD_BYTES + _REPORTER_BYTES * len(record.reporters)
            if self._of_channel is not None:
                self._of_channel.setdefault(_channel_of(key), []).append(key)
        self._touched[key] = record
        day = -(-expires_ms // DAY)
        if day != record.expires:
            self._expiry.move(record.expires, day)
            record.expires = day
        self._remember(key, record)

    def of_channel(self, channel: bytes, part: bytes) -> list[bytes]:
        """Return the keys of messages of a channel, among them all whose record has the bytes `part`.

        `channel` is type and channel ref. The order depends on nothing but the keys.
        """
        if self._of_channel is None:
            self._of_channel = {}
            for key in self._touched:
                self._of_channel.setdefault(_channel_of(key), []).append(key)
        stored = [key for key, value in self._packed.of_group(channel, part) if part in value]
        return sorted({*stored, *self._of_channel.get(channel, ())})

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, with None for one to delete."""
        for key in self._deleted():
            yield key, None
        put, length_of = self._packed.put, self._length
        for key, record in self._touched.items():
            value, packed = self._encoded_twice(record)
            before = put(key, packed)
            self.size += len(key) + len(value) if before is None else len(value) - length_of(before)
            yield key, value
        self._removed = {}
        self._touched = {}
        self._of_channel = None
        self.changed_bytes = 0

    def _encoded_twice(self, record: MessageReporters) -> tuple[bytes, bytes]:
        """Return a record's bytes for the state topic, and as they are kept here."""
        assert record.expires is not None
        day = EXPIRY_DAY.pack(record.expires)
        if len(record.reporters) == 1 and (notice := record.notice) is not None:
            ((reporter, received),) = record.reporters.items()
            identity = record.identities.get(reporter)
            if (
                identity is not None
                and record.reports == 1
                and notice.received_s == received >= _FIRST_TIME
                and record.facts is None
                and record.first_s is None
                and not record.own
                and not record.sampled
                and not record.found
                and not record.proofs
                and (shape := self._shape(identity.ce_source, notice.country, notice.category)) is not None
            ):
                entry = ENTRY.pack(reporter, received)
                report = identity.report_id.encode()
                parts = (
                    _HEAD, entry, _MIDDLE, _encode(identity.report_id),
                    shape.before, received.to_bytes(_TIME_BYTES, "big"), shape.after, day,
                )  # fmt: skip
                return b"".join(parts), b"".join((shape.number, entry, report, day))
        value = encode_record(record)
        return value, _WHOLE + value

    def _shape(self, source: str, country: str, category: str) -> _Shape | None:
        """Return the shape of records with these names; None if there are too many shapes."""
        names = (source, country, category)
        known = self._by_names.get(names)
        if known is None and len(self._shapes) < _MOST_SHAPES:
            number = len(self._shapes).to_bytes(_NUMBER_BYTES, "big")
            before = _encode([source]) + b"\xc4\x01\x00" + _NOTICE
            after = _encode(country) + _encode(category) + _encode(None)
            known = _Shape(number, _Names(*names), before, after)
            self._shapes.append(known)
            self._by_names[names] = self._by_parts[before, after] = known
        return known

    def _shortened(self, value: bytes) -> bytes:
        """Return a record of the state topic as it is kept here. Takes damaged bytes as they are."""
        if value.startswith(_HEAD) and value.startswith(_MIDDLE, _MIDDLE_AT):
            begin, length = _text_at(value, _ID_AT)
            end = begin + length
            entry = value[_ENTRY_AT:_MIDDLE_AT]
            at = value.find(_NOTICE + entry[: -_TIME_BYTES - 1 : -1], end)
            if length and at >= 0:
                day_at = len(value) - EXPIRY_DAY.size
                before = value[end : at + len(_NOTICE)]
                after = value[at + len(_NOTICE) + _TIME_BYTES : day_at]
                shape = self._by_parts.get((before, after)) or self._shape_in(value, before, after)
                if shape is not None:
                    return b"".join((shape.number, entry, value[begin:end], value[day_at:]))
        return _WHOLE + value

    def _shape_in(self, value: bytes, before: bytes, after: bytes) -> _Shape | None:
        """Return the shape with these parts; None if the record, in which they were found, has no shape."""
        try:
            record = decode_reporters(memoryview(value)[len(STATE_VERSION) : -EXPIRY_DAY.size])
        except (ValueError, LookupError, msgspec.DecodeError):
            return None
        identity = next(iter(record.identities.values()), None)
        if identity is None or record.notice is None:
            return None
        shape = self._shape(identity.ce_source, record.notice.country, record.notice.category)
        return shape if shape is not None and (shape.before, shape.after) == (before, after) else None

    def _length(self, packed: bytes) -> int:
        """Return how many bytes a record has in the state topic."""
        number = packed[:_NUMBER_BYTES]
        if number == _WHOLE:
            return len(packed) - _NUMBER_BYTES
        rest = len(packed) - _NUMBER_BYTES
        report = rest - ENTRY.size - EXPIRY_DAY.size
        header = 1 if report < 32 else 2 if report < 256 else 3
        return self._shapes[int.from_bytes(number, "big")].length + rest + header

    def _with_day(self, key: bytes, record: MessageReporters) -> bytes:  # noqa: ARG002
        return self._encoded_twice(record)[0]

    def _day_of(self, key: bytes, record: MessageReporters) -> int:  # noqa: ARG002
        assert record.expires is not None
        return record.expires

    def _decoded(self, key: bytes, value: bytes) -> MessageReporters:  # noqa: ARG002
        if value.startswith(_WHOLE):
            return decode_record(memoryview(value)[_NUMBER_BYTES:])
        day_at = len(value) - EXPIRY_DAY.size
        source, country, category = self._shapes[int.from_bytes(value[:_NUMBER_BYTES], "big")].names
        reporter, received = ENTRY.unpack_from(value, _NUMBER_BYTES)
        report_id = value[_NUMBER_BYTES + ENTRY.size : day_at].decode()
        return MessageReporters(
            {reporter: received},
            1,
            identities={reporter: ReportIdentity(source, report_id)},
            notice=FirstReport(received, country, category),
            expires=day_in(value),
        )

    def _value(self, key: bytes) -> bytes | None:
        return self._packed.get(key)

    def _drop(self, key: bytes) -> bytes | None:
        packed = self._packed.pop(key)
        if packed is not None:
            self.size -= len(key) + self._length(packed)
        return packed

    def _dated(self) -> Iterator[tuple[bytes, int]]:
        yield from self._packed.dated()
        yield from [(key, self._day_of(key, record)) for key, record in self._touched.items()]


def encode_record(record: MessageReporters) -> bytes:
    """Return the bytes of a record for the state topic."""
    assert record.expires is not None
    return STATE_VERSION + encode_reporters(record) + EXPIRY_DAY.pack(record.expires)


def decode_record(value: bytes | memoryview) -> MessageReporters:
    """Decode the bytes of `encode_record`; raises what `decode_reporters` does for damaged ones."""
    record = decode_reporters(memoryview(value)[len(STATE_VERSION) : -EXPIRY_DAY.size])
    record.expires = day_in(value)
    return record


def _text_at(value: bytes, at: int) -> tuple[int, int]:
    """Return where a MessagePack text of at most 255 bytes begins, and its length; 0 for anything else."""
    first = value[at] if at < len(value) else 0
    if first & 0xE0 == 0xA0:
        return at + 1, first & 0x1F
    if first == 0xD9 and at + 1 < len(value):
        return at + 2, value[at + 1]
    return at, 0


def _channel_of(key: bytes) -> bytes:
    return key.partition(b"\0")[0]
