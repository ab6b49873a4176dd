"""Which recipients a report is routed to, and behind which gate."""

import dataclasses
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.report import EvidenceBasis
from streams.contract.events.routing import Gate
from streams.deciding.law.resolution import Resolver
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation
from tests.categories import CATEGORIES
from tests.marked import marked
from tests.unit.law_reports import LONG_AGO, RULES, duty, report, small_world

THREAT: dict[str, Any] = {"action": "notify_authority", "trigger": "awareness_threat", "duration": None}
KNOWN: dict[str, Any] = THREAT | {"trigger": "actual_knowledge"}
UNION = duty("EU", id="EU.art18", authority="MEMBER_STATE", **THREAT)
GERMANY = duty("DE", id="DE.s13", authority="DE_POLICE", **THREAT)
AMERICA = duty("US", id="US.2258A", authority="US_HOTLINE", **KNOWN)
INDIA = duty("IN", id="IN.threat", authority="IN_POLICE", **THREAT)
RUSSIA = duty("RU", id="RU.threat", authority="RU_POLICE", **THREAT)
ALL = (UNION, GERMANY, AMERICA, INDIA, RUSSIA)
GATES = get_args(Gate)

Found = dict[str, str]


def notified(*evidence: tuple[str, str, float], rules: Rules | None = None, **fields: Any) -> Found:
    """The gate of each recipient other than internal review."""
    routing = routed(*evidence, rules=rules, **fields)
    assert list(routing)[0] == "internal_review"
    return {recipient: gate for recipient, gate in routing.items() if recipient != "internal_review"}


def routed(*evidence: tuple[str, str, float], rules: Rules | None = None, **fields: Any) -> Found:
    resolved = Resolver(rules or small_world(*ALL)).resolve(report(evidence, **fields))
    recipients = [route.recipient for route in resolved.routing]
    assert len(set(recipients)) == len(recipients)
    return {route.recipient: route.gate for route in resolved.routing}


def threat(*evidence: tuple[str, str, float], **fields: Any) -> Found:
    return notified(*evidence, category="threat_to_life", **fields)


OPEN = "human_review"
TWO = "two_person_review"
RIGHTS = "human_rights_review"


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_goes_to_internal_review(category: str) -> None:
    assert routed(rules=small_world(), category=category)["internal_review"] in (OPEN, RIGHTS)
    [route] = Resolver(small_world()).resolve(report([("DE", "victim", 1.0)], category=category)).routing
    floor = RULES.categories[category].floor  # type: ignore[index]
    assert route.reason == (
        f"A human always looks at {category}." if floor else "A human decides whether anything follows."
    )


# Article 18


def test_the_concerned_member_states_are_notified() -> None:
    assert threat(("DE", "suspect", 0.8)) == {"DE_POLICE": OPEN}
    assert threat(("DE", "suspect", 0.8), ("BE", "victim", 0.95)) == {"BE_POLICE": OPEN, "DE_POLICE": OPEN}
    assert threat(("DE", "suspect", 0.8), ("BE", "victim", 0.79)) == {"DE_POLICE": OPEN}


@pytest.mark.parametrize("basis", ["channel", "authority"])
def test_the_channels_country_and_the_asking_authority_identify_no_state(basis: str) -> None:
    assert threat(("DE", basis, 1.0)) == {"BE_POLICE": OPEN, "EUROPOL": OPEN}
    assert threat(("DE", basis, 1.0), ("DE", "victim", 0.8)) == {"DE_POLICE": OPEN}


def test_the_reasons_name_the_duty_and_the_state() -> None:
    rules = small_world(*ALL)
    resolved = Resolver(rules).resolve(report([("DE", "victim", 0.9)], category="threat_to_life"))
    assert resolved.routing[1].reason == "EU.art18: DE is concerned. DE.s13: DE is concerned."


def test_a_state_without_a_named_authority_is_notified_in_the_words_of_the_law() -> None:
    assert threat(("FR", "victim", 0.9)) == {"MEMBER_STATE": OPEN}


def test_a_territory_is_notified_through_its_state() -> None:
    assert threat(("GP", "victim", 0.9)) == {"DE_POLICE": OPEN}


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ({}, ["BE_POLICE", "EUROPOL"]),
        ({"fallback": "representative"}, ["BE_POLICE"]),
        ({"fallback": "europol"}, ["EUROPOL"]),
        ({"establishment": "DE"}, ["DE_POLICE", "EUROPOL"]),
        # The list of recipients is never empty.
        ({"fallback": "representative", "legal_representative": None}, ["EUROPOL"]),
        ({"fallback": "representative", "legal_representative": "FR"}, ["EUROPOL"]),
    ],
)
def test_without_certainty_the_fallback_recipients_are_notified(
    platform: dict[str, Any], expected: list[str]
) -> None:
    rules = small_world(*ALL, **platform)
    assert list(threat(("DE", "suspect", 0.79), ("FR", "victim", 0.5), rules=rules)) == expected
    assert list(threat(("DE", "suspect", 0.79), rules=rules)) == expected


