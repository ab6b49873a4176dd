"""The ids of items in Coop. An action names the item alone, so its id says what the decision is about."""

from streams.contract.events.moderation_outcome import EscalationSubject, MessageSubject
from streams.contract.wire.refs import is_ref

_MESSAGE, _ESCALATION = "message", "escalation"


def item_id(channel_ref: str, escalation_id: str, message_ref: str | None) -> str:
    """The id of a message, or of an escalation that names none. No ref contains a slash."""
    if message_ref is None:
        return f"{channel_ref}/{_ESCALATION}/{escalation_id}"
    return f"{channel_ref}/{_MESSAGE}/{message_ref}"


def subject_of(identity: str) -> MessageSubject | EscalationSubject | None:
    """What an item is; None if its id is none of the adapter's."""
    parts = identity.split("/")
    if len(parts) != 3 or not (is_ref(parts[0]) and is_ref(parts[2])):
        return None
    channel_ref, kind, ref = parts
    if kind == _MESSAGE:
        return MessageSubject(channel_ref, ref)
    return EscalationSubject(channel_ref, ref) if kind == _ESCALATION else None
