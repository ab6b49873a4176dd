"""What holds of the law whatever the registry's rows and whatever a report or request says."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.assessment.law.resolution import Resolved, Resolver
from streams.assessment.requests.judgement import Judgement, judge_request
from streams.assessment.requests.request_rules import compile_request_rules
from streams.events.authority_request import (
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
from streams.events.countries import COUNTRY_ALIASES
from streams.events.report import (
    CATEGORIES,
    REPORTER_KINDS,
    Channel,
    Evidence,
    EvidenceBasis,
    MessageReport,
    Notice,
    NoticeElement,
    Reporter,
    ReportKind,
    Visibility,
)
from streams.events.routing import Gate
from streams.registry.loader import load_rules
from streams.registry.rules import (
    Action,
    Obligation,
    Rules,
    RuleOfLawTier,
    Standard,
    Trigger,
    Verification,
)

RULES = load_rules()
RESOLVER = Resolver(RULES)
GATES: tuple[Gate, ...] = get_args(Gate)
REQUEST_RULES = compile_request_rules(RULES)
MODERATE = settings(deadline=None, max_examples=80)
# Those that compile rules of their own.
FEW = settings(deadline=None, max_examples=40)

# By how long they are, so that the model needs no parser. A month is no longer and no shorter than 30 days here.
DURATIONS = {"PT1H": 1, "PT2H": 2, "PT8H": 8, "PT24H": 24, "P1D": 24, "PT48H": 48, "P7D": 168, "P10D": 240}
# Countries with a row, members of the Union, others, and none.
PLACES = (
    *("DE", "FR", "DK", "BE", "NO", "GB", "UK", "EL", "GP", "GL"),
    *("US", "KR", "IN", "BR", "RU", "IR", "TR", "KZ", "XK", "XX"),
)
DAYS = st.dates(date(2014, 1, 1), date(2027, 12, 31)) | st.sampled_from(
    sorted({row.in_force_from for row in RULES.obligations})
)

evidence = st.builds(
    Evidence,
    country=st.sampled_from(PLACES),
    basis=st.sampled_from(get_args(EvidenceBasis)),
    confidence=st.sampled_from([0.0, 0.3, 0.79, 0.8, 0.95]),
)
reports = st.builds(
    MessageReport,
    report_id=st.just("r-1"),
    kind=st.sampled_from(get_args(ReportKind)),
    occurred_at=st.builds(
        datetime.combine,
        DAYS,
        st.times(timezones=st.just(UTC)),
    ),
    channel=st.builds(
        Channel,
        ref=st.just("c-1"),
        visibility=st.sampled_from(get_args(Visibility)),
        country=st.sampled_from((None, None, *PLACES)),
        language=st.sampled_from([None, "ko", "de-AT", "ru", "da"]),
    ),
    category=st.sampled_from(CATEGORIES),
    reporter=st.builds(
        Reporter,
        kind=st.sampled_from(REPORTER_KINDS),
        country=st.sampled_from((None, None, *PLACES)),
    ),
    evidence=st.lists(evidence, max_size=4).map(tuple),
    notice=st.builds(
        Notice,
        elements=st.just(get_args(NoticeElement))
        | st.lists(st.sampled_from(get_args(NoticeElement)), unique=True).map(tuple),
    ),
)


def obligations(jurisdiction: str, **fixed: Any) -> st.SearchStrategy[Obligation]:
    named: dict[str, Any] = {
        "id": st.uuids().map(lambda name: f"{jurisdiction}.{name}"),
        "jurisdiction": st.just(jurisdiction),
        "instrument": st.just("an act"),
        "article": st.just("s.1"),
        "title": st.just("a duty"),
        "categories": st.just(CATEGORIES)
        | st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True).map(tuple),
        "trigger": st.sampled_from(get_args(Trigger)) | st.sampled_from(["user_report", "authority_order"]),
        "required_elements": st.just(())
        | st.lists(st.sampled_from(get_args(NoticeElement)), max_size=2).map(tuple),
        "action": st.sampled_from(get_args(Action)),
        "duration": st.none() | st.sampled_from(list(DURATIONS)),
        "meaning": st.sampled_from(["deadline", "deadline", "retention"]),
        "standard": st.none() | st.sampled_from(get_args(Standard)),
        "calendar": st.just("elapsed"),
        "holiday_calendar": st.none(),
        "pausable_for": st.just(()),
        "authority": st.sampled_from([None, *RULES.authorities]),
        "applies_to": st.just("all"),
        "public_only": st.booleans(),
        "except_in": st.just(()),
        "legal_bases": st.just(()),
        "emergency": st.none(),
        "gate": st.none() | st.sampled_from(GATES),
        "territory": st.just(jurisdiction),
        "in_force_from": st.just(date(2010, 1, 1)) | DAYS,
        "in_force_until": st.none() | st.just(date(2026, 6, 28)),
        "source_title": st.none(),
        "source_url": st.just("https://example.org/"),
        "checked": st.just(date(2026, 11, 24)),
        "verification": st.sampled_from(get_args(Verification)),
    }
    return st.builds(Obligation, **(named | fixed))


def everywhere() -> st.SearchStrategy[Obligation]:
    """Rows of jurisdictions that the reports above may concern."""
    return st.sampled_from(["GLOBAL", "GLOBAL", "EEA", "EU", "EU", "DE", "DK", "US"]).flatmap(obligations)


def with_rows(rows: Iterable[Obligation]) -> Rules:
    """The shipped rules with other obligations."""
    layers = {"GLOBAL": 0, "EEA": 1, "EU": 1}
    return replace(
        RULES, obligations=tuple(sorted(rows, key=lambda row: (layers.get(row.jurisdiction, 2), row.id)))
    )


def ids(resolved: Resolved) -> set[str]:
    return {duty.obligation.id for duty in resolved.duties}


def codes(resolved: Resolved) -> dict[str, float]:
    return {entry.code: entry.confidence for entry in resolved.jurisdictions}


def day_of(report: MessageReport) -> date:
    return (report.received_at or report.occurred_at).astimezone(UTC).date()


def regional_model(report: MessageReport, rules: Rules, named: Iterable[str]) -> set[str]:
    """The duties of GLOBAL and the regions, found row by row."""
    triggers = rules.triggers.met_by_report[report.kind] | rules.triggers.possible[report.kind]
    found = set()
    for row in rules.obligations:
        if row.trigger not in triggers or report.category not in row.categories:
            continue
        if row.public_only and report.channel.visibility == "private":
            continue
        if not row.in_force_from <= day_of(report) <= (row.in_force_until or date.max):
            continue
        for code in named:
            country = rules.jurisdictions.get(code)
            if row.jurisdiction == "GLOBAL" or (
                country is not None
                and row.jurisdiction in country.regions
                and not {code, country.part_of} & set(row.except_in)
            ):
                found.add(row.id)
    return found


@FEW
@given(reports, st.lists(everywhere(), min_size=2, max_size=6, unique_by=lambda row: row.id))
def test_the_overlay_never_loses_a_regional_duty(report: MessageReport, rows: list[Obligation]) -> None:
    for rules in (RULES, with_rows(rows)):
        resolved = Resolver(rules).resolve(report)
        found = {
            duty.obligation.id
            for duty in resolved.duties
            if duty.obligation.jurisdiction in ("GLOBAL", "EU", "EEA")
        }
        assert found == regional_model(report, rules, codes(resolved))


@FEW
@given(reports, st.lists(everywhere(), max_size=5, unique_by=lambda row: row.id), obligations("DE"))
def test_a_row_of_a_country_only_adds(report: MessageReport, rows: list[Obligation], row: Obligation) -> None:
    before = Resolver(with_rows(rows)).resolve(report)
    after = Resolver(with_rows([*rows, row])).resolve(report)
    assert ids(after) - {row.id} == ids(before)
    assert {duty.obligation.id: duty.not_armed for duty in before.duties}.items() <= {
        duty.obligation.id: duty.not_armed for duty in after.duties
    }.items()
    assert set(before.armed) <= set(after.armed)


@MODERATE
@given(reports, st.lists(evidence, min_size=1, max_size=4))
def test_more_evidence_never_removes_a_jurisdiction(report: MessageReport, more: list[Evidence]) -> None:
    before = RESOLVER.resolve(report)
    after = RESOLVER.resolve(_with(report, more))
    for code, confidence in codes(before).items():
        assert code == "XX" or codes(after)[code] >= confidence
    assert ids(before) <= ids(after)
    assert {row.id for row in before.armed} <= {row.id for row in after.armed}


@FEW
@given(reports, st.lists(everywhere(), min_size=2, max_size=6, unique_by=lambda row: row.id))
def test_a_clock_is_armed_by_a_verified_row_whose_trigger_is_met(
    report: MessageReport, rows: list[Obligation]
) -> None:
    for rules in (RULES, with_rows(rows)):
        resolved = Resolver(rules).resolve(report)
        assert resolved.armed == tuple(duty.obligation for duty in resolved.duties if duty.not_armed is None)
        for row in resolved.armed:
            assert row.verification != "unverified"
            assert row.trigger in rules.triggers.met_by_report[report.kind]
            assert row.duration is not None
            assert row.meaning == "deadline"
            assert report.notice is not None
            assert set(row.required_elements) <= set(report.notice.elements)


@FEW
@given(reports, st.lists(everywhere(), min_size=2, max_size=6, unique_by=lambda row: row.id))
def test_registries_of_which_nothing_is_verified_arm_nothing(
    report: MessageReport, rows: list[Obligation]
) -> None:
    rules = with_rows(replace(row, verification="unverified") for row in (*RULES.obligations, *rows))
    assert Resolver(rules).resolve(report).armed == ()


@FEW
@given(
    reports,
    st.lists(
        obligations(
            "GLOBAL",
            trigger=st.sampled_from(["user_report", "trusted_flagger_notice"]),
            action=st.sampled_from(["remove", "decide"]),
            categories=st.just(CATEGORIES),
            in_force_from=st.just(date(2010, 1, 1)),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row.id,
    ),
)
def test_the_strictest_clock_is_the_shortest(report: MessageReport, rows: list[Obligation]) -> None:
    resolved = Resolver(with_rows(rows)).resolve(report)
    groups: dict[tuple[str, str], list[Obligation]] = {}
    for duty in resolved.duties:
        row = duty.obligation
        if row.duration is not None and row.meaning == "deadline" and row.verification != "unverified":
            groups.setdefault((row.trigger, row.action), []).append(row)
    strictest = {duty.obligation.id for duty in resolved.duties if duty.strictest}
    for group in groups.values():
        least = min(DURATIONS[row.duration or ""] for row in group)
        assert {row.id for row in group} & strictest == {
            row.id for row in group if DURATIONS[row.duration or ""] == least
        }
    # Nothing is dropped: the longer ones stay in the output.
    assert {row.id for group in groups.values() for row in group} <= ids(resolved)


@MODERATE
@given(reports, st.sampled_from(PLACES), st.sampled_from([0.3, 0.95]))
def test_another_country_never_makes_a_gate_less_protective(
    report: MessageReport, country: str, confidence: float
) -> None:
    before = RESOLVER.resolve(report)
    after = RESOLVER.resolve(_with(report, [Evidence(country, "offence", confidence)]))  # type: ignore[arg-type]
    if "XX" in codes(before):
        # Nothing was known; now something is.
        return
    tiers = get_args(RuleOfLawTier)
    assert tiers.index(after.tier) >= tiers.index(before.tier)
    assert GATES.index(after.rule_of_law.decision) >= GATES.index(before.rule_of_law.decision)
    gates = {routing.recipient: routing.gate for routing in after.routing}
    for routing in before.routing:
        if routing.recipient in gates:
            assert GATES.index(gates[routing.recipient]) >= GATES.index(routing.gate)


@MODERATE
@given(reports)
def test_nobody_in_a_closed_state_is_told(report: MessageReport) -> None:
    resolved = RESOLVER.resolve(report)
    told = {routing.recipient for routing in resolved.routing}
    assert "internal_review" in told
    for recipient in told - {"internal_review"}:
        home = RULES.authorities[recipient].jurisdiction
        assert RULES.jurisdictions[home].rule_of_law != "closed"
    tiers = {
        RULES.jurisdictions[code if code in RULES.jurisdictions else "GLOBAL"].rule_of_law
        for code in codes(resolved)
    }
    if tiers == {"closed"}:
        assert told <= {"internal_review", *RULES.platform.safe_recipients}


@MODERATE
@given(reports)
def test_where_courts_do_not_protect_speech_their_authorities_are_not_told_of_it(
    report: MessageReport,
) -> None:
    resolved = RESOLVER.resolve(report)
    if RULES.categories[report.category].abuse_prone and resolved.tier != "open":
        assert resolved.rule_of_law.decision == "human_rights_review"
        for routing in resolved.routing:
            assert routing.gate == "human_rights_review"
            if routing.recipient != "internal_review":
                home = RULES.authorities[routing.recipient].jurisdiction
                assert RULES.jurisdictions[home].rule_of_law == "open"


@MODERATE
@given(reports)
def test_a_state_actor_weighs_no_more_than_a_user(report: MessageReport) -> None:
    assert report.reporter is not None
    user = RESOLVER.resolve(_as(report, "user"))
    state = RESOLVER.resolve(_as(report, "state_actor"))
    assert (state.jurisdictions, state.duties, state.armed) == (user.jurisdictions, user.duties, user.armed)
    if RULES.categories[report.category].abuse_prone:
        # Even without a word on which state it is.
        assert state.rule_of_law.decision == "human_rights_review"
    else:
        assert state == user


# Requests of authorities


FORBIDDEN: dict[Demand, str] = {
    "encryption_keys": "encryption_keys",
    "bulk_identify": "bulk_identify",
    "block_protest": "block_protest",
}
DATA: set[Demand] = {"produce_subscriber_data", "produce_traffic_data", "produce_content_data"}
CONTENT: set[Demand] = {"remove", "disable_access", "geo_disable", "restrict_account"}

SENSIBLE: dict[LegalBasis, tuple[RequestKind, Demand]] = {
    "dsa_art9": ("order_to_act", "remove"),
    "dsa_art10": ("order_for_information", "produce_subscriber_data"),
    "tco_art3": ("removal_order", "remove"),
    "e_evidence_epoc": ("production_order", "produce_traffic_data"),
    "e_evidence_epoc_pr": ("preservation_order", "preserve_data"),
    "national_law": ("order_to_act", "remove"),
}


@st.composite
def sensible(draw: st.DrawFn) -> AuthorityRequest:
    """A complete request for what its legal basis is about, of an authority that may have that power."""
    basis = draw(st.sampled_from(list(SENSIBLE)))
    kind, demand = SENSIBLE[basis]
    return AuthorityRequest(
        request_id="q-1",
        kind=kind,
        legal_basis=basis,
        received_at=datetime.combine(draw(DAYS | st.just(date(2026, 11, 24))), time(12, tzinfo=UTC)),
        authority=IssuingAuthority(
            draw(st.sampled_from(["DE", "FR", "DK", "GP", "IN", "KR", "RU"])), "court"
        ),
        demands=(demand,),
        target=Target("account", "a-1", 1),
        elements=get_args(RequestElement),
        category="terrorism" if basis == "tco_art3" else draw(st.none() | st.sampled_from(CATEGORIES)),
        emergency=draw(st.booleans()),
    )


requests = sensible() | st.builds(
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
        people=st.none() | st.integers(0, 10**6),
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


def trusting() -> Rules:
    """The shipped rules of somebody who trusts everybody and asks for nothing before anything is done."""
    return replace(
        RULES,
        jurisdictions={code: replace(row, rule_of_law="open") for code, row in RULES.jurisdictions.items()},
        obligations=tuple(
            replace(row, gate=None, required_elements=(), legal_bases=(), verification="verified")
            for row in RULES.obligations
        ),
        categories={name: replace(row, abuse_prone=False) for name, row in RULES.categories.items()},
        platform=replace(RULES.platform, establishment="DE", certainty=0.0),
    )


TRUSTING = trusting()


@MODERATE
@given(
    requests,
    st.sampled_from(list(FORBIDDEN)),
    st.sampled_from([RULES, TRUSTING]),
)
def test_what_is_never_done_is_refused_whoever_asks_and_whatever_the_registry_says(
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


@MODERATE
@given(requests, st.sampled_from([RULES, TRUSTING]))
def test_a_forbidden_demand_under_another_name_is_refused(request: AuthorityRequest, rules: Rules) -> None:
    demands = set(request.demands)
    codes_found = {refusal.code for refusal in judge(request, rules).findings.refusals}
    if demands & DATA and not request.target.specific:
        assert "bulk_identify" in codes_found
    if demands & CONTENT and "peaceful_assembly" in request.concerns:
        assert "block_protest" in codes_found
    if request.target.specific and request.target.kind == "account" and not demands & set(FORBIDDEN):
        # Nothing else is refused outright.
        allowed = {"block_protest"} if "peaceful_assembly" in request.concerns else set()
        assert codes_found - {"political_demand"} <= allowed


@MODERATE
@given(sensible() | requests, st.lists(everywhere(), max_size=6, unique_by=lambda row: row.id))
def test_a_request_starts_a_clock_only_by_a_verified_row_and_with_all_that_the_law_asks_for(
    request: AuthorityRequest, rows: list[Obligation]
) -> None:
    for rules in (RULES, with_rows(rows)):
        judged = judge(request, rules)
        for duty in judged.armed:
            row = duty.obligation
            assert row.verification != "unverified"
            assert row.duration is not None
            assert row.trigger in rules.triggers.met_by_request[request.kind]
            assert row.emergency in (None, request.emergency)
            assert not row.legal_bases or request.legal_basis in row.legal_bases
            assert row.in_force_from <= request.received_at.date() <= (row.in_force_until or date.max)
        if judged.armed:
            assert judged.decision == "routed"
            assert judged.findings.missing == ()
            assert judged.findings.competence.competent


@MODERATE
@given(sensible())
def test_no_registry_of_unverified_rows_starts_a_clock(request: AuthorityRequest) -> None:
    assert judge(request, UNVERIFIED).armed == ()


UNVERIFIED = with_rows(replace(row, verification="unverified") for row in RULES.obligations)


@MODERATE
@given(requests)
def test_a_stricter_country_never_has_a_less_protective_gate(request: AuthorityRequest) -> None:
    tiers = get_args(RuleOfLawTier)
    country = COUNTRY_ALIASES.get(request.authority.country, request.authority.country)
    if country not in RULES.jurisdictions:
        return
    gates = []
    for tier in tiers:
        row = replace(RULES.jurisdictions[country], rule_of_law=tier)
        rules = replace(RULES, jurisdictions={**RULES.jurisdictions, country: row})
        gates.append(GATES.index(judge(request, rules).gate))
    assert gates == sorted(gates)


@MODERATE
@given(requests)
def test_data_go_to_nobody_whose_courts_nobody_trusts(request: AuthorityRequest) -> None:
    judged = judge(request)
    if judged.findings.rule_of_law.tier in ("unknown", "closed"):
        assert judged.findings.disclosure != "after_gate"
    if judged.findings.disclosure == "after_gate":
        assert GATES.index(judged.gate) >= GATES.index("judicial_order")


def _with(report: MessageReport, more: Iterable[Evidence]) -> MessageReport:
    return _replaced(report, evidence=(*report.evidence, *more))


def _as(report: MessageReport, kind: str) -> MessageReport:
    assert report.reporter is not None
    return _replaced(report, reporter=Reporter(kind, country=report.reporter.country))  # type: ignore[arg-type]


def _replaced(report: MessageReport, **changes: Any) -> MessageReport:
    return msgspec.structs.replace(report, **changes)
