"""The stage of requests: each request is applied once, at home, with its clocks, in batches of any size."""

import dataclasses

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.state_records import UnknownStateVersion
from streams.deciding.partition.admission.breaker import WINDOW
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.stage import SOURCES, request_stage
from streams.deciding.requests.state import restore_requests
from tests.request_strategies import SHIPPED, registries
from tests.unit.request_traffic import (
    EPOC,
    INTERNAL,
    NOON,
    ROUTING,
    RULES,
    TCO,
    new_requests,
    outcome_record,
    preservation_order,
    removal_order,
    request_record,
    routings,
    run_requests,
    steps,
    tick_record,
)
from tests.unit.traffic import DAY, HOUR, MINUTE, counted, fold

HOUR_OF_TCO = "EU.tco.art3-3"
PAUSE = "force_majeure"


def dead_letters(outcome):
    return [
        dict(output.headers)["tocsin-reason"].decode()
        for output in outcome.outputs
        if output.topic == "dead-letters"
    ]


def clock_of(outcome, obligation=HOUR_OF_TCO):
    (clock,) = [c for event in routings(outcome) for c in event["clocks"] if c["obligation"] == obligation]
    return clock["clock_id"]


# --- one request


def test_a_complete_request_is_routed_with_its_clocks():
    outcome = run_requests(new_requests(), [request_record(removal_order())])
    (event,) = routings(outcome)
    assert (event["type"], event["reason"], event["sequence"]) == ("routed", "judged", 1)
    assert event["decision"] == "routed"
    assert event["human_review_required"] is True
    by_duty = {clock["obligation"]: clock for clock in event["clocks"]}
    assert by_duty[HOUR_OF_TCO]["due_at"] == "2026-11-24T13:00:00.000Z"
    assert by_duty["EU.tco.art6"]["due_at"] == "2027-05-25T04:00:00.000Z"
    assert {clock["status"] for clock in event["clocks"]} == {"running"}
    armed = {duty["id"] for duty in event["findings"]["obligations"] if duty["clock_status"] == "armed"}
    assert armed == by_duty.keys()
    assert counted(outcome).get("request:removal_order:routed", 0) == counted(outcome).get("applied", 0) == 1


def test_outputs_are_keyed_by_the_request_and_have_their_own_id():
    state = new_requests()
    first = run_requests(state, [request_record(removal_order()), request_record(preservation_order())])
    later = run_requests(state, [tick_record(2, NOON + 100 * DAY)])
    written = [output for output in first.outputs + later.outputs if output.topic == ROUTING]
    assert all(output.partition is None and output.key in (b"ar-1", b"ar-2") for output in written)
    ids = [dict(output.headers)["ce_id"] for output in written]
    assert len(set(ids)) == len(ids) == 6


def test_an_incomplete_order_pauses_its_clock_and_says_what_to_tell_by_when():
    """Finding 3; Regulation (EU) 2021/784 art. 3(8). The law has no number for telling the authority."""
    order = removal_order(
        elements=["legal_basis", "issuing_authority", "signature", "issued_at"], language="hu"
    )
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["decision"] == "incomplete"
    missing = ["statement_of_reasons", "exact_location", "redress_information"]
    assert event["findings"]["missing"] == missing
    assert event["findings"]["language"]["verdict"] == "not_accepted"
    by_duty = {clock["obligation"]: clock for clock in event["clocks"]}
    paused = by_duty[HOUR_OF_TCO]
    assert (paused["status"], paused["elapsed"], paused["pause_reason"]) == (
        "paused", 0, "insufficient_information"
    )  # fmt: skip
    # What is removed must be kept from its removal, so that clock is there when the other is resumed.
    assert by_duty["EU.tco.art6"]["status"] == "running"
    telling = event["findings"]["telling"]
    assert (telling["missing"], telling["paused"]) == (missing, [HOUR_OF_TCO])
    # The order gave an hour: the authority is told before it would have ended.
    assert telling["by"] == "2026-11-24T13:00:00.000Z"
    (recipient,) = event["recipients"]
    assert "Tell the issuing authority by 2026-11-24T13:00:00.000Z" in recipient["reason"]
    assert all(element in recipient["reason"] for element in missing)


def test_an_order_of_a_law_without_pauses_still_starts_no_clock_without_an_element():
    order = removal_order(
        kind="order_to_act",
        legal_basis="national_law",
        authority={"country": "IN", "type": "court"},
        elements=["legal_basis", "issuing_authority"],
        category="fraud",
    )
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    reasons = {duty["id"]: duty["not_armed_reason"] for duty in event["findings"]["obligations"]}
    assert reasons["IN.itr.3-1-d"] == "elements_missing"
    assert event["clocks"] == []
    assert "telling" not in event["findings"]
    assert event["recipients"][0]["reason"] == ("Ask the authority for what is missing: exact_location.")


