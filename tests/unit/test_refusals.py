"""Demands that Tocsin never meets are refused, whatever else the request says and whatever is configured."""

import re
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.authority_request import (
    AUTHORITY_REQUEST_TYPE,
    AuthorityRequest,
    Demand,
    IssuingAuthority,
    RequestElement,
    Target,
)
from streams.contract.events.authority_routing import HardRefusalCode
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.deciding.law.resolution import Resolver
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState
from streams.deciding.requests.judge import judge_request
from streams.deciding.requests.refusals import CONTENT_DEMANDS, DATA_DEMANDS, refusals
from streams.deciding.requests.rules import compile_request_rules, country_of, is_member_state
from streams.registry.obligations import FROM_ITS_CONTENT, ORDER_TRIGGERS
from tests.readers import decode_request
from tests.report_strategies import reports
from tests.request_strategies import SHIPPED, registries, requests, target_documents
from tests.unit.traffic import EXTERNAL, START, Record, run

RESOLVER = Resolver(SHIPPED)
RECEIVED = START
GATES = ("human_review", "two_person_review", "judicial_order", "human_rights_review")


def codes(request):
    return {refusal.code for refusal in refusals(request)}


def asking(demand, target):
    """A complete request of a German court with a single demand."""
    return AuthorityRequest(
        request_id="r-1",
        kind="order_for_information",
        legal_basis="dsa_art10",
        received_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
        authority=IssuingAuthority("DE", "court"),
        demands=(demand,),
        target=target,
        elements=get_args(RequestElement),
    )


def with_demand(request, demand):
    return msgspec.structs.replace(request, demands=(*request.demands, demand))


# --- what is refused


@pytest.mark.slow
@settings(max_examples=200)
@given(requests, registries(), st.sampled_from(get_args(HardRefusalCode)))
def test_no_registry_turns_a_refusal_off(request, registry, code):
    judged = judge_request(with_demand(request, code), RECEIVED, compile_request_rules(registry))
    assert judged.decision == "refused"
    assert judged.gate == "human_rights_review"
    assert code in {refusal.code for refusal in judged.findings.refusals}
    assert judged.armed == ()
    assert judged.findings.obligations == ()
    assert judged.findings.disclosure in ("not_asked", "never")
    assert judged.findings.territory.scope == "none"
    assert [routing.recipient for routing in judged.recipients] == ["internal_review"]


# --- data on people: the rule, written without the tables of the code

# Demands that hand nothing over. Any other demand yields data on people, also one that is added later.
HANDS_NOTHING_OVER = {"remove", "disable_access", "geo_disable", "restrict_account", "preserve_data"}
HANDS_NOTHING_OVER |= {"encryption_keys", "block_protest"}  # refused by themselves


def yields_data(document):
    """Whether compliance would tell the authority something about people."""
    demands = set(document["demands"]) - HANDS_NOTHING_OVER
    if demands == {"answer"}:
        # An answer about nobody must say so.
        return document["target"].get("people") != 0
    return bool(demands)


def names_people(target):
    """Whether a request says that it names each person itself."""
    return target.get("specific") is True and target["kind"] != "service"


def names_few_people(target):
    """Whether a target is a named account, the author of a named message, or at most ten people."""
    number = target.get("people")
    if not names_people(target):
        return False
    if number is None:
        return target["kind"] in ("account", "message") and target.get("ref") is not None
    return 1 <= number <= (1 if target["kind"] in ("channel", "message") else 10)


def may_name(target, concerns):
    """Whether people may be asked for: those who took part in an assembly only if they are few."""
    return names_few_people(target) if "peaceful_assembly" in concerns else names_people(target)


@pytest.mark.slow
@settings(max_examples=600)
@given(requests, target_documents, registries())
def test_no_request_yields_data_except_about_named_people_and_on_many_behind_its_gates(
    request, target, registry
):
    document = msgspec.to_builtins(request) | {"target": target}
    decoded = decode_request(msgspec.json.encode(document), (), 2**42).event
    judged = judge_request(decoded, RECEIVED, compile_request_rules(registry))
    found = {refusal.code for refusal in judged.findings.refusals}
    bulk = "bulk_identify" in document["demands"] or (
        yields_data(document) and not may_name(target, document.get("concerns", ()))
    )
    assert ("bulk_identify" in found) == bulk
    if bulk:
        assert judged.decision == "refused"
        assert judged.gate == "human_rights_review"
        assert judged.armed == ()
        assert judged.findings.disclosure in ("never", "not_asked")
    elif yields_data(document):
        assert judged.findings.disclosure != "not_asked"
        if not names_few_people(target):
            assert {"two_person_review", "human_rights_review"} <= set(judged.findings.gates)
            assert judged.lawyer_today or judged.decision == "refused"
    if judged.findings.disclosure == "after_gate":
        assert names_people(target)
        assert "judicial_order" in judged.findings.gates


