"""A case, and a request of an authority, as a sentence: what, who says so, about what, where; and the evidence."""

import json
import re
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.authority_request import AuthorityType, Demand, RequestElement, RequestKind
from streams.contract.events.authority_routing import AuthorityRouting, RoutingDecision
from streams.contract.events.countries import COUNTRIES, COUNTRY_ALIASES
from streams.contract.events.escalation import Escalation
from streams.desk.text.case_facts import CaseFacts, case_facts, messages_of
from streams.desk.text.case_sentence import MOST_FACTS, Sentence, case_sentence
from streams.desk.text.country_names import NAMES, in_places, place_name
from streams.desk.text.request_sentence import RequestFacts, request_facts, request_sentence
from streams.registry.obligation import Action
from tests.categories import CATEGORIES
from tests.shipped import RULES
from tests.unit.console_pages import EXAMPLES, example

DAY = 24 * 3_600_000


def facts(category: str = "fraud", *countries: str, **fields) -> CaseFacts:
    """One person who reports one message, unless `fields` say otherwise."""
    usual = {
        "reports": 1, "distinct_reporters": 1, "trusted_flaggers": 0, "automated": 0, "state_actors": 0,
        "window_ms": DAY, "messages": 1,
    }  # fmt: skip
    return CaseFacts(category, countries, **(usual | fields))


def people(number: int, **fields) -> dict[str, int]:
    return {"reports": number, "distinct_reporters": number, **fields}


@pytest.mark.parametrize(
    ("known", "sentence", "evidence"),
    [
        # A victim's request, before the law's clock and in the policy's case.
        (
            facts("ncii_deepfake", "IN", asked_by_victim=True, clock_asks="remove", window_ms=0),
            "Intimate deepfake: the person shown asks for removal in India",
            "",
        ),
        (
            facts("ncii_deepfake", "IN", asked_by_victim=True, reports=3, distinct_reporters=2, automated=1),
            "Intimate deepfake: the person shown asks for removal in India",
            "3 reports within a day: 1 by detectors, 2 by people",
        ),
        (
            facts("defamation", "JP", asked_by_victim=True, clock_asks="decide"),
            "Defamation: a request of the person concerned in Japan waits for a decision",
            "",
        ),
        # A threat, and children.
        (
            facts("threat_to_life", "DE", **people(3)),
            "Threat to life: 3 people report a message in Germany",
            "all within a day",
        ),
        (
            facts("csam_synthetic", "NL", window_ms=7 * DAY),
            "Synthetic child abuse material: 1 person reports a message in the Netherlands",
            "",
        ),
        # A detector, a flagger, a state actor.
        (
            facts("csam", "US", automated=1, **people(2)),
            "Child abuse material: a detector and 1 person report a message in the United States",
            "2 reports within a day: 1 by detectors, 1 by people",
        ),
        (
            facts("csam", "FR", trusted_flaggers=1),
            "Child abuse material: a trusted flagger reports a message in France",
            "",
        ),
        (
            facts("terrorism", "TR", state_actors=2, trusted_flaggers=1, automated=3, reports=9, messages=4),
            "Terrorism: detectors, a trusted flagger, state actors and others report messages of a channel "
            "in Turkiye",
            "9 reports within a day: 3 by detectors, 1 by trusted flaggers, 2 by state actors, 3 by people",
        ),
        # Of a window without its doubtful reports.
        (
            facts("csam", "FR", automated=2, distinct_reporters=0),
            "Child abuse material: detectors report a message in France",
            "",
        ),
        # A receipt that is due, and a grievance.
        (
            facts("fraud", "MY", clock_asks="acknowledge"),
            "Fraud: a report about a message in Malaysia waits for its receipt",
            "",
        ),
        (
            facts("hate", "IN", clock_asks="decide", messages=0),
            "Hate speech: a report about a channel in India waits for a decision",
            "",
        ),
        (
            facts("harassment", "AU", clock_asks="escalate_internal"),
            "Harassment: a report about a message in Australia waits to be looked at",
            "",
        ),
        (
            facts("hate", "IE", clock_asks="decide", trusted_flaggers=1),
            "Hate speech: a trusted flagger's notice about a message in Ireland waits for a decision",
            "",
        ),
        # A crowd.
        (
            facts("fraud", "NG", surge=True, messages=10, voices=118.2, **people(131)),
            "Fraud surge: 131 people report messages of a channel in Nigeria",
            "they count as 118 voices; all within a day",
        ),
        # A brigade, by the stage of reporters and without it.
        (
            facts("fraud", "PL", brigade=True, voices=1.8, linked=31, coordinated=31, messages=0, **people(34)),
            "Fraud: 34 people who report a channel in Poland count as 2 voices",
            "31 of 34 reporters report together; all within a day",
        ),
        (
            facts("fraud", brigade=True, reports=40, distinct_reporters=3, window_ms=3_600_000),
            "Fraud: 3 people who report a message look coordinated",
            "few reporters sent most of the reports; 40 reports within 1 hour",
        ),
        # Somebody was asked first.
        (
            facts("spam", "DE", "FR", waits_for_answer=True, coordinated=4, **people(12)),
            "Spam: 12 people report a message in Germany and France",
            "a desk is asked whether its reports are right; 4 reporters look coordinated",
        ),
        # What is not known is left out.
        (facts("spam", "XX"), "Spam: 1 person reports a message", ""),
        (
            facts("spam", reports=7, distinct_reporters=0, messages=0),
            "Spam: people report a channel",
            "7 reports within a day",
        ),
        (facts("spam", "DE", reports=0, distinct_reporters=0, messages=0), "Spam: reports about a channel in Germany", ""),
        (
            facts("gambling_ads", "DE", "FR", "IT"),
            "Gambling ads: 1 person reports a message in Germany and 2 other countries",
            "",
        ),
    ],
)  # fmt: skip
def test_each_kind_of_case_has_its_sentence(known, sentence, evidence):
    said = case_sentence(known)
    assert (str(said), said.second_line) == (sentence, evidence)


