"""Daily counters for transparency reports: the payload of `tocsin.transparency-counter.v1`.

They contain numbers only: no channels, messages or pseudonyms.
"""

from typing import Annotated, Literal

import msgspec

from streams.events.authority_request import AuthorityType, LegalBasis, RequestKind
from streams.events.authority_routing import Decision, RefusalCode
from streams.events.report import Category, ReporterKind, ReportKind

TRANSPARENCY_COUNTER_TYPE = "tocsin.transparency-counter.v1"

CountedStage = Literal["reports", "requests"]

_Count = Annotated[int, msgspec.Meta(ge=1)]


class ReportCount(msgspec.Struct, frozen=True, gc=False):
    """The number of reports with the same properties.

    `source` is the reporter's kind, or `anonymous` if the report names no reporter. `automated`: a machine detected the
    content. `late`: the report came too late to be counted in any window. `escalated`: it opened a live escalation or
    raised its level.
    """

    source: ReporterKind
    kind: ReportKind
    automated: bool
    late: bool
    escalated: bool
    count: _Count


class RequestCount(msgspec.Struct, frozen=True, gc=False):
    """The number of authorities' requests with the same properties. `refusal` is the first reason for a refusal."""

    kind: RequestKind
    legal_basis: LegalBasis
    authority: AuthorityType
    decision: Decision
    refusal: RefusalCode | None
    count: _Count


class TransparencyCounter(msgspec.Struct, frozen=True, gc=False):
    """The counts of one partition of a stage for one day, country and category.

    A later record of the same key replaces an earlier one. `date` (YYYY-MM-DD) is the UTC day of the partition's time.
    `country` is the most certain jurisdiction of the reports (`XX` if none is known), or the country of the requesting
    authority. `category` is `unspecified` for requests without a category. Depending on `stage`, either `reports` or
    `requests` is empty.
    """

    date: str
    stage: CountedStage
    partition: int
    country: str
    category: Category
    reports: tuple[ReportCount, ...]
    requests: tuple[RequestCount, ...]