def test_the_platform_sets_the_required_certainty() -> None:
    assert threat(("DE", "victim", 0.6), rules=small_world(*ALL, certainty=0.6)) == {"DE_POLICE": OPEN}


def test_an_unknown_place_is_treated_as_one_in_the_union() -> None:
    assert threat() == {"BE_POLICE": TWO, "EUROPOL": TWO}
    assert threat(rules=small_world(AMERICA, INDIA)) == {}
    assert threat(rules=small_world(*ALL, legal_representative=None)) == {}
    assert notified(category="terrorism") == {}
    assert threat(("US", "victim", 0.9)).keys() <= {"US_HOTLINE"}
    later = duty("EU", authority="MEMBER_STATE", **THREAT, in_force_from=LONG_AGO.replace(year=2027))
    assert threat(rules=small_world(later)) == {}


def test_only_duties_to_notify_of_a_suspicion_route_a_report() -> None:
    rules = small_world(
        duty("EU", id="EU.a", authority="DSC", action="decide", trigger="awareness_threat"),
        duty("EU", id="EU.b", authority="DSC", action="notify_authority", trigger="user_report"),
    )
    assert threat(("DE", "victim", 0.9), rules=rules) == {}


# Outside the Union


def test_outside_the_union_the_duty_names_the_authority_whatever_the_certainty() -> None:
    assert notified(("US", "offence", 0.4), category="csam") == {"US_HOTLINE": OPEN}


def test_a_language_or_a_reporters_country_adds_no_recipient() -> None:
    rules = small_world(AMERICA, INDIA)
    assert notified(category="csam", reporter_country="US", rules=rules) == {}
    both = notified(category="csam", reporter_country="US", channel_country="US", rules=rules)
    assert both == {"US_HOTLINE": OPEN}


def test_a_weak_hint_removes_no_recipient_of_an_unknown_place() -> None:
    assert threat(reporter_country="US").keys() == threat().keys() == {"BE_POLICE", "EUROPOL"}
    assert threat(("US", "victim", 0.1), ("XX", "victim", 1.0)).keys() == {"BE_POLICE", "EUROPOL"}
    assert threat(reporter_country="RU") == {"BE_POLICE": RIGHTS, "EUROPOL": RIGHTS}
    assert notified(category="terrorism", reporter_country="US") == {}
    assert threat(channel_country="US") == {"US_HOTLINE": OPEN}


def test_the_reasons_name_what_is_unverified() -> None:
    advice = dataclasses.replace(GERMANY, marks=marked("unverified"))
    rules = small_world(UNION, advice)
    police = dataclasses.replace(rules.authorities["DE_POLICE"], verification="unverified")
    rules = dataclasses.replace(rules, authorities={**rules.authorities, "DE_POLICE": police})
    resolved = Resolver(rules).resolve(report([("DE", "victim", 0.9)], category="threat_to_life"))
    assert resolved.routing[1].reason == (
        "EU.art18: DE is concerned. DE.s13 (unverified): DE is concerned. "
        "What is known of DE_POLICE is unverified."
    )


def test_a_global_duty_notifies_its_named_authority_alone() -> None:
    world = duty(id="GLOBAL.a", authority="US_HOTLINE", **KNOWN)
    nobody = duty(id="GLOBAL.b", **KNOWN)
    assert notified(("DE", "victim", 0.1), rules=small_world(world, nobody)) == {"US_HOTLINE": OPEN}


# Tiers


def test_guarded_states_are_notified_of_threats_to_life_alone_after_two_person_review() -> None:
    assert threat(("IN", "victim", 0.9)) == {"IN_POLICE": TWO}
    assert threat(("HU", "victim", 0.9)) == {"HU_POLICE": TWO}
    # Other suspicions go to safe recipients alone.
    assert notified(("IN", "victim", 0.9), category="csam") == {"US_HOTLINE": TWO, "EUROPOL": TWO}
    # In the Union too, where the duty stays and a lawyer decides.
    _, safe, _ = Resolver(small_world(*ALL)).resolve(report([("HU", "victim", 0.9)], category="csam")).routing
    assert (safe.recipient, safe.gate) == ("US_HOTLINE", TWO)
    assert safe.reason.endswith("The duty binds all the same: a lawyer decides whether HU is told too.")
    # The hotline receives reports about children alone.
    assert notified(("IN", "victim", 0.9), category="trafficking") == {"EUROPOL": TWO}


