"""Measures: each row reads a value, adds up over categories as declared, and policies accept those allowed."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.escalation import Escalation
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.measures import MEASURES, MILLION, POLICY_MEASURES, MeasureName
from streams.counting.sums import StampedSums, WindowCounts
from streams.deciding.reports.state import ReportState
from streams.desk.text.story import story
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from tests.unit.registry_files import copy_files, edit
from tests.unit.traffic import MINUTE, START, compiled, escalations, levels, of_topic, policy, report, run

NO_COUNTS = WindowCounts()
NUMBERS = (
    "distinct_reporters", "trusted_flaggers", "automated", "state_actors", "anonymous", "without_ref",
)  # fmt: skip


def sums_of(reports: int) -> st.SearchStrategy[ClusterSums]:
    # In a window without the founders of its clusters, more reporters are linked than it has.
    return st.builds(
        ClusterSums,
        st.integers(0, reports),
        st.integers(0, 2 * reports),
        st.integers(0, reports),
        st.integers(0, 9),
    )


counts = st.integers(0, 50).flatmap(
    lambda reports: st.builds(
        WindowCounts,
        reports=st.just(reports),
        risk=st.integers(0, reports * MILLION),
        stamped=st.builds(StampedSums, st.integers(0, reports), sums_of(reports)),
        members=st.just(0) | st.integers(1, 10_000),
        **{name: st.integers(0, reports) for name in NUMBERS},
    )
)


def anonymous(number: int, **fields: object):
    return report(number, START + number * MINUTE, reporter={"kind": "anonymous"}, **fields)


def by_user(number: int, **fields: object):
    return report(number, START + number * MINUTE, **fields)


def test_every_measure_of_the_type_has_a_row() -> None:
    assert tuple(MEASURES) == get_args(MeasureName)
    assert all(name == row.name and row.meaning for name, row in MEASURES.items())


def test_the_page_of_policies_has_the_rows() -> None:
    page = (Path(__file__).parents[2] / "docs/policies.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)` \| (.+?) \| (\w+) \| (\w+) \|$", page, re.MULTILINE)
    rows = [MEASURES[name] for name in POLICY_MEASURES]
    assert shown == [(row.name, row.meaning, row.unit, row.over_categories) for row in rows]


@given(counts)
def test_no_measure_exceeds_the_number_of_reports(window: WindowCounts) -> None:
    # Policies skip channels with fewer reports than the smallest threshold.
    assert all(row.value(window) <= window.reports for row in MEASURES.values() if row.within_reports)
    assert all(row.value(NO_COUNTS) == 0 for row in MEASURES.values())


@given(counts, counts)
def test_measures_that_are_sums_add_up_and_a_ratio_does_not(one: WindowCounts, other: WindowCounts) -> None:
    distinct = one.distinct_reporters + other.distinct_reporters
    both = WindowCounts(distinct_reporters=distinct, stamped=one.stamped.plus(other.stamped))
    both += one
    both += other
    for row in MEASURES.values():
        if row.over_categories == "sum":
            assert row.read(both) == row.read(one) + row.read(other)
        if row.name == "linked_share":
            parts = [part for part in (one, other) if part.stamped.sums.reports]
        else:
            parts = [part for part in (one, other) if part.reports]
        if row.over_categories == "ratio" and len(parts) == 2:
            low, high = sorted((row.read(one), row.read(other)))
            assert low <= row.read(both) <= high


def test_a_policy_opens_when_the_share_of_anonymous_reports_is_reached() -> None:
    rules = compiled(policy(levels=levels({"reports": 4, "anonymous_share": 0.5})))
    state = ReportState(0, 1, rules)
    quiet = run(state, rules, [by_user(1), by_user(2), anonymous(3), by_user(4)])
    assert escalations(quiet) == []
    # Three of six reports are anonymous.
    opened = run(state, rules, [anonymous(5), anonymous(6)])
    [event] = of_topic(opened, "escalations")
    assert event["conditions"] == [
        {"measure": "reports", "value": 6.0, "threshold": 4.0},
        {"measure": "anonymous_share", "value": 0.5, "threshold": 0.5},
    ]
    explanation = story([msgspec.convert(event, Escalation)])
    assert re.search(r"anonymous_share\s+0\.5\s+>=\s+0\.5", explanation)


def test_the_share_over_several_categories_is_the_share_of_all_their_reports() -> None:
    rules = compiled(
        policy(categories=("spam", "fraud"), levels=levels({"reports": 2, "anonymous_share": 0.75}))
    )
    state = ReportState(0, 1, rules)
    # All reports of spam but half of all reports: the share is neither the sum of the shares nor the largest
    # of them.
    half = [anonymous(1), by_user(2, category="fraud"), anonymous(3), by_user(4, category="fraud")]
    assert escalations(run(state, rules, half)) == []
    more = run(state, rules, [anonymous(number) for number in range(5, 9)])
    assert [kind for kind, _, _ in escalations(more)] == ["opened"]


def test_a_threshold_may_be_a_fraction_for_a_share_and_not_for_a_count(tmp_path: Path) -> None:
    files = copy_files(tmp_path)
    edit(files, "policies.yaml", "when: {reports: 1}", "when: {anonymous_share: 0.8}")
    policies = load_rules(policies=tmp_path / "policies.yaml").policies
    assert "anonymous_share >= 0.8" in [level.text for row in policies for level in row.levels]


def test_a_share_cannot_exceed_one(tmp_path: Path) -> None:
    files = copy_files(tmp_path)
    edit(files, "policies.yaml", "when: {reports: 1}", "when: {anonymous_share: 1.5}")
    with pytest.raises(
        RegistryError, match="anonymous_share: is a share, so its threshold must be at most 1"
    ):
        load_rules(policies=tmp_path / "policies.yaml")


def test_a_measure_not_allowed_in_policies_is_refused(tmp_path: Path) -> None:
    files = copy_files(tmp_path)
    edit(files, "policies.yaml", "when: {reports: 1}", "when: {state_actors: 1}")
    with pytest.raises(RegistryError, match="'reports', 'distinct_reporters', .*'anonymous_share'"):
        load_rules(policies=tmp_path / "policies.yaml")
