"""The law of a report, by example and against a plain model of the rules."""

import importlib
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from streams.contract.events.countries import COUNTRIES
from streams.contract.events.report import EvidenceBasis, MessageReport, NoticeElement, ReportKind, Visibility
from streams.contract.wire.encoding import encode
from streams.deciding.law.concerned import concerned
from streams.deciding.law.duty import published_duty
from streams.deciding.law.resolution import Resolved, Resolver
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation
from streams.registry.jurisdiction import JurisdictionRules, RuleOfLawTier
from tests.categories import CATEGORIES
from tests.marked import marked
from tests.unit.law_reports import RULES, duty, report, small_world

resolution_module = importlib.import_module("streams.deciding.law.resolution")


def resolve(*args: Any, rules: Rules = RULES, **fields: Any) -> Resolved:
    return Resolver(rules).resolve(report(*args, **fields))


def ids(resolved: Resolved) -> tuple[str, ...]:
    return tuple(found.obligation.id for found in resolved.duties)


def test_without_evidence_the_country_is_unknown() -> None:
    resolved = resolve(category="spam")
    assert [entry.code for entry in resolved.jurisdictions] == ["XX"]
    assert (resolved.duties, resolved.armed, resolved.tier) == ((), (), "unknown")
    assert (resolved.obligations_json, bytes(resolved.routing_json)) == (
        msgspec.Raw(b"[]"),
        encode(resolved.routing),
    )


# Tiers


@pytest.mark.parametrize(
    ("countries", "tier"),
    [
        (["DE"], "open"),
        (["DE", "IN"], "guarded"),
        # Peru has not been assessed, so its tier is unknown.
        (["DE", "IN", "PE"], "unknown"),
        (["DE", "IN", "PE", "RU"], "closed"),
        (["NO", "XX"], "open"),
    ],
)
def test_the_most_protective_tier_counts(countries: list[str], tier: str) -> None:
    resolved = resolve([(code, "victim", 0.1) for code in countries])
    assert (resolved.tier, resolved.rule_of_law.tier) == (tier, tier)


@pytest.mark.parametrize(
    ("code", "category", "decision"),
    [
        ("DE", "hate", "human_review"),
        ("IN", "fraud", "two_person_review"),
        ("IN", "hate", "human_rights_review"),
        ("XX", "fraud", "two_person_review"),
        ("XX", "hate", "human_rights_review"),
        ("RU", "fraud", "human_rights_review"),
    ],
)
def test_the_gate_follows_from_tier_and_category(code: str, category: str, decision: str) -> None:
    resolved = resolve([(code, "victim", 0.9)], rules=small_world(), category=category)
    assert resolved.rule_of_law.decision == decision


def test_the_most_protective_gate_of_a_duty_also_counts() -> None:
    rows = [duty("DE", id="DE.a", gate="judicial_order"), duty("IN", id="IN.a", gate="two_person_review")]
    open_state = resolve([("DE", "victim", 0.9)], rules=small_world(*rows), category="fraud")
    assert open_state.rule_of_law.decision == "judicial_order"
    assert "DE.a asks for judicial_order." in open_state.rule_of_law.reasons
    both = resolve([("DE", "victim", 0.9), ("RU", "offence", 0.1)], rules=small_world(*rows))
    assert both.rule_of_law.decision == "human_rights_review"


# Duties


def test_global_regional_and_national_duties_add_up() -> None:
    world, union, state = duty(), duty("EU"), duty("DE")
    rules = small_world(world, union, state)
    assert ids(resolve([("DE", "victim", 0.9)], rules=rules)) == ("GLOBAL.duty", "EU.duty", "DE.duty")
    assert ids(resolve([("FR", "victim", 0.9)], rules=rules)) == ("GLOBAL.duty", "EU.duty")
    # A country without rows has the global duty, and so has an unknown country.
    assert ids(resolve([("PE", "victim", 0.9)], rules=rules)) == ("GLOBAL.duty",)
    assert ids(resolve(rules=rules)) == ("GLOBAL.duty",)