def test_the_hour_begins_when_the_missing_information_comes():
    """Regulation (EU) 2021/784 art. 3(8), second subparagraph."""
    state = new_requests()
    clock = clock_of(run_requests(state, [request_record(removal_order(elements=TCO[1:]))]))
    assert steps(run_requests(state, [tick_record(1, NOON + 5 * HOUR)])) == []
    resumed = run_requests(state, [outcome_record(clock, "resumed", NOON + 6 * HOUR)])
    assert steps(resumed) == [(HOUR_OF_TCO, "clock_resumed", 360)]
    assert routings(resumed)[0]["clocks"][0]["due_at"] == "2026-11-24T19:00:00.000Z"
    done = run_requests(state, [outcome_record(clock, "fulfilled", NOON + 390 * MINUTE, outcome_id="o-2")])
    kept = routings(done)[-1]
    # Six months from the removal, which end with a Monday in Martinique.
    assert (kept["reason"], kept["clocks"][0]["obligation"]) == ("clock_resumed", "EU.tco.art6")
    assert kept["clocks"][0]["due_at"] == "2027-05-25T04:00:00.000Z"


def test_a_paused_clock_survives_a_takeover_with_the_same_bytes():
    outcome = run_requests(new_requests(), [request_record(removal_order(elements=TCO[1:]))])
    stored = {}
    fold(stored, outcome.changes)
    again = restore_requests(0, 1, RULES, stored.items())
    for key, kept in list(again.clocks):
        again.clocks.put(key, kept)
    clocks = {name: value for name, value in stored.items() if name.startswith(b"L")}
    assert len(clocks) == 2
    assert dict(again.clocks.drain_changes()) == clocks


def test_a_corrected_order_names_the_earlier_one_and_starts_a_clock_of_its_own():
    state = new_requests()
    run_requests(state, [request_record(removal_order(elements=TCO[1:]))])
    corrected = removal_order("ar-7", NOON + 3 * HOUR, supersedes="ar-1")
    (event,) = routings(run_requests(state, [request_record(corrected)]))
    assert event["supersedes"] == "ar-1"
    assert "corrects request ar-1" in event["recipients"][0]["reason"]
    by_duty = {clock["obligation"]: clock for clock in event["clocks"]}
    assert by_duty[HOUR_OF_TCO]["due_at"] == "2026-11-24T16:00:00.000Z"


def test_nobody_ends_clocks_by_naming_the_request_of_another_authority():
    refused = removal_order("ar-8", supersedes="ar-1", concerns=["peaceful_assembly"])
    incomplete = removal_order("ar-9", supersedes="ar-1", elements=[])
    events = [
        event
        for order in (refused, incomplete)
        for event in routings(run_requests(new_requests(), [request_record(order)]))
    ]
    assert [event["decision"] for event in events] == ["refused", "incomplete"]
    assert [event.get("supersedes") for event in events] == [None, "ar-1"]
    assert not any("ar-1" in event["recipients"][0]["reason"] for event in events)


@pytest.mark.parametrize(
    ("language", "elements", "verdict"),
    [
        ("fr", [], "accepted"),
        ("fr-BE", [], "accepted"),
        ("hu", ["accepted_language"], "translated"),
        ("hu", [], "not_accepted"),
        (None, ["accepted_language"], "accepted"),
        (None, [], "unknown"),
    ],
)
def test_a_translation_replaces_an_accepted_language(language, elements, verdict):
    order = removal_order(language=language, elements=elements)
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["findings"]["language"]["verdict"] == verdict
    assert "accepted_language" not in event["findings"]["missing"]
    assert "en" in event["findings"]["language"]["accepted"]


@pytest.mark.parametrize(("language", "asked"), [("fr", False), ("hu", True), (None, True)])
def test_a_language_is_a_question_and_stops_no_clock(language, asked):
    """Finding 3: an hour may not be off for an argument about language (Regulation (EU) 2021/784 art. 3(4))."""
    elements = [element for element in TCO if element != "accepted_language"]
    order = removal_order(language=language, elements=elements)
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["decision"] == "routed"
    assert event["findings"].get("questions", []) == ["accepted_language"] * asked
    assert ("First ask a lawyer" in event["recipients"][0]["reason"]) == asked
    assert [clock["status"] for clock in event["clocks"]] == ["running", "running"]