def request(**fields) -> RequestFacts:
    usual = {
        "kind": "removal_order", "authority": "police", "country": "DE", "demands": ("remove",),
        "decision": "routed", "category": "terrorism", "takes_effect": ("EU",),
    }  # fmt: skip
    return RequestFacts(**(usual | fields))


@pytest.mark.parametrize(
    ("known", "sentence", "evidence"),
    [
        (
            request(),
            "Removal order: police in Germany demand removal in the whole European Union",
            "complete and competent; terrorism",
        ),
        (
            request(authority="court", country="FR", demands=("preserve_data", "answer"), takes_effect=("FR",)),
            "Removal order: a court in France demands that data are kept and an answer",
            "complete and competent; terrorism",
        ),
        (
            request(kind="order_for_information", demands=("encryption_keys",), decision="refused", missing=("signature",)),
            "Order for information: police in Germany demand encryption keys in the whole European Union",
            "to be refused, whichever authority asks; terrorism",
        ),
        (
            request(decision="incomplete", missing=("exact_location", "signature"), category=None),
            "Removal order: police in Germany demand removal in the whole European Union",
            "lacks exact location, signature",
        ),
        (
            request(competent=False, takes_effect=()),
            "Removal order: police in Germany demand removal",
            "another authority would be competent; terrorism",
        ),
        (
            request(contested=True, takes_effect=("XX",)),
            "Removal order: police in Germany demand removal",
            "complete, but its reach is contested; terrorism",
        ),
    ],
)  # fmt: skip
def test_each_kind_of_request_has_its_sentence(known, sentence, evidence):
    said = request_sentence(known)
    assert (str(said), said.second_line) == (sentence, evidence)


def events(name: str, **changes) -> Escalation:
    document = example("escalations", name) | changes
    return msgspec.json.decode(json.dumps(document), type=Escalation)


def test_the_facts_are_those_of_the_newest_event_that_counted_reports():
    raised, cleared = events("updated-level-raised"), events("resolved-cleared")
    assert cleared.counts.reports == 0
    known = case_facts([raised, cleared])
    assert (known.reports, known.distinct_reporters) == (21, 20)
    assert messages_of([raised, cleared]) == raised.message_refs
    assert known.messages == len(raised.message_refs) > 1


def test_a_victims_request_is_one_whose_duty_the_report_met():
    asked = events("opened-clock-armed")
    assert case_facts([asked]).asked_by_victim
    (duty,) = asked.obligations
    others = msgspec.structs.replace(duty, clock_status="not_armed", not_armed_reason="trigger_not_met")
    possible = msgspec.structs.replace(asked, clock=None, obligations=(others,))
    assert not case_facts([possible]).asked_by_victim
    lacking = msgspec.structs.replace(others, not_armed_reason="elements_missing")
    # Also one that lacks something, and one that an earlier event had.
    earlier = msgspec.structs.replace(possible, obligations=(lacking,))
    assert case_facts([earlier, possible]).asked_by_victim
    # A clock asks what its duty asks, and counts in no window.
    assert case_facts([asked]).clock_asks == "remove"
    assert case_facts([asked]).window_ms == 0


def test_the_examples_have_sentences():
    said = {
        path.stem: str(case_sentence(case_facts([events(path.stem)])))
        for path in sorted((EXAMPLES / "escalations/v1").glob("*.json"))
    }
    assert said["opened-looks-coordinated"] == "Fraud: 5 people report a message"
    assert (
        said["opened-clock-armed"] == "Intimate image: the person shown asks for removal in the United States"
    )
    assert said["opened-threshold-crossed"] == "Intimate deepfake: 1 person reports a message in Germany"
    judged = msgspec.json.decode(
        json.dumps(example("authority-routing", "removal-order")), type=AuthorityRouting
    )
    assert str(request_sentence(request_facts(judged))) == (
        "Removal order: police in Germany demand removal in the whole European Union"
    )


