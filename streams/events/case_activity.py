"""What people do with a case before it is decided: the payload of `tocsin.case-activity.v1`."""

from typing import Annotated, Literal

import msgspec

from streams.events.desk_member import DeskMember
from streams.events.moderation_outcome import OutcomeAction, OutcomeDecision, OutcomeGround
from streams.events.outcome_reason import OutcomeReason
from streams.events.report import Category, Pseudonym, Ref, ZonedTime

CASE_ACTIVITY_TYPE = "tocsin.case-activity.v1"

ActivityKind = Literal["claimed", "released", "noted", "snoozed", "escalated", "outcome_proposed"]
# No free text: a note in words would be about people, and could quote the message.
CaseNote = Literal[
    "context_checked",
    "information_awaited",
    "translation_needed",
    "second_opinion_wanted",
    "belongs_to_other_case",
]


class ProposedOutcome(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An outcome that takes effect once a second person signs it; the fields are those of a moderation outcome."""

    decision: OutcomeDecision
    category: Category
    ground: OutcomeGround
    reason: OutcomeReason
    action: OutcomeAction | None = None


class CaseActivity(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One act on a case. Unknown fields are ignored, wrong types are rejected.

    A case is an escalation. `expected_version` is the number of acts on it that the actor had seen: of two acts with
    the same number the first one counts. `until` belongs to `snoozed`, `note` to `noted`, `proposed` to
    `outcome_proposed`; each is required there and refused elsewhere, but that a claim may end by itself at `until`.
    """

    activity_id: Ref
    escalation_id: Ref
    channel_ref: Pseudonym
    kind: ActivityKind
    actor: DeskMember
    at: ZonedTime
    expected_version: Annotated[int, msgspec.Meta(ge=0)]
    until: ZonedTime | None = None
    note: CaseNote | None = None
    proposed: ProposedOutcome | None = None
