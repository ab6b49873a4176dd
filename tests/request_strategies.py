"""Strategies that draw authorities' requests and registries."""

import dataclasses
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from streams.contract.events.authority_request import (
    AuthorityRequest,
    AuthorityType,
    Concern,
    Demand,
    IssuingAuthority,
    LegalBasis,
    RequestElement,
    RequestKind,
    Target,
)
from streams.contract.events.countries import COUNTRIES
from streams.contract.events.routing import Gate
from streams.registry.row_of_law import Verification
from streams.registry.rules import PlatformFacts, Rules, Triggers
from streams.registry.obligation import Obligation, Trigger
from streams.registry.jurisdiction import RuleOfLawTier
from tests.categories import CATEGORIES
from tests.marked import marked
from tests.report_strategies import times
from tests.shipped import RULES as SHIPPED

# The id of a request decides nothing. Few ids leave more examples for the fields that do.
refs = st.sampled_from(["r-1", "ar:2026~7.x", "x" * 128])
languages = st.none() | st.sampled_from(["en", "fr-BE", "DE", "hu", "zh-Hant"])


def one_of(literal: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(literal))


def tuples_of(literal: Any, least: int, most: int) -> st.SearchStrategy[Any]:
    return st.lists(one_of(literal), min_size=least, max_size=most).map(tuple)


countries = st.sampled_from(sorted(COUNTRIES)) | st.sampled_from(
    ["DE", "DK", "EL", "GB", "US", "IN", "RU", "XX"]
)
# As an intake may write it: any field but the kind may be absent. Numbers from 0 on, because the border
# between a few people and many is among the small ones.
target_documents = st.fixed_dictionaries(
    {"kind": one_of(Target.__annotations__["kind"])},
    optional={
        "ref": st.none() | refs,
        "people": st.none() | st.integers(0, 15) | st.integers(0, 10**8),
        "specific": st.booleans(),
    },
)
targets = target_documents.map(lambda document: msgspec.convert(document, Target))
requests = st.builds(
    AuthorityRequest,
    request_id=refs,
    kind=one_of(RequestKind),
    legal_basis=one_of(LegalBasis),
    received_at=times,
    authority=st.builds(
        IssuingAuthority, country=countries, type=one_of(AuthorityType), ref=st.none() | refs
    ),
    demands=tuples_of(Demand, 1, 5),
    target=targets,
    elements=st.just(get_args(RequestElement)) | tuples_of(RequestElement, 0, 18),
    category=st.none() | st.sampled_from(CATEGORIES),
    language=languages,
    emergency=st.booleans(),
    concerns=tuples_of(Concern, 0, 3),
)


@st.composite
def rows(draw: st.DrawFn, row: Obligation) -> Obligation:
    """A row of the registry with fields replaced by anything that the files allow, and by more than that."""
    duration = draw(st.sampled_from([None, "PT1H", "P10D", "P6M"]))
    return dataclasses.replace(
        row,
        trigger=draw(one_of(Trigger)),
        marks=marked(draw(one_of(Verification))),
        duration=duration,
        calendar=draw(st.sampled_from(["elapsed", "business_days"])) if duration == "P10D" else "elapsed",
        meaning=draw(st.sampled_from(["deadline", "retention"])),
        gate=draw(st.none() | one_of(Gate)),
        legal_bases=draw(tuples_of(LegalBasis, 0, 6)),
        emergency=draw(st.none() | st.booleans()),
        required_elements=draw(tuples_of(RequestElement, 0, 3)),
        categories=CATEGORIES,
    )


_ALL_IN_TIER = {
    tier: {
        code: dataclasses.replace(row, rule_of_law=tier, earlier_tiers=())
        for code, row in SHIPPED.jurisdictions.items()
    }
    for tier in get_args(RuleOfLawTier)
}


@st.composite
def registries(draw: st.DrawFn) -> Rules:
    """The shipped registry with different tiers, triggers, rows and platform facts."""
    tier = draw(one_of(RuleOfLawTier))
    triggers = frozenset(draw(tuples_of(Trigger, 0, 8)))
    member = st.none() | st.sampled_from(["BE", "DE", "IE"])
    return dataclasses.replace(
        SHIPPED,
        jurisdictions=_ALL_IN_TIER[tier],
        obligations=tuple(
            draw(rows(row)) for row in draw(st.lists(st.sampled_from(SHIPPED.obligations), max_size=3))
        ),
        triggers=Triggers(
            met_by_report=SHIPPED.triggers.met_by_report,
            met_by_request=dict.fromkeys(get_args(RequestKind), triggers),
            possible=SHIPPED.triggers.possible,
        ),
        platform=PlatformFacts(
            establishment=draw(member),
            legal_representative=draw(member),
            contact_languages=draw(st.sampled_from([(), ("en",), ("en", "fr", "nl")])),
            certainty=0.8,
            fallback="both",
            safe_recipients=(),
        ),
    )
