"""The records of the topic `worker-progress`: how far a worker has read its sources, while any is behind."""

from collections.abc import Mapping

import msgspec


class ProgressRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one worker says, as of the transaction that the row is part of.

    `behind`: a source of this worker is behind, so the others must say how far they are. `frontiers`: up to
    which event time (ms) each of its partitions is read. `held`: those of them that wait for others.
    `left_out`: those of which nothing is read for now, so nobody must wait for them. `relays`: the partitions
    of the internal topic that it applies, through which reports pass on their way to their channels. In these
    all that any worker had passed on before the row at offset `seen` is applied, if `seen` is not None.
    `relayed` is a number that changes whenever it applies something there.
    """

    behind: bool = False
    frontiers: Mapping[int, int] = {}
    held: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    relays: tuple[int, ...] = ()
    seen: int | None = None
    relayed: int = 0


encode_row = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ProgressRow).decode


def decode_row(value: bytes | None) -> ProgressRow | None:
    """Return the row of a record; None for one that this version cannot read."""
    try:
        return _decode(value or b"")
    except msgspec.DecodeError:
        return None
