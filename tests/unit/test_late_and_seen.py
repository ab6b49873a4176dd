"""In a floor category a person looks at every report, however late it is."""

from unittest.mock import patch

import pytest

from streams.deciding.partition import duplicates
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState, restore_reports
from tests.unit.traffic import (
    DAY,
    HOUR,
    SHIPPED,
    START,
    counted,
    escalations,
    fold,
    of_topic,
    report,
    run,
)

RULES = compile_report_rules(SHIPPED)
NOW = START + 60 * DAY


def late(number, days, category, **fields):
    return report(number, NOW - days * DAY, channel="late", category=category, appended=NOW, **fields)


def state_at_now():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(0, NOW, channel="other", category="spam")])
    return state


def enriched(batch):
    return [(event["counted"], event["not_counted_reason"]) for event in of_topic(batch, "enriched-reports")]


# The windows are a week, three days and a day, each with as much again as late reports are judged in.
@pytest.mark.parametrize(
    ("category", "days"),
    [("csam", 10), ("csam", 40), ("ncii", 5), ("ncii", 40), ("threat_to_life", 2), ("threat_to_life", 40)],
)
def test_a_late_report_opens_a_review_and_no_more(category, days):
    state, stored = state_at_now(), {}
    found = []
    for number in range(1, 40):
        batch = run(state, RULES, [late(number, days, category)])
        assert enriched(batch) == [(True, None)]
        found += escalations(batch)
        fold(stored, batch.changes)
        if number == 1:
            state_again = restore_reports(0, 1, RULES, stored.items())
            assert state_again.counts.next_expiry() == state.counts.next_expiry()
    assert [(kind, level) for kind, level, _ in found] == [("opened", 1)]


@pytest.mark.parametrize("category", ["csam", "ncii", "threat_to_life"])
def test_at_any_age_one_report_of_a_quiet_channel_opens_a_review(category):
    """Also where windows that ended would be judged, if the channel had a report in one of their last panes."""
    for hours in (*range(0, 240, 4), 400, 720, 800):
        state = state_at_now()
        record = report(1, NOW - hours * HOUR, channel="late", category=category, appended=NOW)
        batch = run(state, RULES, [record])
        found = [(kind, level) for kind, level, _ in escalations(batch)]
        assert found == [("opened", 1)], hours
        assert enriched(batch) == [(True, None)]


@pytest.mark.parametrize("category", ["fraud", "spam", "terrorism"])
def test_in_other_categories_it_opens_nothing(category):
    batch = run(state_at_now(), RULES, [late(1, 40, category)])
    assert (enriched(batch), escalations(batch)) == ([(False, "late")], [])
    assert counted(batch)["late"] == 1


def test_within_the_reach_of_a_policy_it_counts_in_its_own_window():
    state = state_at_now()
    batch = run(state, RULES, [late(1, 5, "csam")])
    assert [level for _, level, _ in escalations(batch)] == [1]
    # Two days after, the report of five days ago has left the window of a week; the episode resolves.
    later = run(state, RULES, [report(9, NOW + 3 * DAY + HOUR, channel="other", category="spam")])
    assert [kind for kind, _, _ in escalations(later)] == ["resolved"]


def test_one_that_may_be_a_repeat_opens_a_review_where_nobody_looks_and_raises_nothing():
    few = compile_report_rules(SHIPPED, settings=PartitionSettings(duplicates_most=20))
    state = ReportState(0, 1, few)
    with patch.multiple(duplicates, SLOT_SIZE=1, LEAST_REMEMBERED=0):
        run(state, few, [report(100 + n, NOW, channel=f"c{n}", category="spam") for n in range(30)])
        first, again = (run(state, few, [late(number, 2, "ncii")]) for number in (1, 2))
    assert [level for _, level, _ in escalations(first)] == [1]
    assert (enriched(again), escalations(again)) == ([(False, "late")], [])