def test_an_overseas_territory_has_the_law_of_its_state_and_its_own_regions() -> None:
    rules = small_world(duty("EU"), duty("DE"), duty("GP"), duty("US"))
    assert ids(resolve([("GP", "victim", 0.9)], rules=rules)) == ("EU.duty", "DE.duty", "GP.duty")
    assert ids(resolve([("GL", "victim", 0.9)], rules=rules)) == ("DE.duty",)


def test_a_member_and_its_territories_may_be_excepted() -> None:
    rules = small_world(duty("EU", except_in=("DE",)))
    assert ids(resolve([("FR", "victim", 0.9)], rules=rules)) == ("EU.duty",)
    assert ids(resolve([("DE", "victim", 0.9)], rules=rules)) == ()
    assert ids(resolve([("GP", "victim", 0.9)], rules=rules)) == ()
    assert ids(resolve([("DE", "victim", 0.9), ("FR", "victim", 0.1)], rules=rules)) == ("EU.duty",)


def test_several_member_states_give_each_duty_once() -> None:
    resolved = resolve([("FR", "victim", 0.9), ("ES", "suspect", 0.8)])
    assert len(set(ids(resolved))) == len(resolved.duties) > 0


@pytest.mark.parametrize(("visibility", "applies"), [("public", True), ("unknown", True), ("private", False)])
def test_duties_for_public_content_do_not_apply_to_private_chats(visibility: str, applies: bool) -> None:
    rules = small_world(duty(public_only=True))
    assert bool(resolve(rules=rules, visibility=visibility).duties) is applies


def test_a_report_shows_met_and_possible_triggers_and_arms_only_the_met() -> None:
    rows = [
        duty(id=f"GLOBAL.{trigger}", trigger=trigger)
        for trigger in ("user_report", "actual_knowledge", "authority_order", "trusted_flagger_notice")
    ]
    resolved = resolve(rules=small_world(*rows))
    assert [(found.obligation.trigger, found.not_armed) for found in resolved.duties] == [
        ("user_report", None),
        ("actual_knowledge", "trigger_not_met"),
    ]
    assert [row.id for row in resolved.armed] == ["GLOBAL.user_report"]
    assert resolved.obligations_json is None


def test_the_cache_distinguishes_notices_by_the_elements_that_matter() -> None:
    rules = small_world(duty(required_elements=("contact", "location")), duty(id="GLOBAL.b", duration=None))
    resolver = Resolver(rules)
    for elements, armed in [
        (None, False),
        ((), False),
        (("contact",), False),
        (("location", "contact"), True),
        (("contact", "explanation", "location"), True),
    ]:
        assert bool(resolver.resolve(report(elements=elements)).armed) is armed
    # No notice, notices that lack one of two elements, and a notice with both.
    assert len(resolver._rulings) == 3


# Days


@pytest.mark.parametrize(
    ("received", "applies"),
    [
        (datetime(2026, 6, 28, 23, 59, tzinfo=UTC), False),
        (datetime(2026, 6, 29, 0, 0, tzinfo=UTC), True),
        # The same moment as 2026-06-28T23:30Z.
        (datetime(2026, 6, 29, 8, 30, tzinfo=timezone(timedelta(hours=9))), False),
        (datetime(2026, 6, 28, 20, 0, tzinfo=timezone(timedelta(hours=-5))), True),
        (datetime(2026, 7, 1, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 7, 2, tzinfo=UTC), False),
    ],
)
def test_the_law_of_the_day_applies(received: datetime, applies: bool) -> None:
    rules = small_world(duty(in_force_from=date(2026, 6, 29), in_force_until=date(2026, 7, 1)))
    assert bool(resolve(rules=rules, occurred_at=received).duties) is applies
    # The time of receipt counts, not the time at which the report was made.
    made_before = resolve(rules=rules, occurred_at=received - timedelta(days=9), received_at=received)
    assert bool(made_before.duties) is applies


