"""Bundles: records of an internal topic that carry many reports or credits from one stage to the next.

A record of its own for every report costs each hop some ten microseconds: headers, an envelope, JSON that is
parsed once more, and what the client library spends on any record. So a batch writes one record for each
partition to which it passes reports on, and its reader decodes all of it at once.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.records import OutputRecord, SourceRecord

Entry = TypeVar("Entry", bound=msgspec.Struct | msgspec.Raw)

# A batch closes a bundle that reaches one of them, and begins another. 1,000 reports are 60 KB compressed;
# twice as many compress no better, and take twice as much memory when they are read (a megabyte). The bytes
# are those of the reports as published, of which a bundle has about two thirds: four reports of the greatest
# length (64 KiB) fill one. The topics take records of 2 MiB.
MOST_ENTRIES: Final = 1_000
MOST_BYTES: Final = 256 * 1024

# The first byte of the value. Increase it when older workers cannot read what newer ones write: also with a
# new value of an enumeration, such as a kind of report.
BUNDLE_VERSION: Final = b"\x01"

_encode = msgspec.msgpack.Encoder().encode


class Bundle(NamedTuple, Generic[Entry]):
    """The entries in the order in which their reports were applied.

    `partitions` is the number of partitions by which their destination was chosen.
    """

    partitions: int
    entries: list[Entry]


class BundleForm(Generic[Entry]):
    """How the bundles of one kind are written and read; `event_type` names the kind in the header `ce_type`.

    The value is a version byte, and then msgpack, which either core can read: the number of partitions, and
    an array of entries, each of which is an array.
    """

    __slots__ = ("_decode", "_decode_entry", "_header", "event_type", "topic")

    def __init__(self, topic: str, event_type: str, entry: Any) -> None:
        self.topic = topic
        self.event_type = event_type
        self._header = CE_TYPE, event_type.encode()
        self._decode = msgspec.msgpack.Decoder(tuple[int, list[entry]]).decode
        self._decode_entry: Callable[[bytes | msgspec.Raw], Entry] = msgspec.msgpack.Decoder(entry).decode

    def unread(self) -> "BundleForm[Any]":
        """Return the form in which entries are msgspec.Raw, for a reader that decodes few of them."""
        return BundleForm(self.topic, self.event_type, msgspec.Raw)

    def entry(self, raw: bytes | msgspec.Raw) -> Entry:
        """Decode an entry. Raises Rejected if no worker wrote it."""
        try:
            return self._decode_entry(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Rejected("invalid_value", WHOLE_VALUE, f"Must be what {CE_TYPE} says.") from None

    def record(self, partition: int, partitions: int, entries: Sequence[Entry]) -> OutputRecord:
        """Return the record that brings entries to a partition of `partitions`."""
        value = BUNDLE_VERSION + _encode((partitions, entries))
        return OutputRecord(self.topic, partition, None, value, [self._header])

    def is_bundle(self, record: SourceRecord) -> bool:
        """Whether a record is a bundle of this kind. On no other topic: there a publisher could send one."""
        # Of most records of other topics nobody else needs the headers.
        if not record.topic.endswith(self.topic):
            return False
        headers = record.headers
        # A record that was re-keyed has an origin as well, so it cannot pass for a bundle.
        return len(headers) == 1 and headers[0] == self._header

    def read(self, record: SourceRecord) -> Bundle[Entry]:
        """Return what is in a bundle.

        Raises ValueError for a bundle that a newer version wrote, and Rejected for one that no worker wrote.
        """
        value = record.value or b""
        if value[:1] > BUNDLE_VERSION:
            raise ValueError(f"a bundle has version {value[:1]!r}, this version reads {BUNDLE_VERSION!r}")
        try:
            if value[:1] < BUNDLE_VERSION:
                raise msgspec.DecodeError
            return Bundle(*self._decode(memoryview(value)[1:]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Rejected("invalid_value", WHOLE_VALUE, f"Must be what {CE_TYPE} says.") from None
