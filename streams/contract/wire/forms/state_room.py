"""Encodes and decodes whether there is memory for more state: records of the internal topics."""

import msgspec

from streams.contract.events.internal.state_room import STATE_ROOM_TYPE, StateRoom
from streams.contract.wire.envelope import own_headers
from streams.contract.wire.own_events import own_event_decoder
from streams.contract.wire.records import Headers


def encode_state_room(*, has_room: bool) -> tuple[bytes, Headers]:
    """The value and headers of what a worker says."""
    return (
        msgspec.json.encode(StateRoom(has_room)),
        own_headers(STATE_ROOM_TYPE, "room" if has_room else "no-room"),
    )


decode_state_room = own_event_decoder(STATE_ROOM_TYPE, StateRoom)
"""What is said in a record; None for any other record and for one that cannot be read."""