@pytest.mark.parametrize(
    ("demand", "target", "field"),
    [
        ("produce_subscriber_data", {"kind": "persons", "people": 5_000_000}, "target.specific"),
        ("produce_subscriber_data", {"kind": "persons", "people": 5_000_000, "specific": True}, None),
        ("produce_subscriber_data", {"kind": "persons"}, "target.specific"),
        ("produce_subscriber_data", {"kind": "persons", "people": 11, "specific": True}, None),
        ("produce_subscriber_data", {"kind": "account", "ref": "a"}, "target.specific"),
        ("produce_subscriber_data", {"kind": "account", "ref": "a", "specific": True}, None),
        ("produce_subscriber_data", {"kind": "account", "people": 1, "specific": True}, None),
        ("produce_traffic_data", {"kind": "channel", "ref": "c", "people": 4_000, "specific": True}, None),
        ("produce_traffic_data", {"kind": "channel", "ref": "c", "people": 4_000}, "target.specific"),
        ("produce_traffic_data", {"kind": "message", "ref": "m"}, "target.specific"),
        ("produce_content_data", {"kind": "service"}, "target.kind"),
        ("produce_content_data", {"kind": "service", "people": 1, "specific": True}, "target.kind"),
        # An answer that would say who somebody is, and one that is about nobody.
        ("answer", {"kind": "persons", "people": 4_000, "specific": False}, "target.specific"),
        ("answer", {"kind": "channel", "ref": "c", "specific": False}, "target.specific"),
        ("answer", {"kind": "service"}, "target.kind"),
        ("answer", {"kind": "persons", "people": 3, "specific": True}, None),
        ("answer", {"kind": "service", "people": 0}, None),
        # Keeping data is not handing them over.
        ("preserve_data", {"kind": "channel", "ref": "c", "people": 4_000}, None),
        ("bulk_identify", {"kind": "account", "ref": "a", "people": 1, "specific": True}, "demands"),
    ],
)  # fmt: skip
def test_a_refusal_of_bulk_identification_names_the_field_and_what_would_be_valid(demand, target, field):
    request = asking(demand, msgspec.convert(target, Target))
    judged = judge_request(request, RECEIVED, compile_request_rules(SHIPPED))
    assert (judged.decision == "refused") == (field is not None)
    reasons = [refusal.reason for refusal in judged.findings.refusals if refusal.code == "bulk_identify"]
    assert len(reasons) == (field is not None)
    for reason in reasons:
        said = reason.partition("or wrote. ")[2]
        assert said.startswith(f"{field}: ")
        assert re.search(r"must |ask for data on named persons", said)
        assert ("target.people: 0" in said) == (demand == "answer")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"kind": "persons", "people": 10}, None),
        ({"kind": "persons", "people": 11}, "asks for data on 11 people"),
        ({"kind": "persons", "people": 5_000_000}, "asks for data on 5000000 people"),
        ({"kind": "persons", "people": 0}, "asks for data on 0 people"),
        ({"kind": "persons"}, "does not say on how many"),
        ({"kind": "persons", "ref": "p"}, "does not say on how many"),
        ({"kind": "account", "ref": "a"}, None),
        ({"kind": "account", "people": 1}, None),
        ({"kind": "account"}, "does not say on how many"),
        ({"kind": "account", "ref": "a", "people": 100_000}, "asks for data on 100000 people"),
        # The owner of a channel and the author of a message are single persons; more are members and readers.
        ({"kind": "channel", "ref": "c"}, "does not say on how many"),
        ({"kind": "channel", "ref": "c", "people": 4_000}, "on 4000 people of one channel"),
        ({"kind": "channel", "ref": "c", "people": 1}, None),
        ({"kind": "message", "ref": "m", "people": 2}, "on 2 people of one message"),
        ({"kind": "message", "ref": "m"}, None),
        ({"kind": "message"}, "does not say on how many"),
    ],
)
def test_data_on_many_named_people_are_no_refusal_but_a_gate_with_its_reason(target, why):
    """28.7: no norm has a number, so eleven suspects are not refused in the name of the Charter."""
    request = asking("produce_subscriber_data", msgspec.convert({**target, "specific": True}, Target))
    judged = judge_request(request, RECEIVED, compile_request_rules(SHIPPED))
    assert judged.decision == "routed"
    assert judged.findings.disclosure == "after_gate"
    many = {"two_person_review", "human_rights_review"} <= set(judged.findings.gates)
    assert many == bool(judged.lawyer_today) == (why is not None)
    for said in (*judged.lawyer_today, *judged.findings.rule_of_law.reasons[2:] * many):
        assert why in said or said == "The request asks for data on persons."


