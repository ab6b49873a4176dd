"""Whether a worker has memory for more state: the payload of `tocsin.state-room.v1`."""

import msgspec

STATE_ROOM_TYPE = "tocsin.state-room.v1"


class StateRoom(msgspec.Struct, frozen=True):
    """Whether the partition in whose log this is takes reporters, channels and messages that are not known.

    Its worker writes it when its state has reached its budget of memory, and when there is room again.
    """

    has_room: bool
