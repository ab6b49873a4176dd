"""An order that lacks something, or a validation: what stands still, what is told by when, and what comes back."""

import dataclasses
from typing import Any

import msgspec
import pytest

from streams.commands.shared.kept_clocks import kept_clock
from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.wire.envelope import rfc3339
from streams.deciding.clocks.store import CLOCK_RECORD, clock_key
from streams.deciding.requests.rules import compile_request_rules
from streams.desk.text.routing_text import clock_text, routing_grounds
from tests.request_strategies import SHIPPED
from tests.unit.request_traffic import (
    EPOC,
    NOON,
    RULES,
    new_requests,
    outcome_record,
    preservation_order,
    request_record,
    routings,
    run_requests,
    steps,
    tick_record,
)
from tests.unit.traffic import DAY, HOUR

WAIT, DEADLINE, EIGHT_HOURS = "EU.e-evidence.art10-2", "EU.e-evidence.art10-3", "EU.e-evidence.art10-4"
KEPT, ANSWER, VALIDATION = "EU.e-evidence.art11-1", "EU.e-evidence.art10-6.answer", "EU.e-evidence.art4-5"
WITHOUT_DATA = [element for element in EPOC if element != "data_category"]


def production_order(**changes: Any) -> dict[str, Any]:
    order = {
        "kind": "production_order",
        "legal_basis": "e_evidence_epoc",
        "demands": ["produce_subscriber_data"],
        "authority": {"country": "DE", "type": "court"},
        "enforcing_authority_notified": False,
        "elements": WITHOUT_DATA,
    }
    return preservation_order(**{**order, **changes})


def judged(order: dict[str, Any]) -> dict[str, Any]:
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    return event


def clock(event: dict[str, Any], duty: str) -> dict[str, Any]:
    (found,) = [each for each in event["clocks"] if each["obligation"] == duty]
    return found


def text_of(event: dict[str, Any]) -> str:
    return "\n".join(routing_grounds(msgspec.convert(event, AuthorityRouting)))


@pytest.mark.parametrize(
    ("changes", "by"),
    [
        # "Without undue delay" has no number: a day is the platform's own target.
        ({}, NOON + DAY),
        ({"emergency": True, "elements": [*WITHOUT_DATA, "emergency_justification"]}, NOON + 8 * HOUR),
        ({"kind": "preservation_order", "legal_basis": "e_evidence_epoc_pr", "demands": ["preserve_data"]}, NOON + DAY),
    ],
)  # fmt: skip
def test_the_authority_is_told_before_the_paused_clock_would_have_ended(changes, by):
    """Finding 3; Regulation (EU) 2023/1543 art. 10(6) and 11(5)."""
    event = judged(production_order(**changes))
    telling = event["findings"]["telling"]
    assert (telling["by"], telling["missing"]) == (rfc3339(by), ["data_category"])
    (paused,) = telling["paused"]
    assert clock(event, paused)["status"] == "paused"
    duties = {duty["id"]: duty for duty in event["findings"]["obligations"]}
    assert duties[telling["obligation"]]["standard"] == "without_undue_delay"
    assert f"paused: tell the issuing authority by {rfc3339(by)[:10]} {rfc3339(by)[11:16]} UTC" in text_of(
        event
    )
    view = msgspec.convert(event, AuthorityRouting).clocks[0]
    assert "paused for insufficient_information" in clock_text(view)


def resumed(order: dict[str, Any], duty: str, at: int) -> dict[str, Any]:
    """The clock of a duty of an order, resumed at a time after its receipt at noon."""
    state = new_requests()
    (event,) = routings(run_requests(state, [request_record(order)]))
    record = outcome_record(clock(event, duty)["clock_id"], "resumed", at, key="ar-2", actor="legal-1")
    published = routings(run_requests(state, [record]))
    (step,) = [each for each in published if each["reason"] == "clock_resumed"]
    found = clock(step, duty)
    assert (found["status"], found["started_at"]) == ("running", rfc3339(NOON))
    return found


