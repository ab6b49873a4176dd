"""Which case an escalation belongs to: one for each message, and one for each channel."""

from collections.abc import Sequence

from streams.contract.events.escalation import Escalation
from streams.contract.wire.ids import stable_id


def message_of(events: Sequence[Escalation]) -> str | None:
    """The one message that an escalation with these events is about; None if it is about its channel.

    It is about a message if its events name that one and no other. A policy that counts a second message is
    about the channel from then on: what is left of its window later does not take that back.
    """
    named = {message for event in events for message in event.message_refs}
    return named.pop() if len(named) == 1 else None


def joined_case_id(channel_ref: str, message_ref: str | None) -> str:
    """The id of the case of a message, or of a channel.

    Everybody may know it: it says nothing about what is inside.
    """
    if message_ref is None:
        return stable_id("case-of-channel", channel_ref)
    return stable_id("case-of-message", channel_ref, message_ref)
