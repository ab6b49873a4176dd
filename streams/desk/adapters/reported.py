"""What an adapter tells a desk about the origin of a report, so that it recognises what comes back."""

import msgspec

from streams.contract.events.moderation_outcome import EscalationSubject, MessageSubject
from streams.contract.events.report import Category


class Reported(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An escalation, and the message of it that was reported; without one the report is about the channel."""

    escalation_id: str
    channel_ref: str
    category: Category
    message_ref: str | None = None

    def subject(self) -> MessageSubject | EscalationSubject:
        """What a decision about the report is about."""
        if self.message_ref is None:
            return EscalationSubject(self.channel_ref, self.escalation_id)
        return MessageSubject(self.channel_ref, self.message_ref)
