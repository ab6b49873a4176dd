"""Records in pieces of which each is written in a transaction."""

from collections.abc import Iterable, Iterator

from streams.running.log.log import Write

# Bytes of one transaction, which may last 20 seconds: a slow broker writes this in one.
_TRANSACTION_BYTES = 4 * 1024 * 1024


def pieces(records: Iterable[Write]) -> Iterator[list[Write]]:
    """Yield the records in pieces of at most _TRANSACTION_BYTES, or one larger record."""
    piece: list[Write] = []
    size = 0
    for record in records:
        key, value, headers = record
        more = len(key or b"") + len(value or b"") + sum(len(name) + len(data) for name, data in headers)
        size += more
        if piece and size > _TRANSACTION_BYTES:
            yield piece
            piece, size = [], more
        piece.append(record)
    if piece:
        yield piece
