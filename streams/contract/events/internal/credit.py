"""What a decision about a message changes for one reporter, on its way to the home of their hash."""

from typing import Final

import msgspec

from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.report import Category

CREDIT_TYPE: Final = "tocsin.credit.v1"


class CreditedOutcome(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An outcome as it counts for a reporter: `day` in days since the epoch, its weight in per cent.

    `confirmed`: others who were right elsewhere reported the message too, so it is not the reporter's own
    (docs/trust.md). `reviewer` is a keyed tag of the person who alone decided so, 0 if two agree or nobody is
    known. `first`: nobody else had reported the message before. Records of versions that did not say so have
    the defaults.
    """

    day: int
    decision: OutcomeDecision
    category: Category
    percent: int
    confirmed: bool = False
    reviewer: int = 0
    first: bool = False


class ReporterCredit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`removed` no longer counts for the reporter, `added` does.

    Both are null for a report that came too late to be credited. `reporter` and `target` are keyed hashes: of
    the reporter, and of channel and message. `decision` is the one that stands, or upheld if nobody could
    look at the message. `received_s` is when the platform received the report, and `decided_s` when it was
    decided on, in seconds since the epoch. `forwarded` counts how often it was sent after a reporter whose
    hash has changed with the key. `channel` is a keyed tag of 32 bits of the message's channel, 0 if
    outcomes count as before that was kept, and `earlier_channel` that under the previous key, 0 without one.
    `decided_by` is the tag of the person who alone made the decision that stands, 0 if two agree or
    nobody is known. `parts` are those of the source of a finding (contract/events/internal/findings.py).
    """

    reporter: int
    target: int
    received_s: int
    decided_s: int
    decision: OutcomeDecision
    removed: CreditedOutcome | None
    added: CreditedOutcome | None
    forwarded: int = 0
    channel: int = 0
    decided_by: int = 0
    parts: tuple[int, ...] = ()
    earlier_channel: int = 0