@pytest.mark.parametrize(
    ("authority", "basis", "kind", "demand", "competent", "whose"),
    [
        ("DE", "e_evidence_epoc", "production_order", "produce_subscriber_data", True, None),
        ("DK", "e_evidence_epoc", "production_order", "produce_subscriber_data", False, "BE"),
        ("US", "e_evidence_epoc", "production_order", "produce_subscriber_data", False, "BE"),
        ("DE", "national_law", "production_order", "produce_subscriber_data", True, "DE"),
        ("BE", "national_law", "production_order", "produce_subscriber_data", True, None),
        ("US", "national_law", "production_order", "produce_content_data", False, "BE"),
        ("US", "national_law", "order_to_act", "geo_disable", True, None),
        ("US", "dsa_art9", "order_to_act", "remove", False, "US"),
        ("DE", "dsa_art9", "order_to_act", "produce_subscriber_data", False, "DE"),
        ("GB", "tco_art3", "removal_order", "remove", False, "GB"),
        ("XX", "national_law", "order_to_act", "remove", False, None),
    ],
)
def test_without_competence_the_competent_jurisdiction_is_named(
    authority, basis, kind, demand, competent, whose
):
    order = preservation_order(
        authority={"country": authority, "type": "court"},
        legal_basis=basis,
        kind=kind,
        demands=[demand],
        category="terrorism" if basis == "tco_art3" else "fraud",
    )
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["findings"]["competence"]["competent"] is competent
    belongs = {place["jurisdiction"] for place in event["findings"]["belongs_to"]}
    assert belongs == ({whose} if whose else set())
    if not competent:
        assert event["clocks"] == []


@pytest.mark.parametrize(
    ("asker", "demand"),
    [("police", "produce_traffic_data"), ("police", "produce_content_data"), ("prosecutor", "produce_content_data")],
)  # fmt: skip
@pytest.mark.parametrize("emergency", [False, True])
def test_traffic_and_content_data_need_a_judge_first(asker, demand, emergency):
    order = production_order(
        demands=[demand],
        authority={"country": "IT", "type": asker},
        enforcing_authority_notified=False,
        emergency=emergency,
    )
    order["elements"] = [*EPOC, "emergency_justification"]
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["findings"]["missing"] == ["judicial_validation"]
    assert {place["jurisdiction"] for place in event["findings"]["belongs_to"]} == {"IT"}
    validated = {**order, "elements": [*EPOC, "judicial_validation", "emergency_justification"]}
    (event,) = routings(run_requests(new_requests(), [request_record(validated)]))
    assert event["decision"] == "routed"
    duty = "EU.e-evidence.art10-4" if emergency else "EU.e-evidence.art10-3"
    assert [clock["obligation"] for clock in event["clocks"]] == [duty]


@pytest.mark.parametrize(
    ("only_to_identify", "missing", "questions"),
    [(None, [], ["judicial_validation"]), (True, [], []), (False, ["judicial_validation"], [])],
)
def test_a_prosecutor_may_order_traffic_data_alone_that_only_identify_the_user(
    only_to_identify, missing, questions
):
    """Finding 2; Regulation (EU) 2023/1543 art. 4(1) and 3(10). What is not known is for a lawyer."""
    order = production_order(
        demands=["produce_traffic_data"],
        authority={"country": "IT", "type": "prosecutor"},
        enforcing_authority_notified=False,
        only_to_identify=only_to_identify,
    )
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["findings"]["missing"] == missing
    assert event["findings"].get("questions", []) == questions
    assert event["decision"] == ("incomplete" if missing else "routed")


def test_a_national_order_for_data_of_another_member_state_is_contested_and_a_lawyers_today():
    """Finding 6: what was asked of a messenger by France in 2024, represented in Belgium."""
    order = preservation_order(
        kind="production_order",
        legal_basis="national_law",
        demands=["produce_subscriber_data"],
        authority={"country": "FR", "type": "prosecutor"},
        elements=["legal_basis", "issuing_authority", "specific_recipients", "redress_information"],
    )
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    competence = event["findings"]["competence"]
    assert (competence["competent"], competence["contested"]) == (True, True)
    assert "Reach contested" in competence["reason"]
    (why,) = event["lawyer_today"]
    assert why.startswith(competence["reason"])
    # With the penalty that the registry knows (Code de procédure pénale art. 60-1).
    assert "3 750" in why or "3,750" in why or "3750" in why
    # Neither followed nor refused by itself.
    assert event["decision"] == "routed"
    assert event["findings"]["disclosure"] == "after_gate"
    assert {"two_person_review", "judicial_order"} <= set(event["findings"]["gates"])
    assert event["recipients"][0]["reason"].startswith("Neither follow nor refuse it")
    at_home = {**order, "authority": {"country": "BE", "type": "prosecutor"}}
    (event,) = routings(run_requests(new_requests(), [request_record(at_home)]))
    assert "contested" not in event["findings"]["competence"]
    assert "lawyer_today" not in event


