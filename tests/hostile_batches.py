"""Record batches that no client makes but every broker accepts: a few bytes that take much memory."""

import cramjam
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c, encode_varint

ZSTD = 4


def varint(number):
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


def record(delta, value, headers=b"\x00"):
    body = b"\x00\x00" + varint(delta) + varint(-1) + varint(len(value)) + value + headers
    return varint(len(body)) + body


def batch(records, count):
    """A zstd batch of records that were made by hand, as no client makes them."""
    data = bytearray(DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 10).build())
    packed = bytes(cramjam.zstd.compress(records))
    data[8:12] = (49 + len(packed)).to_bytes(4, "big")
    data[22] |= ZSTD
    data[23:27] = (count - 1).to_bytes(4, "big")
    data[57:61] = count.to_bytes(4, "big")
    data += packed
    data[17:21] = calc_crc32c(data[21:]).to_bytes(4, "big")
    return bytes(data)
