"""Daily counters for transparency reports: the payload of `tocsin.transparency-counter.v1`.

They contain numbers only: no channels, messages or pseudonyms.
"""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.authority_request import AuthorityType, LegalBasis, RequestKind
from streams.contract.events.authority_routing import RefusalCode, RoutingDecision
from streams.contract.events.internal.reporter_paused import PausedFor
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.report import Category, ReporterKind, ReportKind

TRANSPARENCY_COUNTER_TYPE = "tocsin.transparency-counter.v1"

CountedStage = Literal["reports", "requests"]
NoticeSource = Literal["any_notice", "trusted_flagger_notice"]
DecisionGround = Literal["law", "terms"]
# What is complained about (DSA art. 20(1)): a restriction of the content or of the account, one of which the
# outcome does not say what it was, or that nothing was done after a notice.
ComplaintSubject = Literal[
    "visibility", "account", "other_restriction", "no_action", "no_action_trusted_flagger", "unknown"
]
# `unknown`: the earlier outcome has not arrived, or is no longer remembered.
ComplaintResult = Literal["upheld", "partially_reversed", "reversed", "unknown"]
OrderStep = Literal["item", "informed", "effected"]

_Count = Annotated[int, msgspec.Meta(ge=1)]


class ReportCount(msgspec.Struct, frozen=True, gc=False):
    """The number of reports with the same properties.

    `source` is the reporter's kind, or `anonymous` if the report names no reporter. `automated`: a machine
    detected the content. `late`: the report came too late to be counted in any window. `escalated`: it opened
    a live escalation or raised its level.
    """

    source: ReporterKind
    kind: ReportKind
    automated: bool
    late: bool
    escalated: bool
    count: _Count


class RequestCount(msgspec.Struct, frozen=True, gc=False):
    """The number of authorities' requests with the same properties.

    `refusal` is the first reason for a refusal.
    """

    kind: RequestKind
    legal_basis: LegalBasis
    authority: AuthorityType
    decision: RoutingDecision
    refusal: RefusalCode | None
    count: _Count


class ItemCount(msgspec.Struct, frozen=True, gc=False):
    """The number of messages that notices named: each once per category, also if many notices named it.

    `named_by`: all notices, or those of trusted flaggers, which are among them.
    """

    named_by: NoticeSource
    count: _Count


class DecisionCount(msgspec.Struct, frozen=True, gc=False):
    """The number of messages with a decision that holds.

    It is negative where decisions are taken back from `date`. `ground`: the law, or the platform's terms.
    `notice`, `trusted_flagger_notice` and `detection`: what had arrived about the message before it was
    decided on.
    """

    decision: OutcomeDecision
    ground: DecisionGround
    notice: bool
    trusted_flagger_notice: bool
    detection: bool
    count: int


class ActionTimeCount(msgspec.Struct, frozen=True, gc=False):
    """The number of actions (of notices upheld) that took so many seconds from the receipt of the notice.

    `since` is the first notice about the message, or the first one of a trusted flagger. `seconds` are exact
    below 128, and otherwise rounded by less than 1 %.
    """

    since: NoticeSource
    seconds: int
    count: int


class ComplaintCount(msgspec.Struct, frozen=True, gc=False):
    """The number of decisions that replaced an earlier one.

    `about`: what the earlier one did. `result`: what became of it.
    """

    about: ComplaintSubject
    result: ComplaintResult
    count: int


class OrderCount(msgspec.Struct, frozen=True, gc=False):
    """The number of items that authorities' orders name, or of orders with a later step.

    `informed`: the authority was informed of the receipt. `effected`: the order was given effect. `seconds`
    is the time since receipt, rounded as action times; null for items.
    """

    kind: RequestKind
    step: OrderStep
    seconds: int | None
    count: int


class SuspensionCount(msgspec.Struct, frozen=True, gc=False):
    """The number of reporters whose reports were paused, for manifestly unfounded notices or complaints."""

    because_of: PausedFor
    count: int


class TransparencyCounter(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The counts of one partition of a stage for one day, country and category.

    A later record of the same key replaces an earlier one. `date` (YYYY-MM-DD) is the UTC day of the
    partition's time. `country` is the most certain jurisdiction of the reports (`XX` if none is known), or
    the country of the requesting authority. `category` is `unspecified` for requests without a category.
    Depending on `stage`, either `reports` or `requests` is empty.

    Decisions, action times, complaints, orders and suspensions are counted for the UTC day on which they were
    decided or done. They are in records of their own, one for each day on which something was counted for
    `date`; add all of them up. `country` and `category` of a decision are those of the first notice, if
    possible of a trusted flagger; a suspension has none.
    """

    date: str
    stage: CountedStage
    partition: int
    country: str
    category: Category
    reports: tuple[ReportCount, ...]
    requests: tuple[RequestCount, ...]
    items: tuple[ItemCount, ...] = ()
    decisions: tuple[DecisionCount, ...] = ()
    action_times: tuple[ActionTimeCount, ...] = ()
    complaints: tuple[ComplaintCount, ...] = ()
    orders: tuple[OrderCount, ...] = ()
    suspensions: tuple[SuspensionCount, ...] = ()