@pytest.mark.parametrize(
    "target",
    [Target("persons", None, 5_000, specific=True), Target("channel", "c", 4_000, specific=True)],
)
@pytest.mark.parametrize("demand", ["produce_subscriber_data", "produce_content_data", "answer"])
def test_the_names_of_everyone_at_a_protest_are_refused_however_many_are_named(target, demand):
    request = msgspec.structs.replace(asking(demand, target), concerns=("peaceful_assembly",))
    judged = judge_request(request, RECEIVED, compile_request_rules(SHIPPED))
    assert judged.decision == "refused"
    assert "bulk_identify" in {refusal.code for refusal in judged.findings.refusals}
    # A named suspect is no crowd.
    one = msgspec.structs.replace(request, target=Target("account", "a", 1, specific=True))
    assert judge_request(one, RECEIVED, compile_request_rules(SHIPPED)).decision == "routed"


def test_an_answer_about_people_has_the_gate_and_disclosure_of_data():
    few = asking("answer", Target("persons", None, 3, specific=True))
    nobody = asking("answer", Target("service", None, 0))
    judged = [judge_request(each, RECEIVED, compile_request_rules(SHIPPED)) for each in (few, nobody)]
    assert [each.findings.disclosure for each in judged] == ["after_gate", "not_asked"]
    why = [each.findings.rule_of_law.reasons for each in judged]
    assert ["The request asks for data on persons." in reasons for reasons in why] == [True, False]


@pytest.mark.parametrize("target", [Target("channel", "c-1", 4000), Target("service")])
def test_preserving_the_data_of_many_needs_a_human_rights_review(target):
    judged = judge_request(asking("preserve_data", target), RECEIVED, compile_request_rules(SHIPPED))
    assert judged.gate == "human_rights_review"


@pytest.mark.slow
@settings(max_examples=200)
@given(requests, registries(), st.sampled_from(sorted(CONTENT_DEMANDS)))
def test_removing_a_peaceful_assembly_is_refused_under_every_demand(request, registry, demand):
    request = with_demand(request, demand)
    request = msgspec.structs.replace(request, concerns=("peaceful_assembly", *request.concerns))
    judged = judge_request(request, RECEIVED, compile_request_rules(registry))
    assert judged.decision == "refused"
    assert "block_protest" in {refusal.code for refusal in judged.findings.refusals}


@pytest.mark.slow
@settings(max_examples=250)
@given(requests, registries(), registries())
def test_refusals_depend_on_the_request_alone(request, one, other):
    judged = [judge_request(request, RECEIVED, compile_request_rules(rules)) for rules in (one, other)]
    hard = [
        tuple(refusal for refusal in one.findings.refusals if refusal.code != "political_demand")
        for one in judged
    ]
    assert hard[0] == hard[1] == refusals(request)
    for one in judged:
        assert (one.decision == "refused") == bool(one.findings.refusals)


@pytest.mark.parametrize(
    ("country", "category", "refused"),
    [
        ("RU", "civic", True),
        ("IR", "terrorism", True),
        ("RU", "fraud", False),
        ("RU", None, False),
        # For guarded and unknown states a human-rights review decides.
        ("IN", "civic", False),
        ("NZ", "civic", False),
        ("DE", "civic", False),
    ],
)
def test_political_demands_are_refused_to_closed_states_alone(country, category, refused):
    request = asking("remove", Target("message", "m-1"))
    request = msgspec.structs.replace(
        request,
        legal_basis="national_law",
        authority=IssuingAuthority(country, "court"),
        category=category,
        concerns=(),
    )
    judged = judge_request(request, RECEIVED, compile_request_rules(SHIPPED))
    assert [refusal.code for refusal in judged.findings.refusals] == ["political_demand"] * refused
    assert (judged.decision == "refused") == refused