@pytest.mark.parametrize("hours", [14, -12])
@pytest.mark.parametrize("moment", [datetime(1, 1, 1), datetime(9999, 12, 31, 23)])
def test_the_first_and_last_possible_times_are_resolved(moment: datetime, hours: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert bool(resolve(rules=small_world(duty()), occurred_at=zoned).duties) is (moment.year == 9999)


# Comparison with a plain model


def model_duties(rules: Rules, given_report: MessageReport, codes: Sequence[str]) -> list[Obligation]:
    day = (given_report.received_at or given_report.occurred_at).astimezone(UTC).date()
    kind = given_report.kind
    triggers = rules.triggers.met_by_report[kind] | rules.triggers.possible[kind]
    found = []
    for row in rules.obligations:
        if row.jurisdiction == "GLOBAL":
            territory = set(codes)
        else:
            territory = {row.jurisdiction}
            for code, known in rules.jurisdictions.items():
                if row.jurisdiction in (*known.regions, known.part_of):
                    territory.add(code)
            for code in row.except_in:
                territory -= {code, *(c for c, known in rules.jurisdictions.items() if known.part_of == code)}
        if (
            territory & set(codes)
            and given_report.category in row.categories
            and row.trigger in triggers
            and row.in_force_from <= day <= (row.in_force_until or date.max)
            and (given_report.channel.visibility != "private" or not row.public_only)
        ):
            found.append(row)
    return found


def model_tier(rules: Rules, codes: Sequence[str]) -> RuleOfLawTier:
    fallback: JurisdictionRules = rules.jurisdictions["GLOBAL"]
    tiers = {rules.jurisdictions.get(code, fallback).rule_of_law for code in codes}
    order: tuple[RuleOfLawTier, ...] = ("closed", "unknown", "guarded", "open")
    return next(tier for tier in order if tier in tiers)


def model_armed(rules: Rules, given_report: MessageReport, row: Obligation) -> bool:
    elements = set(given_report.notice.elements) if given_report.notice else set()
    return (
        row.trigger in rules.triggers.met_by_report[given_report.kind]
        and set(row.required_elements) <= elements
        and row.marks.of_clock != "unverified"
        and not row.advisory
        and row.duration is not None
        and row.meaning == "deadline"
        and (row.calendar == "elapsed" or row.holiday_calendar in rules.calendars)
    )


countries = st.sampled_from(
    ["DE", "FR", "DK", "NO", "GB", "UK", "GR", "EL", "US", "KR", "IN", "IR", "PE", "GP", "GL", "XX", "XK"]
)
evidence = st.tuples(
    countries,
    st.sampled_from(get_args(EvidenceBasis)),
    st.one_of(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0]), st.floats(0, 1)),
)
reports = st.builds(
    report,
    st.lists(evidence, max_size=6),
    channel_country=st.one_of(st.none(), countries),
    language=st.sampled_from([None, "ko", "ja-JP", "de", "tr", "NB"]),
    reporter_country=st.one_of(st.none(), countries),
    visibility=st.sampled_from(get_args(Visibility)),
    category=st.sampled_from(CATEGORIES),
    kind=st.sampled_from(get_args(ReportKind)),
    # Often all of them: at random four that a duty requires seldom meet.
    elements=st.one_of(
        st.none(),
        st.just(get_args(NoticeElement)),
        st.lists(st.sampled_from(get_args(NoticeElement)), max_size=8),
    ),
    occurred_at=st.datetimes(datetime(2007, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    received_at=st.one_of(
        st.none(),
        st.datetimes(
            datetime(2024, 1, 1),
            datetime(2027, 1, 1),
            timezones=st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
        ),
    ),
)


@pytest.mark.slow
@given(st.lists(reports, min_size=1, max_size=5))
@settings(max_examples=150)
def test_resolutions_agree_with_a_model(given_reports: list[MessageReport]) -> None:
    resolver = Resolver(RULES)
    # Twice, because the second resolution comes from the cache.
    for given_report in given_reports * 2:
        resolved = resolver.resolve(given_report)
        assert resolved.jurisdictions == concerned(given_report, RULES.location_hints)
        codes = [entry.code for entry in resolved.jurisdictions]
        rows = model_duties(RULES, given_report, codes)
        assert [found.obligation for found in resolved.duties] == rows
        armed = [row for row in rows if model_armed(RULES, given_report, row)]
        assert list(resolved.armed) == armed
        assert [found.obligation for found in resolved.duties if found.not_armed is None] == armed
        assert resolved.tier == model_tier(RULES, codes)
        assert bytes(resolved.jurisdictions_json) == encode(resolved.jurisdictions)
        assert bytes(resolved.routing_json) == encode(resolved.routing)
        assert bytes(resolved.rule_of_law_json) == encode(resolved.rule_of_law)
        if armed:
            assert resolved.obligations_json is None
        else:
            shown = tuple(published_duty(found, RULES, 0) for found in resolved.duties)
            assert bytes(resolved.obligations_json or b"") == encode(shown)


@pytest.mark.slow
@given(st.lists(reports, min_size=2, max_size=6))
@settings(max_examples=60)
def test_a_resolution_does_not_depend_on_earlier_ones(given_reports: list[MessageReport]) -> None:
    """Otherwise a restart would change the outputs."""
    resolver = Resolver(RULES)
    for given_report in given_reports:
        resolver.resolve(given_report)
    for given_report in given_reports:
        warm, cold = resolver.resolve(given_report), Resolver(RULES).resolve(given_report)
        for one, other in zip(astuple(warm), astuple(cold), strict=True):
            if isinstance(one, msgspec.Raw) and isinstance(other, msgspec.Raw):
                assert bytes(one) == bytes(other)
            else:
                assert one == other


def test_recipients_are_ordered_by_confidence_whatever_is_cached() -> None:
    threat = duty("EU", action="notify_authority", trigger="awareness_threat", duration=None)
    resolver = Resolver(small_world(threat))
    for one, other in (("DE", "BE"), ("BE", "DE")):
        resolved = resolver.resolve(report([(one, "victim", 0.9), (other, "victim", 0.8)]))
        recipients = [route.recipient for route in resolved.routing]
        assert recipients == ["internal_review", f"{one}_POLICE", f"{other}_POLICE"]


@pytest.mark.slow
def test_the_caches_are_emptied_when_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    # Some six reports and two rulings.
    monkeypatch.setattr(resolution_module, "CACHED_REPORTS_BYTES", 8_000)
    monkeypatch.setattr(resolution_module, "CACHED_RULINGS_BYTES", 4_000)
    resolver = Resolver(RULES)
    codes = ["DE", "FR", "GB", "US", "KR", "IN"]
    for step in range(200):
        given_report = report([(codes[step % 6], "victim", (step % 100) / 100)])
        assert (
            astuple(resolver.resolve(given_report))[:7] == astuple(Resolver(RULES).resolve(given_report))[:7]
        )
        assert 0 < len(resolver._resolved) <= 8
        assert len(resolver._rulings) <= 4


@pytest.mark.slow
def test_reports_with_much_evidence_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 reports with 32 pieces of evidence each would take 12 MB."""
    monkeypatch.setattr(resolution_module, "CACHED_REPORTS_BYTES", 1_000_000)
    monkeypatch.setattr(resolution_module, "CACHED_RULINGS_BYTES", 500_000)
    resolver = Resolver(RULES)
    codes = sorted(COUNTRIES)
    tracemalloc.start()
    try:
        for step in range(1_000):
            evidence = [
                (codes[(step * 7 + place) % len(codes)], "victim", (step * 32 + place) / 64_000)
                for place in range(32)
            ]
            resolver.resolve(report(evidence))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 3_000_000


def test_unverified_rows_arm_no_clock() -> None:
    rules = replace(
        RULES, obligations=tuple(replace(row, marks=marked("unverified")) for row in RULES.obligations)
    )
    for kind in get_args(ReportKind):
        resolved = resolve(
            [("US", "victim", 0.9), ("GB", "victim", 0.9), ("IN", "victim", 0.9)],
            rules=rules,
            kind=kind,
            category="ncii",
            elements=get_args(NoticeElement),
        )
        assert resolved.duties
        assert resolved.armed == ()
