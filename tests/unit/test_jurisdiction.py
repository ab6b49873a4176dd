"""Countries and duties of a report against a plain model of the rules."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streams.assessment.jurisdiction as jurisdiction_module
from streams.assessment.jurisdiction import Located, Locator
from streams.events.countries import COUNTRY_ALIASES
from streams.events.enriched_report import Jurisdiction, JurisdictionBasis
from streams.events.report import (
    CATEGORIES,
    Channel,
    Evidence,
    EvidenceBasis,
    MessageReport,
    Reporter,
    ReportKind,
    Visibility,
)
from streams.registry.loader import load_rules
from streams.registry.rules import JurisdictionRules, Obligation, RuleOfLawTier, Rules

RULES = load_rules()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def report(
    evidence: Sequence[tuple[str, str, float]] = (),
    *,
    channel_country: str | None = None,
    language: str | None = None,
    reporter_country: str | None = None,
    visibility: str = "public",
    **fields: Any,
) -> MessageReport:
    named: dict[str, Any] = {
        "report_id": "r-1",
        "kind": "user_report",
        "occurred_at": NOW,
        "category": "csam",
        "channel": Channel("c-1", visibility, channel_country, language),  # type: ignore[arg-type]
        "reporter": None if reporter_country is None else Reporter("user", country=reporter_country),  # type: ignore[arg-type]
        "evidence": tuple(Evidence(*item) for item in evidence),  # type: ignore[arg-type]
    }
    return MessageReport(**(named | fields))


def locate(*args: Any, rules: Rules = RULES, **fields: Any) -> Located:
    return Locator(rules).locate(report(*args, **fields))


def shown(located: Located) -> list[tuple[str, float, str]]:
    return [(entry.code, entry.confidence, entry.basis) for entry in located.jurisdictions]


# Countries


def test_nothing_known() -> None:
    located = locate()
    assert located.jurisdictions == (Jurisdiction("XX", 0.0, "none"),)
    assert located.obligations == ()
    assert located.tier == "unknown"


def test_each_country_once_with_its_best_evidence_the_most_certain_first() -> None:
    located = locate(
        [("KR", "suspect", 0.4), ("US", "victim", 0.9), ("KR", "victim", 0.7), ("FR", "offence", 0.7)],
        channel_country="KR",
        reporter_country="US",
    )
    assert shown(located) == [("US", 0.9, "victim"), ("FR", 0.7, "offence"), ("KR", 0.7, "victim")]


@pytest.mark.parametrize(
    ("evidence", "basis"),
    [
        ([("DE", "authority", 0.5), ("DE", "victim", 0.5)], "victim"),
        ([("DE", "offence", 0.5), ("DE", "suspect", 0.5)], "suspect"),
        ([("DE", "authority", 0.5)], "channel"),
    ],
)
def test_of_equal_evidence_the_first_basis_counts(evidence: list[tuple[str, str, float]], basis: str) -> None:
    assert shown(locate(evidence, channel_country="DE")) == [("DE", 0.5, basis)]


def test_hints() -> None:
    located = locate(channel_country="BR", reporter_country="JP", language="ko-KR")
    assert shown(located) == [("BR", 0.5, "channel"), ("JP", 0.3, "reporter"), ("KR", 0.1, "language")]


@pytest.mark.parametrize("language", ["ko", "KO", "ko-KR", "ko-Hang-KR"])
def test_a_language_of_one_country_is_a_weak_hint(language: str) -> None:
    assert shown(locate(language=language)) == [("KR", 0.1, "language")]


@pytest.mark.parametrize("language", ["de", "en-US", "pt-BR", "fa", "ru", "tlh"])
def test_other_languages_are_none(language: str) -> None:
    assert shown(locate(language=language)) == [("XX", 0.0, "none")]


def test_aliases_are_read_and_not_written() -> None:
    located = locate([("EL", "victim", 0.6), ("UK", "suspect", 0.8)], channel_country="GR")
    assert shown(located) == [("GB", 0.8, "suspect"), ("GR", 0.6, "victim")]


def test_unknown_is_ignored_beside_another() -> None:
    assert shown(locate([("XX", "victim", 0.9)], reporter_country="CH")) == [("CH", 0.3, "reporter")]
    assert shown(locate([("XX", "victim", 0.9)])) == [("XX", 0.9, "victim")]


def test_no_confidence_is_no_evidence() -> None:
    assert shown(locate([("IR", "victim", 0.0)])) == [("XX", 0.0, "none")]
    assert locate([("IR", "victim", 0.0)], channel_country="DE").tier == "open"


# Tiers


@pytest.mark.parametrize(
    ("countries", "tier"),
    [
        (["DE"], "open"),
        (["DE", "IN"], "guarded"),
        # Nobody has assessed Peru: it may be anything.
        (["DE", "IN", "PE"], "unknown"),
        (["DE", "IN", "PE", "RU"], "closed"),
        (["NO", "XX"], "open"),
    ],
)
def test_the_most_protective_tier_counts(countries: list[str], tier: str) -> None:
    assert locate([(code, "victim", 0.1) for code in countries]).tier == tier


# Obligations


def test_layers_add_up() -> None:
    world = replace(RULES.obligations[0], id="GLOBAL.x", jurisdiction="GLOBAL")
    rules = replace(RULES, obligations=(world, *RULES.obligations))
    assert locate([("DE", "victim", 0.9)], rules=rules, category="threat_to_life").obligation_ids == (
        "GLOBAL.x",
        "EU.dsa.art16-4",
        "EU.dsa.art16-5",
        "EU.dsa.art18-1",
        "DE.ddg.s13",
    )
    # A country without a row has the global one, and so has an unknown one.
    assert locate([("PE", "victim", 0.9)], rules=rules).obligation_ids == ("GLOBAL.x",)
    assert locate(rules=rules).obligation_ids == ("GLOBAL.x",)
    # Iceland is in the EEA and not in the Union.
    assert locate([("IS", "victim", 0.9)], rules=rules).obligation_ids == ("GLOBAL.x",)


def test_each_duty_once_for_several_members() -> None:
    located = locate([("FR", "victim", 0.9), ("ES", "suspect", 0.8)])
    assert located.obligation_ids == ("EU.dsa.art16-4", "EU.dsa.art16-5.child-abuse", "EU.dsa.art18-1")
    assert located.obligation_ids == tuple(duty.id for duty in located.obligations)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("user_report", ()),
        ("automated_detection", ()),
        ("statutory_victim_request", ("GB.osa.s10-3A",)),
    ],
)
def test_a_statutory_clock_takes_a_statutory_request(kind: str, expected: tuple[str, ...]) -> None:
    assert locate([("GB", "victim", 0.9)], category="ncii", kind=kind).obligation_ids == expected


def test_a_detector_sends_no_notice() -> None:
    located = locate([("NL", "offence", 0.9)], kind="automated_detection")
    assert located.obligation_ids == ("EU.dsa.art18-1",)


def test_a_trusted_flagger_has_priority() -> None:
    located = locate([("NL", "offence", 0.9)], kind="trusted_flagger_notice")
    assert "EU.dsa.art22-1" in located.obligation_ids
    assert "EU.dsa.art16-4" in located.obligation_ids


@pytest.mark.parametrize(("visibility", "applies"), [("public", True), ("unknown", True), ("private", False)])
def test_law_for_the_public_leaves_private_chats_alone(visibility: str, applies: bool) -> None:
    located = locate([("FR", "offence", 0.9)], category="terrorism", visibility=visibility)
    assert ("EU.tco.art14-5" in located.obligation_ids) is applies


def test_a_member_may_be_excepted() -> None:
    # A demand for data never comes as a report; suppose it did.
    rules = replace(RULES, triggers={"user_report": frozenset({"data_order"})})
    assert "EU.e-evidence.art10-3" in locate([("SE", "victim", 1.0)], rules=rules).obligation_ids
    assert locate([("DK", "victim", 1.0)], rules=rules).obligation_ids == ()


IN_2026 = ("GB", "victim", 0.9)


@pytest.mark.parametrize(
    ("received", "applies"),
    [
        (datetime(2026, 6, 28, 23, 59, tzinfo=UTC), False),
        (datetime(2026, 6, 29, 0, 0, tzinfo=UTC), True),
        # The same moment as 2026-06-28T23:30Z.
        (datetime(2026, 6, 29, 8, 30, tzinfo=timezone(timedelta(hours=9))), False),
        (datetime(2026, 6, 28, 20, 0, tzinfo=timezone(timedelta(hours=-5))), True),
    ],
)
def test_law_is_that_of_the_day(received: datetime, applies: bool) -> None:
    fields: dict[str, Any] = {"category": "ncii", "kind": "statutory_victim_request"}
    made_then = locate([IN_2026], occurred_at=received, **fields)
    assert ("GB.osa.s10-3A" in made_then.obligation_ids) is applies
    # What counts is when the platform received it.
    received_then = locate(
        [IN_2026], occurred_at=received - timedelta(days=9), received_at=received, **fields
    )
    assert received_then.obligation_ids == made_then.obligation_ids


def test_law_ends() -> None:
    old = replace(RULES.obligations[0], id="EU.old", in_force_until=date(2026, 3, 1))
    locator = Locator(replace(RULES, obligations=(old,)))
    last = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    for moment, expected in ((last, ("EU.old",)), (last + timedelta(seconds=1), ())):
        assert locator.locate(report([("FR", "victim", 0.9)], occurred_at=moment)).obligation_ids == expected


@pytest.mark.parametrize("hours", [14, -12])
@pytest.mark.parametrize("moment", [datetime(1, 1, 1), datetime(9999, 12, 31, 23)])
def test_the_ends_of_time(moment: datetime, hours: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    located = locate([("FR", "victim", 0.9)], occurred_at=zoned)
    assert bool(located.obligations) is (moment.year == 9999)


# Against a plain model


def model_countries(given_report: MessageReport) -> tuple[Jurisdiction, ...]:
    hints = RULES.location_hints
    named: list[tuple[str | None, float, str]] = [
        (item.country, item.confidence, item.basis) for item in given_report.evidence
    ]
    named.append((given_report.channel.country, hints.channel, "channel"))
    if given_report.reporter:
        named.append((given_report.reporter.country, hints.reporter, "reporter"))
    if given_report.channel.language:
        code = hints.language_countries.get(given_report.channel.language.split("-")[0].lower())
        named.append((code, hints.language, "language"))
    order = list(get_args(JurisdictionBasis))
    entries = sorted(
        (-confidence, order.index(basis), COUNTRY_ALIASES.get(country, country))
        for country, confidence, basis in named
        if country is not None and confidence > 0
    )
    known = {code for _, _, code in entries if code != "XX"}
    found: dict[str, Jurisdiction] = {}
    for negative, basis, code in entries:
        if code not in found and (code != "XX" or not known):
            found[code] = Jurisdiction(code, -negative, order[basis])
    result = sorted(found.values(), key=lambda entry: entry.code)
    result.sort(key=lambda entry: entry.confidence, reverse=True)
    return tuple(result) or (Jurisdiction("XX", 0.0, "none"),)


def model_duties(given_report: MessageReport, codes: Sequence[str]) -> list[Obligation]:
    day = (given_report.received_at or given_report.occurred_at).astimezone(UTC).date()
    found = []
    for duty in RULES.obligations:
        if duty.jurisdiction == "GLOBAL":
            territory = set(codes)
        else:
            members = {code for code, row in RULES.jurisdictions.items() if duty.jurisdiction in row.regions}
            territory = (members - set(duty.except_in)) | {duty.jurisdiction}
        if (
            territory & set(codes)
            and given_report.category in duty.categories
            and duty.trigger in RULES.triggers[given_report.kind]
            and duty.in_force_from <= day <= (duty.in_force_until or date.max)
            and (given_report.channel.visibility != "private" or not duty.public_only)
        ):
            found.append(duty)
    return found


def model_tier(codes: Sequence[str]) -> RuleOfLawTier:
    fallback: JurisdictionRules = RULES.jurisdictions["GLOBAL"]
    tiers = {RULES.jurisdictions.get(code, fallback).rule_of_law for code in codes}
    order: tuple[RuleOfLawTier, ...] = ("closed", "unknown", "guarded", "open")
    return next(tier for tier in order if tier in tiers)


countries = st.sampled_from(
    ["DE", "FR", "DK", "NO", "GB", "UK", "GR", "EL", "US", "KR", "IN", "IR", "PE", "XX", "XK"]
)
evidence = st.tuples(
    countries,
    st.sampled_from(get_args(EvidenceBasis)),
    st.one_of(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.floats(0, 1)),
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


@given(st.lists(reports, min_size=1, max_size=5))
@settings(deadline=None, max_examples=300)
def test_against_the_model(given_reports: list[MessageReport]) -> None:
    locator = Locator(RULES)
    # Twice: what is remembered is what was found.
    for given_report in given_reports * 2:
        located = locator.locate(given_report)
        assert located.jurisdictions == model_countries(given_report)
        codes = [entry.code for entry in located.jurisdictions]
        assert list(located.obligations) == model_duties(given_report, codes)
        assert located.obligation_ids == tuple(duty.id for duty in located.obligations)
        assert len(set(located.obligation_ids)) == len(located.obligation_ids)
        assert located.tier == model_tier(codes)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jurisdiction_module, "CACHED_REPORTS", 8)
    monkeypatch.setattr(jurisdiction_module, "CACHED_DUTIES", 4)
    locator = Locator(RULES)
    codes = ["DE", "FR", "GB", "US", "KR", "IN"]
    for step in range(200):
        given_report = report([(codes[step % 6], "victim", (step % 100) / 100)])
        assert locator.locate(given_report).jurisdictions == model_countries(given_report)
        assert len(locator._located) <= 8
        assert len(locator._duties) <= 4
