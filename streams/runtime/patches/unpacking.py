"""Record batches without their compression, unless they would be too large: 32 KiB of zstd may unpack to a gigabyte."""

import mmap
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

# Batches of the source topics have 1 MiB at most, and reports pack 10 to 15 times (measured with zstd, lz4 and gzip).
MAX_UNPACKED_BYTES = 64 * 1024 * 1024

# Of a batch in version 2 of the format: the attributes, whose lowest three bits name the codec, and where records begin.
_ATTRIBUTES_AT = 22
_CODEC = 0b111
_RECORDS_AT = 61


class TooLarge(ValueError):
    """A batch would unpack to more than MAX_UNPACKED_BYTES."""


def unpacked(batch: memoryview) -> memoryview | bytes:
    """The batch without compression. Raises TooLarge, or whatever its codec raises for bytes that it cannot unpack."""
    codec = batch[_ATTRIBUTES_AT] & _CODEC
    unpack = _UNPACK.get(codec)
    if unpack is None:
        return batch
    head = bytearray(batch[:_RECORDS_AT])
    head[_ATTRIBUTES_AT] &= ~_CODEC
    return b"".join((head, unpack(batch[_RECORDS_AT:])))


def _gzip(packed: memoryview) -> bytes:
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    # What follows the member is left alone, as the broker does.
    found = member.decompress(packed, MAX_UNPACKED_BYTES + 1)
    if len(found) > MAX_UNPACKED_BYTES:
        raise TooLarge
    return found


def _cramjam(module: Any) -> Callable[[memoryview], bytes]:
    def unpack(packed: memoryview) -> bytes:
        # Pages that are not written to cost nothing.
        with mmap.mmap(-1, MAX_UNPACKED_BYTES) as room:
            try:
                return room[: module.decompress_into(packed, room)]
            except cramjam.DecompressionError as error:
                if "whole buffer" in str(error):
                    raise TooLarge from None
                raise

    return unpack


# Not snappy: what it copies is at most 21 times as long as the copy.
_UNPACK: dict[int, Callable[[memoryview], bytes]] = {
    DefaultRecordBatch.CODEC_GZIP: _gzip,
    DefaultRecordBatch.CODEC_LZ4: _cramjam(cramjam.lz4),
    DefaultRecordBatch.CODEC_ZSTD: _cramjam(cramjam.zstd),
}
