"""What people do with a case, up to its decision: the payload of `tocsin.case-activity.v1`."""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.clock_outcome import ClockSubject
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import OutcomeAction, OutcomeDecision, OutcomeGround
from streams.contract.events.outcome_reason import OutcomeReason
from streams.contract.events.report import Category, Pseudonym, Ref, ZonedTime

CASE_ACTIVITY_TYPE = "tocsin.case-activity.v1"

# decided: by one person. outcome_proposed waits for a second person, who signs or declines it.
ActivityKind = Literal[
    "claimed",
    "released",
    "noted",
    "snoozed",
    "escalated",
    "outcome_proposed",
    "proposal_signed",
    "proposal_declined",
    "decided",
]
# No free text: a note in words would be about people, and could quote the message.
CaseNote = Literal[
    "context_checked",
    "information_awaited",
    "translation_needed",
    "second_opinion_wanted",
    "belongs_to_other_case",
]
# followed_in_part: for instance in fewer countries than the authority asked for. withdrawn: by the authority.
RequestAnswer = Literal["followed", "followed_in_part", "refused", "withdrawn"]
# What whoever looked at an integrity case found. unclear: it cannot be told from what there is.
IntegrityVerdict = Literal["confirmed", "not_confirmed", "unclear"]

# A case has a handful of clocks. A hundred still fit the largest event.
_MOST_CLOCKS = 100


class ClockClosing(msgspec.Struct, frozen=True, gc=False):
    """A legal clock that ends with the decision; the fields are those of a clock outcome."""

    clock_id: Ref
    subject: ClockSubject
    key: Ref
    outcome: Literal["fulfilled", "withdrawn"]


class ProposedOutcome(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is to be decided; the fields are those of a moderation outcome.

    `message_ref` is the message that was judged, null for those that the escalation names. `clocks` end with
    the decision. `supersedes` is the activity_id of the decision that no longer holds, which is the id of its
    outcome too.
    """

    decision: OutcomeDecision
    category: Category
    ground: OutcomeGround
    reason: OutcomeReason
    action: OutcomeAction | None = None
    message_ref: Pseudonym | None = None
    clocks: Annotated[tuple[ClockClosing, ...], msgspec.Meta(max_length=_MOST_CLOCKS)] = ()
    supersedes: Ref | None = None


class ProposedAnswer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How an authority's request is to be answered. `clocks` end with the answer.

    `supersedes` is the activity_id of the answer that no longer holds.
    """

    answer: RequestAnswer
    clocks: Annotated[tuple[ClockClosing, ...], msgspec.Meta(max_length=_MOST_CLOCKS)] = ()
    supersedes: Ref | None = None


class IntegrityConclusion(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What was found by whoever closes an integrity case; nothing follows from it by itself.

    `supersedes` is the activity_id of the conclusion that no longer holds.
    """

    verdict: IntegrityVerdict
    supersedes: Ref | None = None


class CaseActivity(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One act on a case. Unknown fields are ignored, wrong types are rejected.

    A case is an escalation, named by `escalation_id` and its `channel_ref`, an authority's request, named by
    `request_id`, or an integrity case, named by `integrity_case_id`, which is claimed, released and decided
    with a `conclusion`. `expected_version` is the number of acts on it that the actor had seen: of two acts
    with the same number the first one counts. `until` belongs to `snoozed`, `note` to `noted`;
    `outcome_proposed` and `decided` need `proposed` for an escalation and `proposed_answer` for a request.
    Each is required there and refused elsewhere, but that a claim may end by itself at `until`. A decision
    about an escalation, and the signature of such a proposal, is followed by an event on
    `moderation-outcomes` whose outcome_id is the activity_id.
    """

    activity_id: Ref
    kind: ActivityKind
    actor: DeskMember
    at: ZonedTime
    expected_version: Annotated[int, msgspec.Meta(ge=0)]
    escalation_id: Ref | None = None
    channel_ref: Pseudonym | None = None
    request_id: Ref | None = None
    until: ZonedTime | None = None
    note: CaseNote | None = None
    proposed: ProposedOutcome | None = None
    proposed_answer: ProposedAnswer | None = None
    integrity_case_id: Ref | None = None
    conclusion: IntegrityConclusion | None = None

    @property
    def key(self) -> str:
        """The record's key, which keeps a case's acts in order: the channel's ref or another id."""
        key = self.channel_ref or self.request_id or self.integrity_case_id
        assert key is not None
        return key