@pytest.mark.parametrize(
    ("asker", "missing"),
    [
        ("police", []),
        ("prosecutor", []),
        ("court", ["statement_of_reasons"]),
        ("regulator", ["statement_of_reasons"]),
    ],
)
def test_prosecuting_authorities_may_omit_the_statement_of_reasons(asker, missing):
    order = removal_order(
        kind="order_for_information",
        legal_basis="dsa_art10",
        demands=["produce_subscriber_data"],
        authority={"country": "NL", "type": asker},
        elements=["legal_basis", "issuing_authority", "specific_recipients", "redress_information"],
        language="nl",
    )
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["findings"]["missing"] == missing


@pytest.mark.parametrize(
    ("basis", "demand", "country", "scope", "codes"),
    [
        ("tco_art3", "remove", "DE", "union", ["EU"]),
        ("dsa_art9", "remove", "EL", "strictly_necessary", ["GR"]),
        ("national_law", "geo_disable", "KR", "country", ["KR"]),
        ("national_law", "preserve_data", "KR", "none", []),
    ],
)
def test_the_territory_of_an_order_follows_from_its_legal_basis(basis, demand, country, scope, codes):
    order = removal_order(
        legal_basis=basis, demands=[demand], authority={"country": country, "type": "court"}
    )
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    assert event["findings"]["territory"]["scope"] == scope
    assert event["findings"]["territory"]["codes"] == codes


# --- clocks


def test_a_clock_warns_twice_lapses_and_stays_until_an_outcome():
    state = new_requests()
    armed = run_requests(state, [request_record(removal_order())])
    late = run_requests(state, [tick_record(1, NOON + 2 * HOUR)])
    assert steps(late) == [
        (HOUR_OF_TCO, "clock_half", 30), (HOUR_OF_TCO, "clock_nine_tenths", 54), (HOUR_OF_TCO, "clock_lapsed", 60)
    ]  # fmt: skip
    assert [event["sequence"] for event in routings(late)] == [2, 3, 4]
    assert all(event["findings"] is None for event in routings(late))
    assert routings(late)[-1]["clocks"][0]["status"] == "lapsed"
    assert steps(run_requests(state, [tick_record(1, NOON + 90 * DAY)])) == []
    done = run_requests(state, [outcome_record(clock_of(armed), "fulfilled", NOON + 91 * DAY)])
    # The second event counts the retention again, from the removal.
    event, _ = routings(done)
    assert (event["type"], event["reason"], event["sequence"]) == ("clock_closed", "clock_fulfilled", 5)
    assert event["clocks"][0]["status"] == "fulfilled"
    assert len(state.clocks) == 1


def test_a_retention_clock_closes_when_its_time_is_over():
    state = new_requests()
    run_requests(state, [request_record(preservation_order())])
    # The sixtieth day is a Saturday: the period ends with Monday, and last in Martinique.
    assert steps(run_requests(state, [tick_record(1, NOON + 60 * DAY)])) == []
    (event,) = routings(run_requests(state, [tick_record(1, NOON + 63 * DAY)]))
    assert (event["type"], event["reason"]) == ("clock_closed", "clock_over")
    assert event["at"] == "2027-01-26T04:00:00.000Z"
    assert len(state.clocks) == 0
    assert state.due.earliest() is None


def test_the_whole_hour_begins_after_a_pause():
    """Regulation (EU) 2021/784 art. 3(7): the period starts to run as soon as the ground has ceased."""
    state = new_requests()
    clock = clock_of(run_requests(state, [request_record(removal_order())]))
    pause = outcome_record(clock, "paused", NOON + 10 * MINUTE, reason=PAUSE)
    assert steps(run_requests(state, [pause])) == [(HOUR_OF_TCO, "clock_paused", 10)]
    assert steps(run_requests(state, [tick_record(1, NOON + 5 * HOUR)])) == []
    again = outcome_record(clock, "resumed", NOON + 6 * HOUR, outcome_id="o-2")
    resumed = run_requests(state, [again])
    assert steps(resumed) == [(HOUR_OF_TCO, "clock_resumed", 360)]
    assert routings(resumed)[0]["clocks"][0]["due_at"] == "2026-11-24T19:00:00.000Z"
    assert routings(resumed)[0]["clocks"][0]["elapsed"] == 0
    assert steps(run_requests(state, [tick_record(1, NOON + 7 * HOUR)]))[-3:] == [
        (HOUR_OF_TCO, "clock_half", 390),
        (HOUR_OF_TCO, "clock_nine_tenths", 414),
        (HOUR_OF_TCO, "clock_lapsed", 420),
    ]


