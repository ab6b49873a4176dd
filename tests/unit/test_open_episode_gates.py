"""The gate of an open escalation never loosens: not when a tier changes, when its window moves on, or by a
restart.
"""

import dataclasses
from typing import Any

import pytest

from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.state import restore_reports
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.state import restore_requests
from streams.registry.rules import Rules
from streams.registry.jurisdiction import RuleOfLawTier
from tests.unit.clock_traffic import duty
from tests.unit.request_traffic import (
    NOON,
    removal_order,
    request_record,
    routings,
    run_requests,
    tick_record,
)
from tests.unit.traffic import (
    HOUR,
    MINUTE,
    SHIPPED,
    START,
    Record,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

GATES = [
    ("closed", "human_rights_review"),
    ("guarded", "two_person_review"),
    ("unknown", "two_person_review"),
]
POLICY = policy(categories=("fraud",), levels=levels({"reports": 3}, {"reports": 5}, {"reports": 9}))


def registry(code: str, tier: RuleOfLawTier, **changes: Any) -> Rules:
    row = dataclasses.replace(SHIPPED.jurisdictions[code], rule_of_law=tier, earlier_tiers=())
    return dataclasses.replace(
        SHIPPED, jurisdictions={**SHIPPED.jurisdictions, code: row}, policies=(POLICY,), **changes
    )


def rules_with(tier: RuleOfLawTier, **changes: Any) -> ReportRules:
    return compile_report_rules(registry("TR", tier, **changes))


def reports(numbers: range, at: int, *countries: str) -> list[Record]:
    evidence = [{"country": country, "basis": "victim", "confidence": 0.9} for country in countries]
    return [report(number, at, category="fraud", evidence=evidence) for number in numbers]


class Partition:
    """A partition whose owner restarts, with the rules of the day, before each batch."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    def apply(self, rules: ReportRules, records: list[Record]) -> list[dict[str, Any]]:
        state = restore_reports(0, 1, rules, self.kept.items())
        outcome = run(state, rules, records)
        fold(self.kept, outcome.changes)
        return of_topic(outcome, "escalations")


def seen(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["rule_of_law"]["decision"]) for event in events]


@pytest.mark.parametrize(("before", "gate"), GATES)
def test_a_country_that_becomes_open_loosens_no_open_escalation(before: RuleOfLawTier, gate: str) -> None:
    partition = Partition()
    assert seen(partition.apply(rules_with(before), reports(range(3), START, "TR"))) == [("opened", gate)]
    now_open = rules_with("open")
    # First the reports that called for the gate are still in the window, then all of them have left it.
    events = partition.apply(now_open, reports(range(3, 5), START + MINUTE, "TR"))
    events += partition.apply(now_open, reports(range(5, 14), START + 75 * MINUTE, "TR"))
    events += partition.apply(now_open, reports(range(14, 15), START + 30 * HOUR, "TR"))
    assert seen(events) == [("updated", gate), ("updated", gate), ("resolved", gate)]
    assert {route["gate"] for event in events for route in event["routing"][1:]} <= {gate}
    # A new escalation is judged by the new tier alone.
    later = partition.apply(now_open, reports(range(100, 103), START + 60 * HOUR, "TR"))
    assert seen(later) == [("opened", "human_review")]


def test_an_escalation_holds_the_gate_of_other_reports_of_its_window() -> None:
    partition, rules = Partition(), rules_with("closed")
    one = reports(range(1), START, "TR") + reports(range(1, 3), START + MINUTE, "DE")
    assert seen(partition.apply(rules, one)) == [("opened", "human_rights_review")]
    rest = reports(range(3, 9), START + 75 * MINUTE, "DE")
    assert seen(partition.apply(rules, rest)) == [("updated", "human_rights_review")]


def test_a_place_that_was_unknown_tightens_no_gate_for_longer() -> None:
    partition, rules = Partition(), rules_with("closed")
    assert seen(partition.apply(rules, reports(range(3), START))) == [("opened", "two_person_review")]
    assert seen(partition.apply(rules, reports(range(3, 5), START, "DE"))) == [("updated", "human_review")]


def test_state_of_earlier_versions_holds_the_gate_of_its_last_report() -> None:
    partition = Partition()
    partition.apply(rules_with("closed"), reports(range(3), START, "TR"))
    now_open = rules_with("open")
    state = restore_reports(0, 1, now_open, partition.kept.items())
    [episode] = [one for of_channel in state.episodes.values() for one in of_channel.values()]
    episode.held = 0
    outcome = run(state, now_open, reports(range(3, 12), START + 75 * MINUTE, "TR"))
    gates = {decision for _, decision in seen(of_topic(outcome, "escalations"))}
    assert gates == {"human_rights_review"}


@pytest.mark.parametrize(("before", "gate"), GATES)
def test_a_running_clock_keeps_its_gate(before: RuleOfLawTier, gate: str) -> None:
    partition, row = Partition(), duty(categories=("fraud",))
    first = partition.apply(rules_with(before, obligations=(row,)), reports(range(1), START, "TR"))
    later = partition.apply(rules_with("open", obligations=(row,)), [tick(1, START + 3 * HOUR)])
    assert [event["reason"] for event in first + later] == [
        "clock_armed", "clock_half", "clock_nine_tenths", "clock_lapsed",
    ]  # fmt: skip
    assert {decision for _, decision in seen(first + later)} == {gate}


def test_a_request_keeps_its_gate() -> None:
    before = compile_request_rules(registry("HU", "guarded"))
    after = compile_request_rules(registry("HU", "open"))
    order = removal_order(authority={"country": "HU", "type": "police"})
    kept: dict[bytes, bytes] = {}
    outcome = run_requests(restore_requests(0, 1, before, ()), [request_record(order)], before)
    fold(kept, outcome.changes)
    [judged] = routings(outcome)
    state = restore_requests(0, 1, after, kept.items())
    later = routings(run_requests(state, [tick_record(1, NOON + HOUR)], after))
    assert [event["reason"] for event in later] == ["clock_half", "clock_nine_tenths", "clock_lapsed"]
    assert {event["gate"] for event in later} == {judged["gate"]} == {"human_rights_review"}