@settings(max_examples=150)
@given(requests)
def test_refusals_follow_from_the_forbidden_demands_alone(request):
    demands = set(request.demands)
    document = msgspec.to_builtins(request)
    expected = set()
    if "encryption_keys" in demands:
        expected.add("encryption_keys")
    named = may_name(document["target"], document.get("concerns", ()))
    if "bulk_identify" in demands or (yields_data(document) and not named):
        expected.add("bulk_identify")
    if "block_protest" in demands or (
        "peaceful_assembly" in request.concerns
        and demands & {"remove", "disable_access", "geo_disable", "restrict_account"}
    ):
        expected.add("block_protest")
    assert codes(request) == expected


def test_every_kind_of_demand_is_classified():
    harmless = {"preserve_data", "answer"}
    assert set(get_args(Demand)) == DATA_DEMANDS | CONTENT_DEMANDS | harmless | set(get_args(HardRefusalCode))


@settings(max_examples=100)
@given(requests, st.sampled_from(get_args(HardRefusalCode)))
def test_each_refusal_cites_norms_with_links(request, code):
    (refusal,) = [found for found in refusals(with_demand(request, code)) if found.code == code]
    assert len(refusal.norms) >= 3
    assert refusal.reason.endswith(".")
    for norm in refusal.norms:
        assert norm.url.startswith(("https://", "http://data.europa.eu/"))
        assert "article" in norm.title


# --- clocks and gates under any registry


@pytest.mark.slow
@settings(max_examples=250)
@given(requests, registries())
def test_no_unverified_row_arms_a_clock(request, registry):
    judged = judge_request(request, RECEIVED, compile_request_rules(registry))
    assert all(duty.obligation.marks.of_clock != "unverified" for duty in judged.armed)
    assert all(duty.obligation.duration is not None for duty in judged.armed)


@pytest.mark.slow
@settings(max_examples=250)
@given(requests, registries())
def test_a_clock_needs_a_competent_authority_and_runs_only_for_a_complete_request(request, registry):
    judged = judge_request(request, RECEIVED, compile_request_rules(registry))
    if judged.armed:
        assert judged.decision != "refused"
        assert judged.findings.competence.competent
        met = registry.triggers.met_by_request[request.kind] | FROM_ITS_CONTENT
        assert {duty.obligation.trigger for duty in judged.armed} <= met
    started = {duty.obligation.id: duty.obligation for duty in judged.armed}
    assert judged.paused <= started.keys()
    for name, row in started.items():
        if judged.findings.missing and row.trigger not in FROM_ITS_CONTENT:
            assert name in judged.paused or row.runs_from in judged.paused
        if name in judged.paused:
            assert "insufficient_information" in row.pausable_for
    if judged.paused:
        assert judged.findings.telling is not None


@pytest.mark.slow
@settings(max_examples=250)
@given(requests, registries())
def test_the_gate_is_the_most_protective_and_at_least_that_of_the_tier(request, registry):
    judged = judge_request(request, RECEIVED, compile_request_rules(registry))
    findings = judged.findings
    assert judged.gate == max(findings.gates, key=GATES.index)
    if findings.rule_of_law.tier in ("unknown", "closed"):
        assert judged.gate == "human_rights_review"
        assert findings.disclosure in ("not_asked", "never")
    if findings.rule_of_law.tier == "guarded":
        # The law of the Union binds whatever the tier of the Member State: two people look at its orders.
        country = country_of(request.authority.country)
        of_union = request.legal_basis != "national_law" and is_member_state(
            compile_request_rules(registry), country
        )
        least = "two_person_review" if of_union else "judicial_order"
        assert GATES.index(judged.gate) >= GATES.index(least)
    if DATA_DEMANDS & set(request.demands):
        assert "judicial_order" in findings.gates
    if request.concerns:
        assert judged.gate == "human_rights_review"


# --- orders enter by their own topic alone


@settings(max_examples=150)
@given(reports)
def test_no_report_arms_the_clock_of_an_order(report):
    resolved = RESOLVER.resolve(report)
    assert ORDER_TRIGGERS.isdisjoint(duty.trigger for duty in resolved.armed)
    assert ORDER_TRIGGERS.isdisjoint(duty.obligation.trigger for duty in resolved.duties)


@settings(max_examples=50)
@given(requests)
def test_an_order_on_the_topic_of_reports_is_a_dead_letter(request):
    rules = compile_report_rules(SHIPPED)
    for headers in ((), event_headers(AUTHORITY_REQUEST_TYPE, "x", START)):
        record = Record(EXTERNAL, 0, 0, 2**42, None, encode(request), headers)
        outcome = run(ReportState(0, 1, rules), rules, [record])
        assert [output.topic for output in outcome.outputs] == ["dead-letters"]
