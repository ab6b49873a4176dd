"""Decompresses record batches up to a size limit: 32 KiB of zstd may unpack to a gigabyte."""

import mmap
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

# Batches of the source topics have at most 1 MiB, and reports compress by a factor of 10 to 15 (measured with
# zstd, lz4 and gzip). A worker unpacks one batch at a time.
MAX_UNPACKED_BYTES = 16 * 1024 * 1024

# What is tried first: a little more than reports compress by.
USUAL_RATIO = 20

# In version 2 of the batch format: the low byte of the attributes, whose lowest three bits name the codec,
# the number of records (4 bytes), and the first record.
ATTRIBUTES_AT = 22
CODEC = 0b111
COUNT_AT = 57
RECORDS_AT = 61

# Snappy in the framing of Java's client: a header, then blocks with their length before them.
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_BLOCK_LENGTH = 4


class TooLarge(ValueError):
    """A batch would unpack to more than MAX_UNPACKED_BYTES."""


def unpacked(batch: memoryview) -> bytes:
    """The batch's records without compression.

    Raises TooLarge, or the codec's own error for bytes that it cannot unpack. An uncompressed batch has no
    limit, because it is in memory already.
    """
    packed = batch[RECORDS_AT:]
    unpack = _UNPACK.get(batch[ATTRIBUTES_AT] & CODEC)
    return bytes(packed) if unpack is None else unpack(packed)


def _gzip(packed: memoryview) -> bytes:
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    # Bytes after the first member are ignored, as the broker ignores them.
    found = member.decompress(packed, MAX_UNPACKED_BYTES + 1)
    if len(found) > MAX_UNPACKED_BYTES:
        raise TooLarge
    return found


def _limited(decompress_into: Callable[[memoryview, Any], int]) -> Callable[[memoryview], bytes]:
    def unpack(packed: memoryview) -> bytes:
        usual = USUAL_RATIO * len(packed)
        if usual < MAX_UNPACKED_BYTES:
            room = bytearray(usual)
            try:
                return bytes(memoryview(room)[: decompress_into(packed, room)])
            except cramjam.DecompressionError as error:
                if not _is_too_small(error):
                    raise
            del room
        # Anonymous memory: pages that are never written to are never allocated. But those that are take
        # longer than from the heap: half a microsecond per report.
        with mmap.mmap(-1, MAX_UNPACKED_BYTES) as most:
            try:
                return most[: decompress_into(packed, most)]
            except cramjam.DecompressionError as error:
                if _is_too_small(error):
                    raise TooLarge from None
                raise

    return unpack


def _is_too_small(error: cramjam.DecompressionError) -> bool:
    """Whether the codec ran out of room: the messages of LZ4 and zstd, and of Snappy."""
    return "whole buffer" in str(error) or "smaller than required" in str(error)


def _snappy_into(packed: memoryview, room: Any) -> int:
    if bytes(packed[: len(_XERIAL)]) != _XERIAL:
        return int(cramjam.snappy.decompress_raw_into(packed, room))
    written, at = 0, _XERIAL_HEADER
    with memoryview(room) as rest:
        while at < len(packed):
            begin = at + _BLOCK_LENGTH
            at = begin + int.from_bytes(packed[at:begin], "big")
            with rest[written:] as free:
                written += cramjam.snappy.decompress_raw_into(packed[begin:at], free)
    return written


_UNPACK: dict[int, Callable[[memoryview], bytes]] = {
    DefaultRecordBatch.CODEC_GZIP: _gzip,
    DefaultRecordBatch.CODEC_SNAPPY: _limited(_snappy_into),
    DefaultRecordBatch.CODEC_LZ4: _limited(cramjam.lz4.decompress_into),
    DefaultRecordBatch.CODEC_ZSTD: _limited(cramjam.zstd.decompress_into),
}
