"""What was removed is kept for six months from the removal, not from the receipt of the order (Regulation
2021/784 art. 6).
"""

from dataclasses import replace

from streams.contract.wire.envelope import rfc3339
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.state import RequestState
from tests.request_strategies import SHIPPED
from tests.unit.request_traffic import (
    NOON,
    new_requests,
    outcome_record,
    removal_order,
    request_record,
    routings,
    run_requests,
    steps,
    tick_record,
)
from tests.unit.traffic import DAY, HOUR

REMOVE, KEEP = "EU.tco.art3-3", "EU.tco.art6"
# Six months after 24 November 2026, and after 4 December: Monday 24 May and Friday 4 June 2027 end in
# Martinique.
FROM_RECEIPT, TEN_DAYS_LATER = "2027-05-25T04:00:00.000Z", "2027-06-05T04:00:00.000Z"


def ordered() -> tuple[RequestState, dict[str, str]]:
    state = new_requests()
    (event,) = routings(run_requests(state, [request_record(removal_order())]))
    assert {clock["obligation"]: clock["due_at"] for clock in event["clocks"]}[KEEP] == FROM_RECEIPT
    return state, {clock["obligation"]: clock["clock_id"] for clock in event["clocks"]}


def test_the_time_is_counted_anew_from_the_removal() -> None:
    state, ids = ordered()
    run_requests(state, [tick_record(1, NOON + HOUR)])
    removed = outcome_record(ids[REMOVE], "fulfilled", NOON + 10 * DAY)
    done, kept = routings(run_requests(state, [removed]))
    assert (done["type"], done["clocks"][0]["obligation"]) == ("clock_closed", REMOVE)
    (clock,) = kept["clocks"]
    assert (kept["type"], kept["reason"], kept["sequence"]) == ("clock_updated", "clock_resumed", 2)
    assert (clock["clock_id"], clock["status"], clock["elapsed"]) == (ids[KEEP], "running", 0)
    assert clock["started_at"] == kept["at"] == rfc3339(NOON + 10 * DAY)
    assert clock["due_at"] == TEN_DAYS_LATER
    # It ends then, and not with six months from the receipt.
    over = routings(run_requests(state, [tick_record(1, NOON + 200 * DAY)]))
    assert [(event["reason"], event["at"]) for event in over] == [("clock_over", TEN_DAYS_LATER)]
    assert len(state.clocks) == 0


def test_it_does_not_end_while_no_removal_is_reported() -> None:
    state, ids = ordered()
    late = routings(run_requests(state, [tick_record(1, NOON + 182 * DAY)]))
    again = [event for event in late if event["clocks"][0]["obligation"] == KEEP]
    assert [(event["reason"], event["at"]) for event in again] == [("clock_resumed", FROM_RECEIPT)]
    assert again[0]["clocks"][0]["due_at"] > rfc3339(NOON + 360 * DAY)
    # The removal is reported late, with its true time: the law counts from then.
    removed = outcome_record(ids[REMOVE], "fulfilled", NOON + 183 * DAY)
    assert steps(run_requests(state, [removed]))[-1][:2] == (KEEP, "clock_resumed")


def test_a_calendar_that_does_not_reach_so_far_ends_nothing() -> None:
    """It begins again with the length that it had: a due step must not fail."""
    rows = tuple(
        replace(row, calendar="business_days", duration="P120D", holiday_calendar="be")
        if row.id == KEEP
        else row
        for row in SHIPPED.obligations
    )
    rules = compile_request_rules(replace(SHIPPED, obligations=rows))
    state = new_requests(rules=rules)
    (event,) = routings(run_requests(state, [request_record(removal_order())], rules))
    assert KEEP in {clock["obligation"] for clock in event["clocks"]}
    late = routings(run_requests(state, [tick_record(1, NOON + 900 * DAY)], rules))
    again = [each for each in late if each["clocks"][0]["obligation"] == KEEP]
    assert len(again) > 2
    assert {each["reason"] for each in again} == {"clock_resumed"}


def test_an_order_that_was_withdrawn_or_a_duty_that_was_ended_restarts_nothing() -> None:
    state, ids = ordered()
    withdrawn = outcome_record(ids[REMOVE], "withdrawn", NOON + HOUR)
    assert [name for name, _, _ in steps(run_requests(state, [withdrawn]))][-1] == REMOVE
    state, ids = ordered()
    ended = outcome_record(ids[KEEP], "withdrawn", NOON + HOUR)
    run_requests(state, [ended])
    removed = outcome_record(ids[REMOVE], "fulfilled", NOON + 2 * HOUR, outcome_id="o-2")
    assert {name for name, _, _ in steps(run_requests(state, [removed]))} == {REMOVE}
