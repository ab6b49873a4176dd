"""What a report without a message is about: its channel, as if that were one message of each day.

So such reports are credited, link their reporters and are judged like those about a message. A day (UTC),
because a channel goes on, unlike a message: were it one message for ever, the first decision would end all
credits, and who reports it again next week would be no voice any more.
"""

from typing import Final

from streams.contract.wire.times import DAY

# No ref has NUL, so it is the ref of no message.
_MARK: Final = "\0"


def message_or_channel(message_ref: str | None, received_ms: int) -> str:
    """Return the ref of the message, or what stands for the channel on the day on which it was reported."""
    return channel_on(received_ms // DAY) if message_ref is None else message_ref


def channel_on(day: int) -> str:
    """Return what stands for the channel on a day, in days since the epoch."""
    return f"{_MARK}{day}"


def named_message(about: str) -> str | None:
    """Return the ref of the message; None if the channel itself is meant."""
    return None if about.startswith(_MARK) else about
