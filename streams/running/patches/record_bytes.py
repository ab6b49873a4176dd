"""Where records begin in a batch's bytes, and a reader of one record without objects for its headers.

A record is its length and then that many bytes: attributes, timestamp and offset as differences from the
batch's, key, value, the number of headers, and the headers. All numbers are zigzag varints.
"""

from typing import NamedTuple

from streams.contract.wire.records import HEADERS_DROPPED, MAX_HEADERS

# Bytes of the records that are made into objects at a time: some 70 reports. A header may be two bytes, so
# these may be 16,000 headers, which take 1.3 MB as objects (a tuple and its place in the list).
CHUNK_BYTES = 32 * 1024

_ONE_BYTE = 1 << 7
_LONGEST_VARINT = 10


class ReadRecord(NamedTuple):
    """A record as `aiokafka` reads it, except that header names which are not text are escaped."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def next_chunk(data: bytes, begin: int, records: int) -> tuple[int, int]:
    """The end and number of the records from `begin` that fit in CHUNK_BYTES; at least one record.

    Considers at most `records` of them, and stops before one that is incomplete. Raises ValueError if the
    first one is.
    """
    # This loop runs once per record, and most of them are reports with a length of two bytes.
    limit = min(begin + CHUNK_BYTES, len(data))
    end, found = begin, 0
    try:
        while found < records:
            length = data[end]
            if length < _ONE_BYTE:
                after = end + 1 + (length >> 1)
            elif (more := data[end + 1]) < _ONE_BYTE:
                after = end + 2 + ((length & 0x7F) >> 1) + (more << 6)
            else:
                size, at = _varint(data, end)
                # A negative length is damage, which the reader of the record finds.
                after = at + max(0, size)
            if after > limit:
                break
            end = after
            found += 1
    except IndexError:
        after = len(data) + 1
    if found == 0:
        end, found = after, 1
    if end > len(data):
        raise ValueError("the batch ends within a record")
    return end, found


def read_record(
    data: bytes, at: int, base_offset: int, timestamps: tuple[int, int, int]
) -> tuple[ReadRecord, int]:
    """The record at `at`, and where it ends.

    With more than MAX_HEADERS headers they are replaced by their number. `timestamps` are the type, the first
    one and the largest one of the batch. Raises ValueError or IndexError for damaged bytes.
    """
    length, at = _varint(data, at)
    end = at + length
    if length < 0 or end > len(data):
        raise ValueError("a record has an impossible length")
    _attributes, at = _varint(data, at)
    later, at = _varint(data, at)
    delta, at = _varint(data, at)
    key, at = _nullable(data, at, end)
    value, at = _nullable(data, at, end)
    count, at = _varint(data, at)
    headers: list[tuple[str, bytes | None]] = []
    if count > MAX_HEADERS:
        headers.append((HEADERS_DROPPED, b"%d" % count))
        at = end
    else:
        for _ in range(count):
            name, at = _nullable(data, at, end)
            content, at = _nullable(data, at, end)
            if name is None:
                raise ValueError("a header has no name")
            headers.append((name.decode(errors="backslashreplace"), content))
    if count < 0 or at != end:
        raise ValueError("a record is not as long as its length says")
    kind, first, largest = timestamps
    return ReadRecord(
        base_offset + delta, largest if kind else first + later, kind, key, value, tuple(headers)
    ), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    raw = shift = 0
    for end in range(at, at + _LONGEST_VARINT):
        byte = data[end]
        raw |= (byte & 0x7F) << shift
        if byte < _ONE_BYTE:
            return (raw >> 1) ^ -(raw & 1), end + 1
        shift += 7
    raise ValueError("a number is longer than 64 bits")


def _nullable(data: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    length, at = _varint(data, at)
    if length < 0:
        return None, at
    if at + length > end:
        raise ValueError("a record is longer than its length says")
    return data[at : at + length], at + length
