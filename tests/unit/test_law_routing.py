"""Where a case goes."""

import dataclasses
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.events.report import CATEGORIES, EvidenceBasis
from streams.events.routing import Gate
from streams.law.resolution import Resolver
from streams.registry.rules import Obligation, Rules
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


def told(*evidence: tuple[str, str, float], rules: Rules | None = None, **fields: Any) -> Found:
    """The gate by recipient, internal review left out."""
    routing = routed(*evidence, rules=rules, **fields)
    assert list(routing)[0] == "internal_review"
    return {recipient: gate for recipient, gate in routing.items() if recipient != "internal_review"}


def routed(*evidence: tuple[str, str, float], rules: Rules | None = None, **fields: Any) -> Found:
    resolved = Resolver(rules or small_world(*ALL)).resolve(report(evidence, **fields))
    recipients = [route.recipient for route in resolved.routing]
    assert len(set(recipients)) == len(recipients)
    return {route.recipient: route.gate for route in resolved.routing}


def threat(*evidence: tuple[str, str, float], **fields: Any) -> Found:
    return told(*evidence, category="threat_to_life", **fields)


OPEN = "human_review"
TWO = "two_person_review"
RIGHTS = "human_rights_review"


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_human_always_looks(category: str) -> None:
    assert routed(rules=small_world(), category=category)["internal_review"] in (OPEN, RIGHTS)
    [route] = Resolver(small_world()).resolve(report([("DE", "victim", 1.0)], category=category)).routing
    floor = RULES.categories[category].floor  # type: ignore[index]
    assert route.reason == (
        f"A human always looks at {category}." if floor else "A human decides whether anything follows."
    )


# Article 18


def test_the_member_states_concerned_are_told() -> None:
    assert threat(("DE", "suspect", 0.8)) == {"DE_POLICE": OPEN}
    assert threat(("DE", "suspect", 0.8), ("BE", "victim", 0.95)) == {"BE_POLICE": OPEN, "DE_POLICE": OPEN}
    assert threat(("DE", "suspect", 0.8), ("BE", "victim", 0.79)) == {"DE_POLICE": OPEN}


@pytest.mark.parametrize("basis", ["channel", "authority"])
def test_where_a_channel_is_at_home_and_who_asks_identifies_no_state(basis: str) -> None:
    assert threat(("DE", basis, 1.0)) == {"BE_POLICE": OPEN, "EUROPOL": OPEN}
    assert threat(("DE", basis, 1.0), ("DE", "victim", 0.8)) == {"DE_POLICE": OPEN}


def test_the_reasons_name_the_duty_and_the_state() -> None:
    rules = small_world(*ALL)
    resolved = Resolver(rules).resolve(report([("DE", "victim", 0.9)], category="threat_to_life"))
    assert resolved.routing[1].reason == "EU.art18: DE is concerned. DE.s13: DE is concerned."


def test_a_state_that_named_nobody_is_told_by_the_words_of_the_law() -> None:
    assert threat(("FR", "victim", 0.9)) == {"MEMBER_STATE": OPEN}


def test_a_territory_is_told_through_its_state() -> None:
    assert threat(("GP", "victim", 0.9)) == {"DE_POLICE": OPEN}


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ({}, ["BE_POLICE", "EUROPOL"]),
        ({"fallback": "representative"}, ["BE_POLICE"]),
        ({"fallback": "europol"}, ["EUROPOL"]),
        ({"establishment": "DE"}, ["DE_POLICE", "EUROPOL"]),
        # Never nobody.
        ({"fallback": "representative", "legal_representative": None}, ["EUROPOL"]),
        ({"fallback": "representative", "legal_representative": "FR"}, ["EUROPOL"]),
    ],
)
def test_without_certainty_others_are_told(platform: dict[str, Any], expected: list[str]) -> None:
    rules = small_world(*ALL, **platform)
    assert list(threat(("DE", "suspect", 0.79), ("FR", "victim", 0.5), rules=rules)) == expected
    assert list(threat(("DE", "suspect", 0.79), rules=rules)) == expected


def test_the_certainty_is_that_of_the_platform() -> None:
    assert threat(("DE", "victim", 0.6), rules=small_world(*ALL, certainty=0.6)) == {"DE_POLICE": OPEN}


def test_a_place_that_nobody_knows_may_be_in_the_union() -> None:
    assert threat() == {"BE_POLICE": TWO, "EUROPOL": TWO}
    assert threat(rules=small_world(AMERICA, INDIA)) == {}
    assert threat(rules=small_world(*ALL, legal_representative=None)) == {}
    assert told(category="terrorism") == {}
    assert threat(("US", "victim", 0.9)).keys() <= {"US_HOTLINE"}
    later = duty("EU", authority="MEMBER_STATE", **THREAT, in_force_from=LONG_AGO.replace(year=2027))
    assert threat(rules=small_world(later)) == {}


def test_only_a_suspicion_is_told() -> None:
    rules = small_world(
        duty("EU", id="EU.a", authority="DSC", action="decide", trigger="awareness_threat"),
        duty("EU", id="EU.b", authority="DSC", action="notify_authority", trigger="user_report"),
    )
    assert threat(("DE", "victim", 0.9), rules=rules) == {}


# Elsewhere


def test_elsewhere_the_duty_names_the_authority_whatever_the_certainty() -> None:
    assert told(("US", "offence", 0.4), category="csam") == {"US_HOTLINE": OPEN}


def test_nobody_is_told_because_of_a_language_or_where_a_reporter_lives() -> None:
    rules = small_world(AMERICA, INDIA)
    assert told(category="csam", reporter_country="US", rules=rules) == {}
    both = told(category="csam", reporter_country="US", channel_country="US", rules=rules)
    assert both == {"US_HOTLINE": OPEN}