def test_warnings_are_given_again_after_a_restart():
    state = new_requests()
    clock = clock_of(run_requests(state, [request_record(removal_order())]))
    assert steps(run_requests(state, [tick_record(1, NOON + 40 * MINUTE)])) == [
        (HOUR_OF_TCO, "clock_half", 30)
    ]
    for reason in ("force_majeure", "manifest_errors", "insufficient_information"):
        pause = outcome_record(clock, "paused", NOON + 41 * MINUTE, outcome_id=f"o-{reason}", reason=reason)
        again = outcome_record(clock, "resumed", NOON + 42 * MINUTE, outcome_id=f"p-{reason}")
        run_requests(state, [pause])
        (event,) = routings(run_requests(state, [again]))
        assert event["clocks"][0]["due_at"] == "2026-11-24T13:42:00.000Z"
    assert steps(run_requests(state, [tick_record(1, NOON + 75 * MINUTE)])) == [
        (HOUR_OF_TCO, "clock_half", 72)
    ]


# --- a wait


def production_order(**changes):
    order = {
        "kind": "production_order",
        "legal_basis": "e_evidence_epoc",
        "demands": ["produce_subscriber_data"],
        "authority": {"country": "DE", "type": "court"},
    }
    return preservation_order(**{**order, **changes})


WAIT, DEADLINE = "EU.e-evidence.art10-2", "EU.e-evidence.art10-3"
END_OF_WAIT = "2026-12-05T04:00:00.000Z"


def test_the_events_of_a_wait_say_not_to_send():
    state = new_requests()
    first = run_requests(state, [request_record(production_order())])
    (event,) = routings(first)
    by_duty = {duty["id"]: duty for duty in event["findings"]["obligations"]}
    by_clock = {clock["obligation"]: clock for clock in event["clocks"]}
    assert event["not_before"] == END_OF_WAIT
    assert f"do not send them before {END_OF_WAIT}" in event["recipients"][0]["reason"]
    assert by_duty[WAIT]["not_before"] == by_duty[WAIT]["due_at"] == END_OF_WAIT
    assert by_clock[WAIT]["not_before"] == by_clock[WAIT]["due_at"] == END_OF_WAIT
    assert "not_before" not in by_duty[DEADLINE]
    assert "not_before" not in by_clock[DEADLINE]
    # The deadline for having the data ready ends first, and repeats that nothing may be sent.
    later = routings(run_requests(state, [tick_record(1, NOON + 10 * DAY)]))
    assert [(step["clocks"][0]["obligation"], step["reason"]) for step in later] == [
        (DEADLINE, "clock_half"),
        (DEADLINE, "clock_nine_tenths"),
        (DEADLINE, "clock_lapsed"),
    ]
    assert {step["not_before"] for step in later} == {END_OF_WAIT}


def test_after_a_wait_the_data_are_owed_until_an_outcome():
    state = new_requests()
    first = run_requests(state, [request_record(production_order(enforcing_authority_notified=True))])
    clock = clock_of(first, WAIT)
    (over,) = routings(run_requests(state, [tick_record(1, NOON + 11 * DAY)]))
    assert (over["type"], over["reason"], over["at"]) == ("clock_updated", "clock_over", END_OF_WAIT)
    assert over["clocks"][0]["status"] == "over"
    assert "not_before" not in over
    assert "not_before" not in over["clocks"][0]
    assert len(state.clocks) == 1
    sent = outcome_record(clock, "fulfilled", NOON + 11 * DAY, key="ar-2", actor="legal-1")
    (closed,) = routings(run_requests(state, [sent]))
    assert (closed["type"], closed["reason"]) == ("clock_closed", "clock_fulfilled")
    assert len(state.clocks) == 0


def test_a_confirmation_ends_a_wait_early():
    state = new_requests()
    first = run_requests(state, [request_record(production_order(enforcing_authority_notified=True))])
    sent = outcome_record(clock_of(first, WAIT), "fulfilled", NOON + DAY, key="ar-2", actor="legal-1")
    (closed,) = routings(run_requests(state, [sent]))
    assert (closed["reason"], closed["clocks"][0]["status"]) == ("clock_fulfilled", "fulfilled")
    assert "not_before" not in closed
    assert steps(run_requests(state, [tick_record(1, NOON + 20 * DAY)])) == []


def test_a_wait_cannot_be_paused():
    state = new_requests()
    first = run_requests(state, [request_record(production_order(enforcing_authority_notified=True))])
    pause = outcome_record(clock_of(first, WAIT), "paused", NOON + DAY, key="ar-2", reason=PAUSE)
    outcome = run_requests(state, [pause])
    assert dead_letters(outcome) == ["not_pausable"]


@pytest.mark.parametrize("actor", ["legal-7f3a", None])
def test_the_step_of_an_outcome_names_its_actor_and_no_other_step_does(actor):
    state = new_requests()
    armed = run_requests(state, [request_record(removal_order())])
    clock = clock_of(armed)
    pause = outcome_record(clock, "paused", NOON + 10 * MINUTE, reason=PAUSE, actor=actor)
    again = outcome_record(clock, "resumed", NOON + 20 * MINUTE, outcome_id="o-2", actor="desk-2")
    events = [
        event
        for records in ([pause], [again], [tick_record(1, NOON + 55 * MINUTE)])
        for event in routings(run_requests(state, records))
    ]
    assert [event["reason"] for event in events] == ["clock_paused", "clock_resumed", "clock_half"]
    shown = [event["clocks"][0].get("actor", "absent") for event in events]
    assert shown == [actor or "absent", "desk-2", "absent"]
    assert all("actor" not in each for event in routings(armed) for each in event["clocks"])


