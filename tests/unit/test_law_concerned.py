"""Which countries a report concerns."""

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.countries import COUNTRY_ALIASES
from streams.contract.events.enriched_report import Jurisdiction, JurisdictionBasis
from streams.contract.events.report import EvidenceBasis, MessageReport
from streams.deciding.law.concerned import concerned, identified
from tests.unit.law_reports import RULES, report

HINTS = RULES.location_hints


def shown(*args: Any, **fields: Any) -> list[tuple[str, float, str]]:
    return [
        (entry.code, entry.confidence, entry.basis) for entry in concerned(report(*args, **fields), HINTS)
    ]


def test_without_evidence_the_country_is_unknown() -> None:
    assert concerned(report(), HINTS) == (Jurisdiction("XX", 0.0, "none"),)


def test_each_country_is_listed_once_by_its_best_evidence_in_order_of_confidence() -> None:
    found = shown(
        [("KR", "suspect", 0.4), ("US", "victim", 0.9), ("KR", "victim", 0.7), ("FR", "offence", 0.7)],
        channel_country="KR",
        reporter_country="US",
    )
    assert found == [("US", 0.9, "victim"), ("FR", 0.7, "offence"), ("KR", 0.7, "victim")]


@pytest.mark.parametrize(
    ("evidence", "basis"),
    [
        ([("DE", "authority", 0.5), ("DE", "victim", 0.5)], "victim"),
        ([("DE", "offence", 0.5), ("DE", "suspect", 0.5)], "suspect"),
        ([("DE", "authority", 0.5)], "channel"),
    ],
)
def test_of_equal_evidence_the_first_basis_counts(evidence: list[tuple[str, str, float]], basis: str) -> None:
    assert shown(evidence, channel_country="DE") == [("DE", 0.5, basis)]


def test_channel_reporter_and_language_are_hints() -> None:
    found = shown(channel_country="BR", reporter_country="JP", language="ko-KR")
    assert found == [("BR", 0.5, "channel"), ("JP", 0.3, "reporter"), ("KR", 0.1, "language")]


@pytest.mark.parametrize("language", ["ko", "KO", "ko-KR", "ko-Hang-KR"])
def test_a_language_of_one_country_is_a_weak_hint(language: str) -> None:
    assert shown(language=language) == [("KR", 0.1, "language")]


@pytest.mark.parametrize("language", ["de", "en-US", "pt-BR", "fa", "ru", "tlh"])
def test_other_languages_give_no_hint(language: str) -> None:
    assert shown(language=language) == [("XX", 0.0, "none")]


def test_aliases_of_countries_are_replaced_by_their_codes() -> None:
    found = shown([("EL", "victim", 0.6), ("UK", "suspect", 0.8)], channel_country="GR")
    assert found == [("GB", 0.8, "suspect"), ("GR", 0.6, "victim")]


def test_an_unknown_country_is_ignored_if_another_is_known() -> None:
    assert shown([("XX", "victim", 0.9)], reporter_country="CH") == [("CH", 0.3, "reporter")]
    assert shown([("XX", "victim", 0.9)]) == [("XX", 0.9, "victim")]


def test_evidence_without_confidence_is_ignored() -> None:
    assert shown([("IR", "victim", 0.0)]) == [("XX", 0.0, "none")]


# Comparison with a plain model


def model(given_report: MessageReport) -> tuple[Jurisdiction, ...]:
    named: list[tuple[str | None, float, str]] = [
        (item.country, item.confidence, item.basis) for item in given_report.evidence
    ]
    named.append((given_report.channel.country, HINTS.channel, "channel"))
    if given_report.reporter:
        named.append((given_report.reporter.country, HINTS.reporter, "reporter"))
    if given_report.channel.language:
        code = HINTS.language_countries.get(given_report.channel.language.split("-")[0].lower())
        named.append((code, HINTS.language, "language"))
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


countries = st.sampled_from(
    ["DE", "FR", "DK", "NO", "GB", "UK", "GR", "EL", "US", "KR", "IN", "IR", "PE", "RE", "XX", "XK"]
)
evidence = st.lists(
    st.tuples(
        countries,
        st.sampled_from(get_args(EvidenceBasis)),
        st.one_of(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.floats(0, 1)),
    ),
    max_size=6,
)
reports = st.builds(
    report,
    evidence,
    channel_country=st.one_of(st.none(), countries),
    language=st.sampled_from([None, "ko", "ja-JP", "de", "tr", "NB"]),
    reporter_country=st.one_of(st.none(), countries),
)


@given(reports)
@settings(max_examples=300)
def test_concerned_countries_agree_with_a_model(given_report: MessageReport) -> None:
    assert concerned(given_report, HINTS) == model(given_report)


@given(evidence, evidence)
@settings(max_examples=100)
def test_more_evidence_removes_no_country_and_lowers_no_confidence(
    some: list[tuple[str, str, float]], more: list[tuple[str, str, float]]
) -> None:
    before = {entry.code: entry.confidence for entry in concerned(report(some), HINTS)}
    after = {entry.code: entry.confidence for entry in concerned(report(some + more), HINTS)}
    before.pop("XX", None)
    assert all(after.get(code, -1) >= confidence for code, confidence in before.items())


def test_the_offence_the_victim_and_the_suspect_identify_a_country() -> None:
    given_report = report(
        [
            ("EL", "victim", 0.8),
            ("DE", "suspect", 0.79),
            ("FR", "channel", 0.9),
            ("BE", "authority", 1.0),
            ("US", "offence", 1.0),
        ],
        channel_country="PL",
    )
    assert identified(given_report, 0.8) == {"GR", "US"}
    assert identified(given_report, 0.3) == {"GR", "US", "DE"}