COUNT = st.integers(0, 200)
COUNTED = st.fixed_dictionaries(
    {"automated": COUNT, "trusted_flaggers": COUNT, "state_actors": COUNT, "of_people": COUNT}
)
ANY_COUNTRY = st.sampled_from(sorted(COUNTRIES | {"EU", "EEA", "GLOBAL", "unknown"}))


@st.composite
def any_facts(draw) -> CaseFacts:
    counted = draw(COUNTED)
    reports = sum(counted.values())
    return CaseFacts(
        draw(st.sampled_from([*CATEGORIES, "new_category"])),
        tuple(draw(st.lists(ANY_COUNTRY, max_size=4, unique=True))),
        reports=reports,
        distinct_reporters=draw(st.integers(0, reports)),
        trusted_flaggers=counted["trusted_flaggers"],
        automated=counted["automated"],
        state_actors=counted["state_actors"],
        window_ms=draw(st.sampled_from([0, 1, 60_000, 3_600_000, 3 * DAY])),
        messages=draw(st.integers(0, 10)),
        surge=draw(st.booleans()),
        asked_by_victim=draw(st.booleans()),
        clock_asks=draw(st.none() | st.sampled_from(get_args(Action))),
        voices=draw(st.none() | st.floats(0, 200)),
        linked=draw(COUNT),
        coordinated=draw(COUNT),
        brigade=draw(st.booleans()),
        waits_for_answer=draw(st.booleans()),
    )


@st.composite
def any_request(draw) -> RequestFacts:
    demands = draw(st.lists(st.sampled_from(get_args(Demand)), min_size=1, max_size=4, unique=True))
    return RequestFacts(
        draw(st.sampled_from(get_args(RequestKind))),
        draw(st.sampled_from(get_args(AuthorityType))),
        draw(st.sampled_from(sorted(COUNTRIES))),
        tuple(demands),
        draw(st.sampled_from(get_args(RoutingDecision))),
        draw(st.none() | st.sampled_from(list(CATEGORIES))),
        tuple(draw(st.lists(ANY_COUNTRY, max_size=3, unique=True))),
        draw(st.booleans()),
        draw(st.booleans()),
        tuple(draw(st.lists(st.sampled_from(get_args(RequestElement)), max_size=3, unique=True))),
    )


def check(said: Sentence) -> None:
    """A sentence that a person reads: no code of a category or a country, and words that belong together."""
    line = f"{said}; {said.second_line}"
    assert "_" not in line
    assert not re.search(r"\b(?:csam|ncii|ip)\b", line, re.IGNORECASE), line
    # Two capitals in a row are a code: nothing that a sentence is made of has them.
    assert not re.search(r"\b[A-Z]{2,}\b", line), line
    assert "  " not in line
    assert "None" not in line
    assert len(said.evidence) <= MOST_FACTS
    assert not re.search(r"\b1 (?:people|reports|voices|days|hours)\b", line), line
    assert not re.search(r"\b(?!1\b)[\d,]+ (?:person|report|voice|day|hour)\b", line), line
    assert not re.search(r"(?:people|others|detectors|flaggers|actors|and 1 person) reports\b", line), line


@given(any_facts())
def test_no_sentence_of_a_case_has_a_code(known):
    check(case_sentence(known))


@given(any_request())
def test_no_sentence_of_a_request_has_a_code(known):
    check(request_sentence(known))


@given(any_facts())
def test_the_facts_survive_the_read_model(known):
    assert msgspec.json.decode(msgspec.json.encode(known), type=CaseFacts) == known


@given(
    st.lists(
        st.sampled_from([path.stem for path in (EXAMPLES / "escalations/v1").glob("*.json")]), min_size=1
    )
)
def test_no_sentence_names_a_channel_a_message_or_a_report(names):
    known = [events(name) for name in names]
    line = str(case_sentence(case_facts(known)))
    for event in known:
        for ref in (event.channel_ref, *event.message_refs, event.trace.first_report_id, event.escalation_id):
            assert ref not in line


def test_every_country_has_a_name_and_it_is_that_of_the_registry():
    assert set(NAMES) == (COUNTRIES - set(COUNTRY_ALIASES) - {"XX"}) | {"EU", "EEA"}
    assert len(set(NAMES.values())) == len(NAMES)
    for code, row in RULES.jurisdictions.items():
        if code not in ("GLOBAL", "XX"):
            assert NAMES[code].removeprefix("the ") == row.name
    assert (place_name("EL"), place_name("UK")) == ("Greece", "the United Kingdom")
    assert in_places(["XX"]) == in_places([]) == ""