def test_a_resumption_of_the_past_takes_the_steps_due_since_then():
    state = new_requests()
    clock = clock_of(run_requests(state, [request_record(removal_order())]))
    run_requests(state, [outcome_record(clock, "paused", NOON + 10 * MINUTE, reason=PAUSE)])
    run_requests(state, [tick_record(1, NOON + 9 * HOUR)])
    late = outcome_record(clock, "resumed", NOON + 20 * MINUTE, outcome_id="o-2")
    assert [step[1] for step in steps(run_requests(state, [late]))] == [
        "clock_resumed", "clock_half", "clock_nine_tenths", "clock_lapsed"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"clock_id": "nobodys"}, "clock_not_running"),
        ({"key": "ar-9"}, "clock_not_running"),
        ({"outcome": "paused", "reason": "holiday"}, "not_pausable"),
        ({"outcome": "resumed"}, "not_pausable"),
        ({"outcome": "forgotten"}, "invalid_value"),
    ],
)
def test_an_outcome_that_applies_to_no_clock_is_a_dead_letter_and_changes_nothing(changes, reason):
    state = new_requests()
    clock = clock_of(run_requests(state, [request_record(removal_order())]))
    record = outcome_record(clock, "fulfilled", NOON + 3 * HOUR)
    record = record._replace(value=orjson.dumps({**orjson.loads(record.value), **changes}))
    refused = run_requests(state, [record])
    assert dead_letters(refused) == [reason]
    assert routings(refused) == []
    assert state.time.now == NOON
    assert len(state.clocks) == 2


def test_a_duplicate_outcome_has_no_effect():
    state = new_requests()
    clock = clock_of(run_requests(state, [request_record(removal_order())]))
    record = outcome_record(clock, "withdrawn", NOON + MINUTE)
    assert len(routings(run_requests(state, [record]))) == 1
    again = run_requests(state, [record])
    assert (again.outputs, counted(again).get("duplicates", 0)) == ([], 1)


def test_an_outcome_is_accepted_from_the_internal_topic_alone():
    state = new_requests()
    clock = clock_of(run_requests(state, [request_record(removal_order())]))
    forged = outcome_record(clock, "fulfilled", NOON + MINUTE)._replace(topic="authority-requests")
    assert dead_letters(run_requests(state, [forged])) == ["bad_envelope"]
    assert len(state.clocks) == 2


# --- time


def test_steps_due_before_the_request_came_are_taken_at_once():
    state = new_requests()
    run_requests(state, [request_record(removal_order("ar-5", NOON + 2 * HOUR))])
    outcome = run_requests(state, [request_record(removal_order())])
    assert [event["reason"] for event in routings(outcome)] == [
        "judged", "clock_half", "clock_nine_tenths", "clock_lapsed"
    ]  # fmt: skip


def test_a_late_entry_does_not_delay_the_steps_of_a_clock():
    state = new_requests()
    run_requests(state, [request_record(removal_order(), appended=NOON + 20 * MINUTE)])
    outcome = run_requests(state, [tick_record(1, NOON + 31 * MINUTE)])
    assert steps(outcome) == [(HOUR_OF_TCO, "clock_half", 30)]


def test_a_recording_is_replayed_at_its_own_pace():
    state = new_requests()
    run_requests(state, [request_record(removal_order(), appended=NOON + 300 * DAY)])
    assert steps(run_requests(state, [tick_record(1, NOON + 300 * DAY + 29 * MINUTE)])) == []
    outcome = run_requests(state, [tick_record(1, NOON + 300 * DAY + 30 * MINUTE)])
    assert steps(outcome) == [(HOUR_OF_TCO, "clock_half", 30)]


def test_a_tick_is_ignored_if_a_request_was_applied_since():
    state = new_requests()
    run_requests(state, [request_record(removal_order()), request_record(preservation_order())])
    outcome = run_requests(state, [tick_record(1, NOON + 9 * HOUR)])
    assert counted(outcome).get("ticks_ignored", 0) == 1
    assert state.time.now == NOON


