"""A desk's decision about a message, report or escalation: the payload of `tocsin.moderation-outcome.v1`."""

from typing import Annotated, Generic, Literal

import msgspec

from streams.contract.events.countries import Country
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.outcome_reason import OutcomeReason
from streams.contract.events.report import KnownCategory, Pseudonym, Ref, ZonedTime

MODERATION_OUTCOME_TYPE = "tocsin.moderation-outcome.v1"

OutcomeDecision = Literal["upheld", "dismissed", "manifestly_unfounded"]
OutcomeConfidence = Literal["one_reviewer", "two_agree"]
# The restrictions of DSA art. 17(3)(a), with the words of the EU's transparency database in lower case:
# DECISION_VISIBILITY_CONTENT_REMOVED and so on, DECISION_ACCOUNT_SUSPENDED and DECISION_ACCOUNT_TERMINATED.
VisibilityAction = Literal[
    "removed", "disabled", "demoted", "age_restricted", "interaction_restricted", "labelled", "other"
]
AccountAction = Literal["suspended", "terminated"]

# A ce_source is a URI reference. 2,048 characters hold what browsers and proxies take of one.
CeSource = Annotated[str, msgspec.Meta(max_length=2048)]
# Greater than 0: what was reviewed had a chance of it.
ReviewProbability = Annotated[float, msgspec.Meta(gt=0, le=1)]


class MessageSubject(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="message"):
    """A message in a channel, and so every report about it."""

    channel_ref: Pseudonym
    message_ref: Pseudonym


class ReportSubject(
    msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="report"
):
    """A single report: its `report_id`, and its publisher's `ce_source` (empty for plain JSON without it)."""

    channel_ref: Pseudonym
    report_id: Ref
    ce_source: CeSource = ""


class EscalationSubject(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="escalation"):
    """An escalation that Tocsin published, and so the reports that it counted."""

    channel_ref: Pseudonym
    escalation_id: Ref


OutcomeSubject = MessageSubject | ReportSubject | EscalationSubject


class LawGround(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="law"):
    """A law: the id of the duty in the registry, and the country in which the content was judged by it."""

    duty: Ref
    jurisdiction: Country


class TermsGround(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="terms"):
    """The platform's terms: its own code of the rule."""

    rule: Ref


OutcomeGround = LawGround | TermsGround


class OutcomeAction(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What was done about the content, and about the account that published it."""

    visibility: VisibilityAction | None = None
    account: AccountAction | None = None


class ModerationOutcome(msgspec.Struct, Generic[KnownCategory], frozen=True, gc=False, omit_defaults=True):
    """A decision of a desk. Unknown fields are ignored, wrong types are rejected.

    `category` is the one that was found, which may differ from those reported. `ground` is the rule against
    which the content was judged, also where it was not broken. `reason` fits the decision. `supersedes` is
    the `outcome_id` of an earlier outcome that no longer holds, for instance after an appeal. `sampled` is
    the probability with which the subject was drawn for review, if it was drawn at random.
    `holds_for_version` is the version of the message that was judged: further reports of this version need no
    review until the dismissal ends. It needs two people, the second one in `confirmed_by`. `known_answer` is
    the decision that is right, of a case that was made to see how desks decide: it credits nobody.
    """

    outcome_id: Ref
    subject: OutcomeSubject
    decision: OutcomeDecision
    category: KnownCategory
    ground: OutcomeGround
    reason: OutcomeReason
    decided_at: ZonedTime
    reviewer: DeskMember
    confidence: OutcomeConfidence
    action: OutcomeAction | None = None
    supersedes: Ref | None = None
    sampled: ReviewProbability | None = None
    holds_for_version: Pseudonym | None = None
    confirmed_by: DeskMember | None = None
    known_answer: OutcomeDecision | None = None
