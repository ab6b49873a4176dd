"""Daily counters for transparency reports: the payload of `tocsin.transparency-counter.v1`.

They hold numbers alone: no channel, no message, nobody's pseudonym.
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
    """How many reports were alike.

    `source` is the reporter's kind, `anonymous` where a report names no reporter. `automated`: a machine found what is
    reported. `late`: the report came too late to be counted in any window. `escalated`: it opened a live escalation or
    raised one.
    """

    source: ReporterKind
    kind: ReportKind
    automated: bool
    late: bool
    escalated: bool
    count: _Count


class RequestCount(msgspec.Struct, frozen=True, gc=False):
    """How many requests of authorities were alike; `refusal` is the first reason of a refusal."""

    kind: RequestKind
    legal_basis: LegalBasis
    authority: AuthorityType
    decision: Decision
    refusal: RefusalCode | None
    count: _Count


class TransparencyCounter(msgspec.Struct, frozen=True, gc=False):
    """What one partition of a stage counted on one day; a later record of the same key replaces it.

    `date` (YYYY-MM-DD) is the UTC day of the partition's time. `country` is that of the report's most certain
    jurisdiction (`XX` when none is known), or the requesting authority's. `category` of a request that names none is
    `unspecified`. One of `reports` and `requests` is empty, by `stage`.
    """

    date: str
    stage: CountedStage
    partition: int
    country: str
    category: Category
    reports: tuple[ReportCount, ...]
    requests: tuple[RequestCount, ...]