def test_the_stage_writes_a_tick_only_when_a_step_is_due():
    stage = request_stage(RULES)
    state = stage.restore(0, 1, [])
    assert stage.tick(state, NOON) is None
    stage.apply(state, [request_record(removal_order())])
    assert stage.tick(state, NOON + 30 * MINUTE - 1) is None
    topic, partition, key, value, headers = stage.tick(state, NOON + 30 * MINUTE)
    assert (topic, partition, key) == (SOURCES.internal, 0, None)
    assert value == b'{"after":1,"clock_ms":%d}' % (NOON + 30 * MINUTE)
    read = tick_record(1, NOON + 30 * MINUTE)._replace(value=value, headers=headers)
    assert len(routings(stage.apply(state, [read]))) == 1


# --- the log


def test_a_request_counts_once_per_source():
    state = new_requests()
    record = request_record(removal_order())
    other = request_record(removal_order(), source="/other-intake")
    outcome = run_requests(state, [record, record, other])
    assert (counted(outcome).get("applied", 0), counted(outcome).get("duplicates", 0)) == (2, 1)
    assert len({event["routing_id"] for event in routings(outcome)}) == 2
    assert len(state.clocks) == 4


def test_a_request_of_another_partition_is_rekeyed_unassessed_and_applied_at_home():
    away = 1 - home_partition(b"ar-1", 2)
    sent = run_requests(new_requests(away, 2), [request_record(removal_order())])
    (record,) = sent.outputs
    assert (record.topic, record.partition, record.key) == (INTERNAL, 1 - away, b"ar-1")
    arrived = request_record(removal_order())._replace(
        topic=INTERNAL, value=record.value, headers=record.headers, timestamp=NOON + HOUR
    )
    (event,) = routings(run_requests(new_requests(1 - away, 2), [arrived]))
    assert event["request_id"] == "ar-1"
    with pytest.raises(NotAtHome):
        run_requests(new_requests(away, 2), [arrived])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "wish"}, "invalid_value"),
        ({"authority": {"country": "ZZ", "type": "court"}}, "invalid_country"),
        ({"authority": {"country": "DE", "type": "court", "ref": "+49 30 1234567"}}, "pii_detected"),
        ({"category": "rumour"}, "unknown_category"),
        ({"received_at": "2026-11-24T12:00:00"}, "invalid_time"),
        ({"received_at": "2026-11-24T12:10:00Z"}, "future_timestamp"),
        ({"demands": []}, "invalid_value"),
        ({"demands": "remove"}, "wrong_type"),
        ({"language": "German!"}, "invalid_value"),
        ({"request_id": "a b"}, "invalid_value"),
    ],
)
def test_an_invalid_request_is_a_dead_letter(changes, reason):
    record = request_record(removal_order())
    record = record._replace(value=orjson.dumps({**orjson.loads(record.value), **changes}))
    outcome = run_requests(new_requests(), [record])
    assert dead_letters(outcome) == [reason]
    assert outcome.counters.dead_letters[reason] == 1


def test_a_flood_of_requests_is_recognised():
    flood = [request_record(removal_order())._replace(value=b"{")] * WINDOW
    state = new_requests()
    assert len(dead_letters(run_requests(state, flood))) == WINDOW
    assert state.breaker.is_tripped


def test_outcomes_without_a_clock_are_not_a_flood():
    """In a replay from the start, outcomes may come before the requests that arm their clocks."""
    early = [outcome_record("nobodys", "fulfilled", NOON, outcome_id=f"o-{n}") for n in range(2 * WINDOW)]
    state = new_requests()
    assert dead_letters(run_requests(state, early)) == ["clock_not_running"] * 2 * WINDOW
    assert state.breaker.dead_letters == 0


def test_state_of_another_version_is_refused():
    for entry in ((b"T", b"\x02"), (b"Z", b"\x01"), (b"L" + b"ar-1\0c", b"\x07"), (b"D" + bytes(8), b"")):
        with pytest.raises(UnknownStateVersion):
            restore_requests(0, 1, RULES, [entry])


def test_refusals_and_decisions_are_counted_by_day_country_and_category():
    refused = removal_order(
        "ar-3", demands=["encryption_keys", "remove"], authority={"country": "EL", "type": "court"}
    )
    outcome = run_requests(new_requests(), [request_record(removal_order()), request_record(refused)])
    assert (
        counted(outcome).get("refused:encryption_keys", 0)
        == counted(outcome).get("request:removal_order:refused", 0)
        == 1
    )
    cells = {
        output.key: msgspec.json.decode(output.value)["requests"]
        for output in outcome.outputs
        if output.topic == "transparency-counters"
    }
    (cell,) = cells[b"2026-11-24/requests/0/GR/terrorism"]
    assert (cell["decision"], cell["refusal"], cell["count"]) == ("refused", "encryption_keys", 1)
    (cell,) = cells[b"2026-11-24/requests/0/DE/terrorism"]
    assert (cell["decision"], cell["refusal"]) == ("routed", None)


# --- batches and takeovers

