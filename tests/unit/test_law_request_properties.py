"""Properties of the judgement of a request, for any rows of the registry and any request."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import get_args

import msgspec
import pytest
from hypothesis import given
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
from streams.contract.events.countries import COUNTRY_ALIASES
from streams.contract.events.routing import Gate
from streams.deciding.requests.judge import Judgement, judge_request
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.obligations import FROM_ITS_CONTENT
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation
from streams.registry.jurisdiction import RuleOfLawTier
from tests.categories import CATEGORIES
from tests.marked import marked
from tests.unit.law_reports import RULES
from tests.unit.law_strategies import DAYS, MODERATE, PLACES, everywhere, several, with_rows

REQUEST_RULES = compile_request_rules(RULES)
GATES: tuple[Gate, ...] = get_args(Gate)

FORBIDDEN: dict[Demand, str] = {
    "encryption_keys": "encryption_keys",
    "bulk_identify": "bulk_identify",
    "block_protest": "block_protest",
}
DATA: set[Demand] = {"produce_subscriber_data", "produce_traffic_data", "produce_content_data"}
CONTENT: set[Demand] = {"remove", "disable_access", "geo_disable", "restrict_account"}

VALID_BASES: dict[LegalBasis, tuple[RequestKind, Demand]] = {
    "dsa_art9": ("order_to_act", "remove"),
    "dsa_art10": ("order_for_information", "produce_subscriber_data"),
    "tco_art3": ("removal_order", "remove"),
    "e_evidence_epoc": ("production_order", "produce_traffic_data"),
    "e_evidence_epoc_pr": ("preservation_order", "preserve_data"),
    "national_law": ("order_to_act", "remove"),
}


@st.composite
def valid_requests(draw: st.DrawFn) -> AuthorityRequest:
    """A complete request that fits its legal basis, from an authority that may have the power to make it."""
    basis = draw(st.sampled_from(list(VALID_BASES)))
    kind, demand = VALID_BASES[basis]
    return AuthorityRequest(
        request_id="q-1",
        kind=kind,
        legal_basis=basis,
        received_at=datetime.combine(draw(DAYS | st.just(date(2026, 11, 24))), time(12, tzinfo=UTC)),
        authority=IssuingAuthority(
            draw(st.sampled_from(["DE", "FR", "DK", "GP", "IN", "KR", "RU"])), "court"
        ),
        demands=(demand,),
        target=Target("account", "a-1", 1, specific=True),
        elements=get_args(RequestElement),
        category="terrorism" if basis == "tco_art3" else draw(st.none() | st.sampled_from(CATEGORIES)),
        emergency=draw(st.booleans()),
    )


requests = valid_requests() | st.builds(
    AuthorityRequest,
    request_id=st.just("q-1"),
    kind=st.sampled_from(get_args(RequestKind)),
    legal_basis=st.sampled_from(get_args(LegalBasis)),
    received_at=st.builds(datetime.combine, DAYS, st.times(timezones=st.just(UTC))),
    authority=st.builds(
        IssuingAuthority,
        country=st.sampled_from(PLACES),
        type=st.sampled_from(get_args(AuthorityType)),
    ),
    demands=st.lists(st.sampled_from(get_args(Demand)), min_size=1, max_size=4, unique=True).map(tuple),
    target=st.builds(
        Target,
        kind=st.sampled_from(["message", "channel", "account", "persons", "service"]),
        ref=st.none() | st.just("t-1"),
        people=st.none() | st.integers(0, 15) | st.integers(0, 10**6),
        specific=st.booleans(),
    ),
    elements=st.just(get_args(RequestElement))
    | st.lists(st.sampled_from(get_args(RequestElement)), unique=True).map(tuple),
    category=st.none() | st.sampled_from(CATEGORIES),
    language=st.sampled_from([None, "en", "ru"]),
    emergency=st.booleans(),
    concerns=st.lists(st.sampled_from(get_args(Concern)), max_size=2, unique=True).map(tuple),
)


def judge(request: AuthorityRequest, rules: Rules = RULES) -> Judgement:
    compiled = REQUEST_RULES if rules is RULES else compile_request_rules(rules)
    return judge_request(request, round(request.received_at.timestamp() * 1000), compiled)


def permissive_rules() -> Rules:
    """The shipped rules at their most permissive: all countries open, all rows verified and unconditional."""
    return replace(
        RULES,
        jurisdictions={
            code: replace(row, rule_of_law="open", earlier_tiers=())
            for code, row in RULES.jurisdictions.items()
        },
        obligations=tuple(
            replace(row, gate=None, required_elements=(), legal_bases=(), marks=marked("verified"))
            for row in RULES.obligations
        ),
        categories={name: replace(row, abuse_prone=False) for name, row in RULES.categories.items()},
        platform=replace(RULES.platform, establishment="DE", certainty=0.0),
    )


PERMISSIVE = permissive_rules()


@MODERATE
@given(
    requests,
    st.sampled_from(list(FORBIDDEN)),
    st.sampled_from([RULES, PERMISSIVE]),
)
def test_a_forbidden_demand_is_refused_for_any_authority_and_registry(
    request: AuthorityRequest, demand: Demand, rules: Rules
) -> None:
    judged = judge(msgspec.structs.replace(request, demands=(*request.demands, demand)), rules)
    assert judged.decision == "refused"
    assert FORBIDDEN[demand] in {refusal.code for refusal in judged.findings.refusals}
    assert all(refusal.norms and refusal.reason for refusal in judged.findings.refusals)
    assert judged.armed == ()
    assert judged.gate == "human_rights_review"
    assert judged.findings.disclosure in ("never", "not_asked")
    assert judged.findings.territory.scope == "none"


def is_about_few(target: Target) -> bool:
    """Whether it is clear that a target is at most ten people, or the one of a channel or a message."""
    if target.people is None:
        return target.kind in ("account", "message") and target.ref is not None
    return 1 <= target.people <= (1 if target.kind in ("channel", "message") else 10)


@MODERATE
@given(requests, st.sampled_from([RULES, PERMISSIVE]))
def test_a_forbidden_demand_under_another_name_is_refused(request: AuthorityRequest, rules: Rules) -> None:
    demands = set(request.demands)
    codes_found = {refusal.code for refusal in judge(request, rules).findings.refusals}
    target = request.target
    about_nobody = demands & (DATA | {"answer"}) == {"answer"} and target.people == 0
    if demands & (DATA | {"answer"}) and not about_nobody:
        crowd = "peaceful_assembly" in request.concerns and not is_about_few(target)
        assert ("bulk_identify" in codes_found) == (
            "bulk_identify" in demands or not target.specific or target.kind == "service" or crowd
        )
    if demands & CONTENT and "peaceful_assembly" in request.concerns:
        assert "block_protest" in codes_found
    if target == Target("account", "t-1", specific=True) and not demands & set(FORBIDDEN):
        # Such a request is refused for no other reason.
        allowed = {"block_protest"} if "peaceful_assembly" in request.concerns else set()
        assert codes_found - {"political_demand"} <= allowed


@pytest.mark.slow
@MODERATE
@given(valid_requests() | requests, several(everywhere()))
def test_a_clock_is_armed_by_a_verified_row_alone_and_runs_only_with_every_required_element(
    request: AuthorityRequest, rows: list[Obligation]
) -> None:
    for rules in (RULES, with_rows(rows)):
        judged = judge(request, rules)
        for duty in judged.armed:
            row = duty.obligation
            assert row.marks.of_clock != "unverified"
            assert row.duration is not None
            assert row.trigger in rules.triggers.met_by_request[request.kind] | FROM_ITS_CONTENT
            assert row.emergency in (None, request.emergency)
            assert not row.legal_bases or request.legal_basis in row.legal_bases
            assert row.in_force_from <= request.received_at.date() <= (row.in_force_until or date.max)
            if judged.findings.missing and row.trigger not in FROM_ITS_CONTENT:
                assert row.id in judged.paused or row.runs_from in judged.paused
        if judged.armed:
            assert judged.decision != "refused"
            assert judged.findings.competence.competent


@MODERATE
@given(valid_requests())
def test_a_registry_without_verified_rows_arms_no_clock(request: AuthorityRequest) -> None:
    assert judge(request, UNVERIFIED).armed == ()


UNVERIFIED = with_rows(replace(row, marks=marked("unverified")) for row in RULES.obligations)


@MODERATE
@given(requests)
def test_a_stricter_country_never_has_a_less_protective_gate(request: AuthorityRequest) -> None:
    tiers = get_args(RuleOfLawTier)
    country = COUNTRY_ALIASES.get(request.authority.country, request.authority.country)
    if country not in RULES.jurisdictions:
        return
    gates = []
    for tier in tiers:
        row = replace(RULES.jurisdictions[country], rule_of_law=tier, earlier_tiers=())
        rules = replace(RULES, jurisdictions={**RULES.jurisdictions, country: row})
        gates.append(GATES.index(judge(request, rules).gate))
    assert gates == sorted(gates)


@MODERATE
@given(requests)
def test_no_data_are_disclosed_to_unknown_or_closed_states(request: AuthorityRequest) -> None:
    judged = judge(request)
    if judged.findings.rule_of_law.tier in ("unknown", "closed"):
        assert judged.findings.disclosure != "after_gate"
    if judged.findings.disclosure == "after_gate":
        assert GATES.index(judged.gate) >= GATES.index("judicial_order")
