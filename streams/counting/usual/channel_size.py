"""How many members a channel has, by what publishers claim of it."""

from typing import Final

import msgspec

from streams.contract.wire.times import DAY

# A claim halves or doubles a size within a day at most. No channel of some size grows faster for long; a
# publisher that wants to hide a wave in a million members needs a week for each hundredfold, and the claims
# of the others pull the size back meanwhile.
_FACTOR: Final = 2


class ChannelSize(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A channel has so many `members`. The newest claim is of `day` (days since the epoch).

    `before` is the size at the beginning of that day.
    """

    members: int
    day: int
    before: int


def with_claim(known: ChannelSize | None, members: int, claimed_ms: int) -> ChannelSize:
    """Return the size after a claim of `claimed_ms`: the last one counts, within bounds.

    It is at least half of what the size was when the day of the claim (UTC) began, and at most twice as much.
    The first claim about a channel counts as it is. A claim of an earlier day than another one changes
    nothing.
    """
    day = claimed_ms // DAY
    if known is None:
        return ChannelSize(members, day, members)
    if day < known.day:
        return known
    before = known.before if day == known.day else known.members
    return ChannelSize(min(max(members, -(-before // _FACTOR)), before * _FACTOR), day, before)


encode_size = msgspec.msgpack.Encoder().encode
decode_size = msgspec.msgpack.Decoder(ChannelSize).decode
