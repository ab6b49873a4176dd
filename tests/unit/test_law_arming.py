"""Which duties arm a clock, and which of several duties is the strictest."""

from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.obligation import NotArmedReason
from streams.contract.wire.encoding import encode
from streams.contract.wire.times import DAY, HOUR
from streams.deciding.law.arming import strictest, why_not_armed
from streams.deciding.law.duty import Duty, due_ms, escalated_duty, iso_duration, published_duty
from streams.registry.durations import parse_duration
from streams.registry.row_of_law import Verification
from streams.registry.rules import HolidayCalendar, InternalTargets
from streams.registry.obligation import Obligation
from tests.marked import marked
from tests.unit.law_reports import RULES, duty, small_world

WEEKDAYS = HolidayCalendar("be", "UTC", frozenset({6, 7}), frozenset(), date(2026, 12, 31), "https://x")
TARGETS = InternalTargets({"promptly": HOUR, "without_undue_delay": DAY}, 3 * DAY)

# Each change violates one condition, in the order in which the reasons are given.
VIOLATIONS: list[tuple[str, dict[str, Any]]] = [
    ("trigger_not_met", {"trigger": "authority_order"}),
    ("unverified", {"marks": marked("unverified")}),
    ("no_duration", {"duration": None}),
    ("retention", {"meaning": "retention"}),
    ("no_holiday_calendar", {"calendar": "business_days", "holiday_calendar": "fr"}),
    ("elements_missing", {"required_elements": ("contact", "location")}),
]


def reason(row: Obligation, elements: tuple[str, ...] = (), *, keeps: bool = False) -> str | None:
    return why_not_armed(row, {"user_report"}, elements, {"be": WEEKDAYS}, keeps=keeps)


@pytest.mark.parametrize("violated", list(product([False, True], repeat=len(VIOLATIONS))))
def test_the_first_reason_in_order_is_given(violated: tuple[bool, ...]) -> None:
    changes: dict[str, Any] = {}
    expected = None
    for (name, change), applies in zip(VIOLATIONS, violated, strict=True):
        if applies:
            changes |= change
            expected = expected or name
    assert reason(duty(**changes)) == expected


def test_the_conditions_cover_every_reason() -> None:
    assert {name for name, _ in VIOLATIONS} == set(get_args(NotArmedReason))


def test_conditions_under_which_a_clock_is_armed() -> None:
    assert reason(duty(marks=marked("secondary"), secondary_arms=True)) is None
    assert reason(duty(marks=replace(marked("unverified"), time="verified", dates="verified"))) is None
    assert reason(duty(required_elements=("contact",)), ("location", "contact")) is None
    assert reason(duty(required_elements=("contact", "location")), ("contact",)) == "elements_missing"
    assert reason(duty(calendar="business_days", holiday_calendar="be")) is None
    assert reason(duty(calendar="business_days")) == "no_holiday_calendar"
    assert reason(duty(meaning="retention", duration="P1Y"), keeps=True) is None


SECONDARY = duty(marks=replace(marked("verified"), dates="secondary"), required_elements=("contact",))


def test_the_weaker_mark_of_time_and_dates_arms_a_clock() -> None:
    for time, dates in product(get_args(Verification), get_args(Verification)):
        row = duty(marks=replace(marked("verified"), time=time, dates=dates))
        assert reason(row) == (None if (time, dates) == ("verified", "verified") else "unverified")
        trusted = replace(row, secondary_arms=True)
        assert reason(trusted) == ("unverified" if "unverified" in (time, dates) else None)


def test_a_secondary_row_is_advisory_if_nothing_else_keeps_its_clock_from_running() -> None:
    def advisory(row: Obligation, *elements: str) -> bool:
        return Duty(row, reason(row, elements), strictest=True).advisory

    assert advisory(SECONDARY, "contact")
    assert not advisory(SECONDARY)
    assert reason(SECONDARY) == "elements_missing"
    assert not advisory(replace(SECONDARY, secondary_arms=True), "contact")
    assert not advisory(replace(SECONDARY, marks=marked("unverified")), "contact")
    assert not advisory(replace(SECONDARY, duration=None), "contact")


def test_an_advisory_duty_shows_the_time_at_which_it_would_be_due() -> None:
    started = 1_780_000_000_000
    rules = small_world(SECONDARY)
    shown = escalated_duty(Duty(SECONDARY, "unverified", strictest=True), rules, started)
    armed = escalated_duty(
        Duty(replace(SECONDARY, secondary_arms=True), None, strictest=True), rules, started
    )
    assert (shown.clock_status, shown.not_armed_reason, shown.due_at) == ("not_armed", "unverified", None)
    assert shown.advisory
    assert (shown.target, shown.target_at) == ("P1D", armed.due_at)
    assert not armed.advisory


def test_only_an_advisory_duty_says_so() -> None:
    published = published_duty(Duty(SECONDARY, "elements_missing", strictest=True), small_world(SECONDARY), 0)
    assert b"advisory" not in encode(published)
    published = published_duty(Duty(SECONDARY, "unverified", strictest=True), small_world(SECONDARY), 0)
    assert encode(published).endswith(b'"advisory":true}')


# The strictest


def test_the_shortest_duty_of_a_trigger_and_action_is_the_strictest() -> None:
    rows = [
        duty(id="A.a", duration="PT48H"),
        duty(id="A.b", duration="PT24H"),
        duty(id="A.c", duration="P1D"),
        duty(id="A.d", duration=None, standard="promptly"),
        duty(id="A.e", duration="PT1H", marks=marked("unverified")),
        duty(id="A.f", duration="P7D", action="decide"),
        duty(id="A.g", duration="P9D", trigger="statutory_victim_request"),
    ]
    # A day is 24 hours. An unverified number counts no more than words.
    assert strictest(rows, TARGETS) == {"A.b", "A.c", "A.f", "A.g"}