def test_closed_states_are_never_notified() -> None:
    assert threat(("RU", "victim", 1.0)) == {"EUROPOL": RIGHTS}
    assert notified(("RU", "victim", 1.0), category="csam") == {"US_HOTLINE": RIGHTS, "EUROPOL": RIGHTS}
    # The same holds if the registry has no law of that state, provided any such duty exists.
    assert threat(("RU", "victim", 1.0), rules=small_world(UNION)) == {"EUROPOL": RIGHTS}
    assert threat(("RU", "victim", 1.0), rules=small_world()) == {}


def test_a_territory_of_a_closed_state_is_never_notified() -> None:
    assert threat(("SJ", "victim", 1.0)) == {"EUROPOL": OPEN}


def test_a_global_duty_notifies_no_authority_of_a_closed_state() -> None:
    world = duty(id="GLOBAL.a", authority="RU_POLICE", **KNOWN)
    assert threat(("DE", "victim", 1.0), rules=small_world(world)) == {}


def test_without_any_named_authority_the_fallback_recipients_are_notified() -> None:
    nameless = duty("EU", authority=None, **THREAT)
    assert threat(("FR", "victim", 0.9), rules=small_world(nameless)) == {"BE_POLICE": OPEN, "EUROPOL": OPEN}


@pytest.mark.parametrize("code", ["IN", "HU", "RU"])
@pytest.mark.parametrize("category", [name for name, row in RULES.categories.items() if row.abuse_prone])
def test_abuse_prone_categories_of_states_that_are_not_open_stay_internal(code: str, category: str) -> None:
    routing = routed((code, "victim", 1.0), category=category)
    assert routing == {"internal_review": RIGHTS}
    assert notified(("DE", "victim", 1.0), category=category) == {"DE_POLICE": OPEN}


def test_the_most_protective_gate_applies_to_every_recipient() -> None:
    assert threat(("DE", "victim", 0.9), ("IN", "suspect", 0.2)) == {"DE_POLICE": TWO}
    both = threat(("DE", "victim", 0.9), ("RU", "suspect", 0.2))
    assert both == {"DE_POLICE": RIGHTS, "EUROPOL": RIGHTS}


def test_a_representative_in_a_guarded_state_is_skipped_except_for_threats_to_life() -> None:
    rules = small_world(*ALL, legal_representative="HU")
    assert notified(("DE", "victim", 0.1), category="csam", rules=rules) == {"EUROPOL": OPEN}
    assert threat(("DE", "victim", 0.1), rules=rules) == {"HU_POLICE": OPEN, "EUROPOL": OPEN}


# Properties

evidence = st.lists(
    st.tuples(
        st.sampled_from(["DE", "BE", "FR", "HU", "GP", "GL", "US", "IN", "RU", "SJ", "PE", "XX"]),
        st.sampled_from(get_args(EvidenceBasis)),
        st.sampled_from([0.1, 0.3, 0.5, 0.8, 1.0]),
    ),
    max_size=5,
)
duties = st.lists(st.sampled_from(ALL), unique_by=lambda row: row.id, max_size=5)
FALLBACK = {"BE_POLICE", "EUROPOL"}


@given(duties, evidence, evidence, st.sampled_from(CATEGORIES))
@settings(max_examples=300)
def test_more_evidence_removes_no_recipient_and_weakens_no_gate(
    rows: list[Obligation],
    some: list[tuple[str, str, float]],
    more: list[tuple[str, str, float]],
    category: str,
) -> None:
    rules = small_world(*rows)
    before = routed(*some, rules=rules, category=category)
    after = routed(*some, *more, rules=rules, category=category)
    if not {code for code, _, _ in some} - {"XX"}:
        # The place was unknown, and routing for an unknown place is not comparable.
        return
    assert before.keys() - FALLBACK <= after.keys()
    for recipient in before.keys() & after.keys():
        assert GATES.index(after[recipient]) >= GATES.index(before[recipient])


@given(duties, evidence, st.sampled_from(CATEGORIES))
@settings(max_examples=300)
def test_recipients_that_must_never_be_notified(
    rows: list[Obligation], given_evidence: list[tuple[str, str, float]], category: str
) -> None:
    rules = small_world(*rows)
    found = notified(*given_evidence, rules=rules, category=category)
    assert "RU_POLICE" not in found
    if category != "threat_to_life":
        assert not found.keys() & {"IN_POLICE", "HU_POLICE"}
    certain = {
        code
        for code, basis, confidence in given_evidence
        if confidence >= 0.8 and basis in ("victim", "suspect", "offence")
    }
    if "DE_POLICE" in found:
        assert certain & {"DE", "GP", "GL"}
    assert "RU" not in {code for code, _, _ in given_evidence} or set(found.values()) <= {RIGHTS}