def test_the_ten_days_begin_with_the_clarification():
    """Art. 10(6): the duties "shall not apply until such clarification or correction is provided"."""
    at = NOON + 3 * DAY + HOUR
    assert resumed(production_order(), DEADLINE, at)["due_at"] == rfc3339(at + 10 * DAY)


def test_a_paused_clock_keeps_its_terms_when_the_law_changes_meanwhile():
    """The row lost its number, or has another one: the end is moved by the pause."""
    for changed in ({"duration": None, "standard": "without_undue_delay"}, {"duration": "P40D"}):
        state = new_requests()
        (event,) = routings(run_requests(state, [request_record(production_order())]))
        rows = tuple(
            dataclasses.replace(row, **changed) if row.id == DEADLINE else row for row in SHIPPED.obligations
        )
        rules = compile_request_rules(dataclasses.replace(SHIPPED, obligations=rows))
        at = NOON + 3 * DAY + HOUR
        record = outcome_record(
            clock(event, DEADLINE)["clock_id"], "resumed", at, key="ar-2", actor="legal-1"
        )
        published = routings(run_requests(state, [record], rules))
        (step,) = [each for each in published if each["reason"] == "clock_resumed"]
        assert clock(step, DEADLINE)["due_at"] == rfc3339(at + 10 * DAY)


def test_the_wait_begins_with_the_clarification_and_ends_with_a_day():
    """From Thursday 26 November the tenth day is Sunday 6 December: the wait ends with Monday, in Martinique."""
    order = production_order(enforcing_authority_notified=True)
    event = judged(order)
    assert clock(event, WAIT)["not_before"] == "2026-12-05T04:00:00.000Z"
    assert "Tell the enforcing authority as well." in event["recipients"][0]["reason"]
    found = resumed(order, WAIT, NOON + 2 * DAY)
    assert found["due_at"] == found["not_before"] == "2026-12-08T04:00:00.000Z"


def test_the_sixty_days_begin_with_the_clarification():
    order = production_order(
        kind="preservation_order", legal_basis="e_evidence_epoc_pr", demands=["preserve_data"]
    )
    # The sixtieth day after 27 November is Tuesday 26 January.
    assert resumed(order, KEPT, NOON + 3 * DAY)["due_at"] == "2027-01-27T04:00:00.000Z"


def test_a_later_pause_of_a_wait_is_counted_in_whole_days():
    state = new_requests()
    order = production_order(enforcing_authority_notified=True, elements=EPOC)
    (event,) = routings(run_requests(state, [request_record(order)]))
    name = clock(event, WAIT)["clock_id"]
    pause = outcome_record(name, "paused", NOON + DAY, key="ar-2", reason="manifest_errors")
    again = outcome_record(name, "resumed", NOON + DAY + HOUR, key="ar-2", outcome_id="o-2")
    run_requests(state, [pause])
    (step,) = routings(run_requests(state, [again]))
    assert clock(step, WAIT)["not_before"] == "2026-12-06T04:00:00.000Z"


def test_a_pause_that_nobody_ends_comes_back_to_a_lawyer():
    state = new_requests()
    (event,) = routings(run_requests(state, [request_record(production_order())]))
    assert clock(event, ANSWER)["due_at"] == rfc3339(NOON + 5 * DAY)
    later = routings(run_requests(state, [tick_record(1, NOON + 30 * DAY)]))
    assert {step["clocks"][0]["obligation"] for step in later} == {ANSWER}
    lapsed = later[-1]
    assert (lapsed["reason"], lapsed["at"]) == ("clock_lapsed", rfc3339(NOON + 5 * DAY))
    (why,) = lapsed["lawyer_today"]
    assert "has not answered in the time that art. 10(6) gives it" in why
    assert all("lawyer_today" not in step for step in later[:-1])
    # The paused clock is still there for whatever is decided.
    record = outcome_record(clock(event, DEADLINE)["clock_id"], "withdrawn", NOON + 31 * DAY, key="ar-2")
    assert [step["reason"] for step in routings(run_requests(state, [record]))] == ["clock_withdrawn"]