events = st.lists(
    st.tuples(
        st.sampled_from(
            ["order", "lack", "preserve", "refuse", "bad", "tick", "pause", "resume", "fulfil", "twice"]
        ),
        st.integers(0, 4),
        st.integers(0, 90),
    ),
    max_size=25,
)


def history(plan):
    """The records of a plan.

    Each moves time on by some minutes. Outcomes name clocks that may or may not exist.
    """
    state = new_requests()
    records, clocks, now = [], ["nobodys"], NOON
    for number, (what, which, minutes) in enumerate(plan):
        now += minutes * MINUTE
        clock = clocks[which % len(clocks)]
        key = f"ar-{which}"
        if what == "order":
            record = request_record(removal_order(key, now), offset=number)
        elif what == "lack":
            # Of the same id as an order, so that outcomes reach its clocks.
            record = request_record(removal_order(key, now, elements=TCO[1:]), offset=number)
        elif what == "preserve":
            record = request_record(preservation_order(f"pr-{which}", now), offset=number)
        elif what == "refuse":
            record = request_record(removal_order(f"no-{which}", now, demands=["block_protest"]))
        elif what == "bad":
            record = request_record(removal_order(key, now))._replace(value=b"[]")
        elif what == "tick":
            record = tick_record(state.time.applied, now)
        elif what == "twice":
            record = records[-1] if records else tick_record(0, now)
        else:
            outcome_name = {"pause": "paused", "resume": "resumed", "fulfil": "fulfilled"}[what]
            reason = PAUSE if what == "pause" else None
            record = outcome_record(
                clock, outcome_name, now, outcome_id=f"o-{number}", key=key, reason=reason
            )
        records.append(record)
        outcome = run_requests(state, [record])
        for event in routings(outcome):
            clocks.extend(c["clock_id"] for c in event["clocks"])
    return records


@settings(max_examples=60)
@given(events, st.sets(st.integers(0, 25)), st.sets(st.integers(0, 25)))
def test_batches_and_takeovers_change_no_byte(plan, cuts, takeovers):
    records = history(plan)
    whole = new_requests()
    expected = run_requests(whole, records)
    stored, outputs = {}, []
    state, batch = new_requests(), []
    for number, record in enumerate(records):
        batch.append(record)
        if number in cuts | takeovers or record is records[-1]:
            outcome = run_requests(state, batch)
            batch = []
            outputs += outcome.outputs
            fold(stored, outcome.changes)
        if number in takeovers:
            state = restore_requests(0, 1, RULES, list(stored.items()))
    # Daily counters are published once per batch. Everything else depends on the order of application alone.
    assert [o for o in outputs if o.topic == ROUTING] == [o for o in expected.outputs if o.topic == ROUTING]
    assert [o for o in outputs if o.topic == "dead-letters"] == [o for o in expected.outputs if o.topic == "dead-letters"]  # fmt: skip
    all_at_once = {}
    fold(all_at_once, expected.changes)
    assert stored == all_at_once or not records


@settings(max_examples=60)
@given(events)
def test_each_clock_takes_its_steps_in_order_and_closes_once(plan):
    outcome = run_requests(new_requests(), history(plan))
    seen: dict[str, list[dict]] = {}
    for event in routings(outcome):
        for clock in event["clocks"]:
            seen.setdefault(clock["clock_id"], []).append(event)
    for of_clock in seen.values():
        assert [event["sequence"] for event in of_clock] == list(range(1, len(of_clock) + 1))
        closed = [event["type"] == "clock_closed" for event in of_clock]
        assert closed.count(True) <= 1
        assert not any(closed[:-1])
        taken = [event["reason"] for event in of_clock if event["reason"] in ("clock_half", "clock_nine_tenths", "clock_lapsed")]  # fmt: skip
        assert taken == ["clock_half", "clock_nine_tenths", "clock_lapsed"][: len(taken)]


@settings(max_examples=60)
@given(registries())
def test_every_armed_duty_has_a_clock_with_its_due_time(registry):
    rules = compile_request_rules(registry)
    outcome = run_requests(new_requests(rules=rules), [request_record(removal_order())], rules)
    event = routings(outcome)[0]
    duties = {duty["id"]: duty["due_at"] for duty in event["findings"]["obligations"] if duty["due_at"]}
    assert {clock["obligation"]: clock["due_at"] for clock in event["clocks"]} == duties


def test_a_change_of_the_law_does_not_change_a_running_clock():
    state = new_requests()
    first = run_requests(state, [request_record(removal_order())])
    stored = {}
    fold(stored, first.changes)
    lawless = compile_request_rules(dataclasses.replace(SHIPPED, obligations=()))
    later = restore_requests(0, 1, lawless, list(stored.items()))
    outcome = run_requests(later, [tick_record(1, NOON + HOUR)], lawless)
    assert [step[1] for step in steps(outcome)] == ["clock_half", "clock_nine_tenths", "clock_lapsed"]
