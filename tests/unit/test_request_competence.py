"""Which authority is competent if the requesting authority is not."""

import dataclasses
from datetime import UTC, date, datetime

import pytest

from streams.contract.events.authority_request import (
    AuthorityRequest,
    Demand,
    IssuingAuthority,
    LegalBasis,
    Target,
)
from streams.deciding.requests.competence import judge_competence
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.rules import Rules
from tests.request_strategies import SHIPPED


def reasons(country: str, basis: LegalBasis, demand: Demand, rules: Rules) -> dict[str | None, str]:
    request = AuthorityRequest(
        request_id="r-1",
        kind="order_to_act",
        legal_basis=basis,
        received_at=datetime(2026, 11, 24, tzinfo=UTC),
        authority=IssuingAuthority(country, "government"),
        demands=(demand,),
        target=Target("account", "a-1"),
    )
    competence, belongs_to = judge_competence(request, date(2026, 11, 24), compile_request_rules(rules))
    assert not competence.competent
    return {found.authority: found.reason for found in belongs_to}


def test_authorities_of_secondary_sources_are_named_without_a_remark() -> None:
    found = reasons("KR", "dsa_art9", "remove", SHIPPED)
    plain = "A request under the law of its own country, with effect in its own territory."
    assert found["KMCC"] == plain
    assert found["KR_CONTENT_REVIEW"] == f"{plain} What is known of KR_CONTENT_REVIEW is unverified."


@pytest.mark.parametrize(
    ("mark", "note"),
    [
        ("verified", ""),
        ("secondary", ""),
        ("unverified", " What is known of BE_FEDERAL_PROSECUTOR is unverified."),
    ],
)
def test_an_unverified_issuer_of_removal_orders_is_marked_as_unverified(mark: str, note: str) -> None:
    prosecutor = dataclasses.replace(SHIPPED.authorities["BE_FEDERAL_PROSECUTOR"], verification=mark)  # type: ignore[arg-type]
    rules = dataclasses.replace(SHIPPED, authorities={**SHIPPED.authorities, prosecutor.id: prosecutor})
    found = reasons("BE", "tco_art3", "remove", rules)
    assert found == {"BE_FEDERAL_PROSECUTOR": f"It issues the removal orders of this country.{note}"}