def test_a_telling_for_which_a_law_has_a_number_has_a_clock_whose_lapse_tells_the_lawyer():
    rules = compile_request_rules(
        dataclasses.replace(
            SHIPPED,
            obligations=tuple(
                dataclasses.replace(row, duration="PT12H") if row.id == "EU.e-evidence.art10-6" else row
                for row in SHIPPED.obligations
            ),
        )
    )
    state = new_requests(rules=rules)
    (event,) = routings(run_requests(state, [request_record(production_order())], rules))
    assert event["findings"]["telling"]["by"] == rfc3339(NOON + 12 * HOUR)
    assert clock(event, "EU.e-evidence.art10-6")["status"] == "running"
    later = routings(run_requests(state, [tick_record(1, NOON + DAY)], rules))
    assert "the pause does not hold" in later[-1]["lawyer_today"][0]


def test_the_list_of_clocks_says_until_when_to_tell_while_a_clock_is_paused_from_its_start():
    outcome = run_requests(new_requests(), [request_record(production_order())])
    kept = [
        kept_clock("request", clock_key(name), value, NOON + HOUR)
        for name, value in outcome.changes.items()
        if value is not None and name.startswith(CLOCK_RECORD)
    ]
    assert {each.view.obligation: each.tell_by for each in kept} == {
        DEADLINE: rfc3339(NOON + DAY),
        ANSWER: None,
    }


# --- an emergency before validation


def emergency(**changes: Any) -> dict[str, Any]:
    return production_order(
        **{
            "authority": {"country": "AT", "type": "police"},
            "emergency": True,
            "elements": [*EPOC, "emergency_justification"],
            **changes,
        }
    )


def test_an_emergency_without_validation_runs_and_opens_the_48_hours():
    """Finding 2; art. 4(5): validation is sought "at the latest within 48 hours"."""
    state = new_requests()
    (event,) = routings(run_requests(state, [request_record(emergency())]))
    assert event["decision"] == "routed"
    assert clock(event, EIGHT_HOURS)["due_at"] == rfc3339(NOON + 8 * HOUR)
    assert clock(event, VALIDATION)["due_at"] == rfc3339(NOON + 48 * HOUR)
    assert "sought validation within 48 hours" in event["recipients"][0]["reason"]
    later = routings(run_requests(state, [tick_record(1, NOON + 3 * DAY)]))
    (lapsed,) = [step for step in later if step.get("lawyer_today")]
    assert (lapsed["clocks"][0]["obligation"], lapsed["reason"]) == (VALIDATION, "clock_lapsed")
    assert "a lawyer, today: It was not shown in time" in text_of(lapsed)


def test_a_validation_that_is_shown_ends_the_48_hours():
    state = new_requests()
    (event,) = routings(run_requests(state, [request_record(emergency())]))
    shown = outcome_record(clock(event, VALIDATION)["clock_id"], "fulfilled", NOON + HOUR, key="ar-2")
    run_requests(state, [shown])
    assert {name for name, _, _ in steps(run_requests(state, [tick_record(1, NOON + 3 * DAY)]))} == {
        EIGHT_HOURS
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"authority": {"country": "AT", "type": "prosecutor"}},
        {"elements": [*EPOC, "emergency_justification", "judicial_validation"]},
        {"emergency": False, "elements": [*EPOC, "judicial_validation"]},
    ],
)
def test_the_48_hours_are_for_emergencies_that_nobody_validated(changes):
    event = judged(emergency(**changes))
    assert event["decision"] == "routed"
    assert VALIDATION not in {duty["id"] for duty in event["findings"]["obligations"]}


def test_the_rules_of_these_tests_are_the_shipped_ones():
    assert {WAIT, DEADLINE, EIGHT_HOURS, KEPT, ANSWER, VALIDATION} <= RULES.obligations.keys()
