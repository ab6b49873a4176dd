"""Decompresses record batches up to a size limit: 32 KiB of zstd may unpack to a gigabyte."""

import mmap
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

# Batches of the source topics have at most 1 MiB, and reports compress by a factor of 10 to 15 (measured with
# zstd, lz4 and gzip).
MAX_UNPACKED_BYTES = 64 * 1024 * 1024

# In version 2 of the batch format: the attributes, whose lowest three bits name the codec, and the first
# record.
_ATTRIBUTES_AT = 22
_CODEC = 0b111
_RECORDS_AT = 61


class TooLarge(ValueError):
    """A batch would unpack to more than MAX_UNPACKED_BYTES."""


def unpacked(batch: memoryview) -> memoryview | bytes:
    """The batch without compression. Raises TooLarge, or the codec's own error for bytes that it cannot unpack."""
    codec = batch[_ATTRIBUTES_AT] & _CODEC
    unpack = _UNPACK.get(codec)
    if unpack is None:
        return batch
    head = bytearray(batch[:_RECORDS_AT])
    head[_ATTRIBUTES_AT] &= ~_CODEC
    return b"".join((head, unpack(batch[_RECORDS_AT:])))


def _gzip(packed: memoryview) -> bytes:
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    # Bytes after the first member are ignored, as the broker ignores them.
    found = member.decompress(packed, MAX_UNPACKED_BYTES + 1)
    if len(found) > MAX_UNPACKED_BYTES:
        raise TooLarge
    return found


def _cramjam(module: Any) -> Callable[[memoryview], bytes]:
    def unpack(packed: memoryview) -> bytes:
        # Anonymous memory: pages that are never written to are never allocated.
        with mmap.mmap(-1, MAX_UNPACKED_BYTES) as room:
            try:
                return room[: module.decompress_into(packed, room)]
            except cramjam.DecompressionError as error:
                if "whole buffer" in str(error):
                    raise TooLarge from None
                raise

    return unpack


# Snappy needs no limit: its output is at most 21 times as long as its input.
_UNPACK: dict[int, Callable[[memoryview], bytes]] = {
    DefaultRecordBatch.CODEC_GZIP: _gzip,
    DefaultRecordBatch.CODEC_LZ4: _cramjam(cramjam.lz4),
    DefaultRecordBatch.CODEC_ZSTD: _cramjam(cramjam.zstd),
}