def test_a_weak_hint_takes_away_nobody_who_is_told_of_an_unknown_place() -> None:
    assert threat(reporter_country="US").keys() == threat().keys() == {"BE_POLICE", "EUROPOL"}
    assert threat(("US", "victim", 0.1), ("XX", "victim", 1.0)).keys() == {"BE_POLICE", "EUROPOL"}
    assert threat(reporter_country="RU") == {"BE_POLICE": RIGHTS, "EUROPOL": RIGHTS}
    assert told(category="terrorism", reporter_country="US") == {}
    assert threat(channel_country="US") == {"US_HOTLINE": OPEN}


def test_the_reasons_say_what_nobody_has_verified() -> None:
    advice = dataclasses.replace(GERMANY, verification="unverified")
    rules = small_world(UNION, advice)
    police = dataclasses.replace(rules.authorities["DE_POLICE"], verification="unverified")
    rules = dataclasses.replace(rules, authorities={**rules.authorities, "DE_POLICE": police})
    resolved = Resolver(rules).resolve(report([("DE", "victim", 0.9)], category="threat_to_life"))
    assert resolved.routing[1].reason == (
        "EU.art18: DE is concerned. DE.s13 (unverified): DE is concerned. "
        "What is known of DE_POLICE is unverified."
    )


def test_a_duty_of_the_world_is_nobodys_own() -> None:
    world = duty(id="GLOBAL.a", authority="US_HOTLINE", **KNOWN)
    nobody = duty(id="GLOBAL.b", **KNOWN)
    assert told(("DE", "victim", 0.1), rules=small_world(world, nobody)) == {"US_HOTLINE": OPEN}


# Tiers


def test_guarded_states_are_told_of_threats_to_life_only_after_two_people_looked() -> None:
    assert threat(("IN", "victim", 0.9)) == {"IN_POLICE": TWO}
    assert threat(("HU", "victim", 0.9)) == {"HU_POLICE": TWO}
    # Of anything else only those who can be trusted with it.
    assert told(("IN", "victim", 0.9), category="csam") == {"US_HOTLINE": TWO, "EUROPOL": TWO}
    # A hotline is for children.
    assert told(("IN", "victim", 0.9), category="trafficking") == {"EUROPOL": TWO}


def test_closed_states_are_never_told() -> None:
    assert threat(("RU", "victim", 1.0)) == {"EUROPOL": RIGHTS}
    assert told(("RU", "victim", 1.0), category="csam") == {"US_HOTLINE": RIGHTS, "EUROPOL": RIGHTS}
    # Also where none of its laws is in the registry, as long as there is such a duty anywhere.
    assert threat(("RU", "victim", 1.0), rules=small_world(UNION)) == {"EUROPOL": RIGHTS}
    assert threat(("RU", "victim", 1.0), rules=small_world()) == {}


def test_a_territory_of_a_closed_state_has_its_authorities() -> None:
    assert threat(("SJ", "victim", 1.0)) == {"EUROPOL": OPEN}


def test_a_duty_of_the_world_sends_nothing_to_a_closed_state() -> None:
    world = duty(id="GLOBAL.a", authority="RU_POLICE", **KNOWN)
    assert threat(("DE", "victim", 1.0), rules=small_world(world)) == {}


def test_where_no_authority_is_named_at_all_others_are_told() -> None:
    nameless = duty("EU", authority=None, **THREAT)
    assert threat(("FR", "victim", 0.9), rules=small_world(nameless)) == {"BE_POLICE": OPEN, "EUROPOL": OPEN}


@pytest.mark.parametrize("code", ["IN", "HU", "RU"])
@pytest.mark.parametrize("category", [name for name, row in RULES.categories.items() if row.abuse_prone])
def test_what_is_prone_to_abuse_goes_to_nobody(code: str, category: str) -> None:
    routing = routed((code, "victim", 1.0), category=category)
    assert routing == {"internal_review": RIGHTS}
    assert told(("DE", "victim", 1.0), category=category) == {"DE_POLICE": OPEN}


def test_the_most_protective_gate_holds_for_everybody() -> None:
    assert threat(("DE", "victim", 0.9), ("IN", "suspect", 0.2)) == {"DE_POLICE": TWO}
    both = threat(("DE", "victim", 0.9), ("RU", "suspect", 0.2))
    assert both == {"DE_POLICE": RIGHTS, "EUROPOL": RIGHTS}


def test_a_representative_in_a_guarded_state_is_passed_over() -> None:
    rules = small_world(*ALL, legal_representative="HU")
    assert told(("DE", "victim", 0.1), category="csam", rules=rules) == {"EUROPOL": OPEN}
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
@settings(deadline=None, max_examples=300)
def test_more_evidence_takes_no_recipient_away_and_makes_no_gate_weaker(
    rows: list[Obligation],
    some: list[tuple[str, str, float]],
    more: list[tuple[str, str, float]],
    category: str,
) -> None:
    rules = small_world(*rows)
    before = routed(*some, rules=rules, category=category)
    after = routed(*some, *more, rules=rules, category=category)
    if not {code for code, _, _ in some} - {"XX"}:
        # Nothing was known of the place, so nobody could be sure of anything.
        return
    assert before.keys() - FALLBACK <= after.keys()
    for recipient in before.keys() & after.keys():
        assert GATES.index(after[recipient]) >= GATES.index(before[recipient])


@given(duties, evidence, st.sampled_from(CATEGORIES))
@settings(deadline=None, max_examples=300)
def test_whom_nobody_may_tell(
    rows: list[Obligation], given_evidence: list[tuple[str, str, float]], category: str
) -> None:
    rules = small_world(*rows)
    found = told(*given_evidence, rules=rules, category=category)
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