def test_without_a_verified_number_the_internal_target_decides() -> None:
    rows = [
        duty(id="A.a", duration=None, standard="without_undue_delay"),
        duty(id="A.b", duration=None, standard="promptly"),
        duty(id="A.c", duration=None),
        duty(id="A.d", duration="PT2H", marks=marked("unverified")),
    ]
    assert strictest(rows, TARGETS) == {"A.b"}


def test_the_longest_retention_is_the_strictest() -> None:
    rows = [
        duty(id="A.a", action="preserve", meaning="retention", duration="P6M"),
        duty(id="A.b", action="preserve", meaning="retention", duration="P1Y"),
        duty(id="A.c", action="preserve", duration="P1D"),
    ]
    assert strictest(rows, TARGETS) == {"A.b", "A.c"}


durations = st.sampled_from([None, "PT1H", "PT2H", "P1D", "PT24H", "P7D"])
rows = st.lists(
    st.tuples(
        st.sampled_from(["user_report", "actual_knowledge"]), st.sampled_from(["remove", "decide"]), durations
    ),
    max_size=8,
)


@given(rows)
@settings(max_examples=200)
def test_the_strictest_duties_agree_with_a_model(given_rows: list[tuple[str, str, str | None]]) -> None:
    duties = [
        duty(id=f"A.{number}", trigger=trigger, action=action, duration=duration)
        for number, (trigger, action, duration) in enumerate(given_rows)
    ]
    expected = set()
    for one in duties:
        rivals = [other for other in duties if (other.trigger, other.action) == (one.trigger, one.action)]
        timed = [other.duration for other in rivals if other.duration]
        if one.duration is None:
            best = not timed
        else:
            best = parse_duration(one.duration) == min(map(parse_duration, timed))
        if best:
            expected.add(one.id)
    assert strictest(duties, TARGETS) == expected


# Published duties


def test_an_armed_duty_has_a_due_time_and_no_target() -> None:
    row = duty("EU", duration="PT48H", standard="promptly", authority="DSC")
    shown = published_duty(Duty(row, None, strictest=True), RULES, 1_790_000_000_000)
    assert (shown.clock_status, shown.not_armed_reason, shown.target) == ("armed", None, None)
    assert shown.due_at == "2026-09-23T14:13:20.000Z"
    assert (shown.id, shown.trigger, shown.action) == ("EU.duty", "user_report", "remove")
    assert (shown.standard, shown.strictest, shown.authority) == ("promptly", True, "DSC")
    assert shown.source_url == row.source_url
    on_escalation = escalated_duty(Duty(row, None, strictest=True), RULES, 1_790_000_000_000)
    assert (on_escalation.due_at, on_escalation.target_at) == (shown.due_at, None)


@pytest.mark.parametrize(
    ("changes", "target", "target_at"),
    [
        ({"duration": "PT48H"}, "PT48H", "1970-01-03T00:00:00.000Z"),
        ({"duration": "P6M"}, "P6M", "1970-07-01T00:00:00.000Z"),
        ({"duration": None, "standard": "promptly"}, "PT1H", "1970-01-01T01:00:00.000Z"),
        ({"duration": None}, "P1DT1H", "1970-01-02T01:00:00.000Z"),
        # Business days without a holiday calendar count as days.
        ({"duration": "P5D", "calendar": "business_days"}, "P5D", "1970-01-06T00:00:00.000Z"),
    ],
)
def test_a_duty_that_is_not_armed_has_a_target(changes: dict[str, Any], target: str, target_at: str) -> None:
    rules = replace(small_world(), targets=InternalTargets({"promptly": HOUR}, DAY + HOUR))
    shown = escalated_duty(Duty(duty(**changes), "trigger_not_met", strictest=False), rules, 0)
    assert (shown.clock_status, shown.not_armed_reason, shown.due_at) == (
        "not_armed",
        "trigger_not_met",
        None,
    )
    assert (shown.target, shown.target_at) == (target, target_at)


def test_a_duty_to_keep_something_has_no_day_where_no_clock_runs() -> None:
    """It runs from something that is not known here, so any day would be too early."""
    row = duty(duration="P1Y", meaning="retention", action="preserve")
    shown = escalated_duty(Duty(row, "retention", strictest=False), small_world(), 0)
    assert (shown.target, shown.target_at, shown.due_at) == ("P1Y", None, None)


def test_a_holiday_calendar_that_ends_too_early_arms_nothing() -> None:
    rules = replace(small_world(), calendars={"be": WEEKDAYS})
    row = duty(duration="P3D", calendar="business_days", holiday_calendar="be")
    # Tuesday 2026-12-29 and Wednesday 2026-12-30.
    assert due_ms(row, 1_798_329_600_000 - 4 * DAY, rules) is not None
    late = published_duty(Duty(row, None, strictest=True), rules, 1_798_329_600_000 + 3 * DAY)
    assert (late.clock_status, late.not_armed_reason, late.due_at, late.target) == (
        "not_armed",
        "no_holiday_calendar",
        None,
        "P3D",
    )


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(HOUR, "PT1H"), (DAY, "P1D"), (DAY + 90 * 60_000, "P1DT1H30M"), (7 * DAY, "P7D"), (61_000, "PT1M1S")],
)
def test_targets_are_written_as_durations(milliseconds: int, text: str) -> None:
    assert iso_duration(milliseconds) == text
    assert parse_duration(text) == milliseconds
