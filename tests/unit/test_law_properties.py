"""Properties of the law of a report, for any rows of the registry and any report."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date
from typing import Any, get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.report import Evidence, MessageReport, Reporter
from streams.contract.events.routing import Gate
from streams.deciding.law.resolution import Resolved, Resolver
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation
from streams.registry.jurisdiction import RuleOfLawTier
from tests.categories import CATEGORIES
from tests.marked import marked
from tests.unit.law_reports import RULES
from tests.unit.law_strategies import (
    DURATIONS,
    FEW,
    MODERATE,
    PLACES,
    everywhere,
    evidence,
    obligations,
    reports,
    several,
    with_rows,
)

RESOLVER = Resolver(RULES)
GATES: tuple[Gate, ...] = get_args(Gate)


def ids(resolved: Resolved) -> set[str]:
    return {duty.obligation.id for duty in resolved.duties}


def codes(resolved: Resolved) -> dict[str, float]:
    return {entry.code: entry.confidence for entry in resolved.jurisdictions}


def day_of(report: MessageReport) -> date:
    return (report.received_at or report.occurred_at).astimezone(UTC).date()


def regional_model(report: MessageReport, rules: Rules, named: Iterable[str]) -> set[str]:
    """The duties of GLOBAL and of the regions, found row by row."""
    triggers = rules.triggers.met_by_report[report.kind] | rules.triggers.possible[report.kind]
    found = set()
    for row in rules.obligations:
        if row.trigger not in triggers or report.category not in row.categories:
            continue
        if row.public_only and report.channel.visibility == "private":
            continue
        if not row.in_force_from <= day_of(report) <= (row.in_force_until or date.max):
            continue
        for code in named:
            country = rules.jurisdictions.get(code)
            if row.jurisdiction == "GLOBAL" or (
                country is not None
                and row.jurisdiction in country.regions
                and not {code, country.part_of} & set(row.except_in)
            ):
                found.add(row.id)
    return found


@FEW
@given(reports, several(everywhere(), 2))
def test_national_law_never_removes_a_regional_duty(report: MessageReport, rows: list[Obligation]) -> None:
    for rules in (RULES, with_rows(rows)):
        resolved = Resolver(rules).resolve(report)
        found = {
            duty.obligation.id
            for duty in resolved.duties
            if duty.obligation.jurisdiction in ("GLOBAL", "EU", "EEA")
        }
        assert found == regional_model(report, rules, codes(resolved))


@FEW
@given(reports, several(everywhere(), most=5), obligations("DE"))
def test_a_row_of_a_country_only_adds_duties(
    report: MessageReport, rows: list[Obligation], row: Obligation
) -> None:
    before = Resolver(with_rows(rows)).resolve(report)
    after = Resolver(with_rows([*rows, row])).resolve(report)
    assert ids(after) - {row.id} == ids(before)
    assert {duty.obligation.id: duty.not_armed for duty in before.duties}.items() <= {
        duty.obligation.id: duty.not_armed for duty in after.duties
    }.items()
    assert set(before.armed) <= set(after.armed)


@MODERATE
@given(reports, st.lists(evidence, min_size=1, max_size=4))
def test_more_evidence_never_removes_a_jurisdiction(report: MessageReport, more: list[Evidence]) -> None:
    before = RESOLVER.resolve(report)
    after = RESOLVER.resolve(_with(report, more))
    for code, confidence in codes(before).items():
        assert code == "XX" or codes(after)[code] >= confidence
    assert ids(before) <= ids(after)
    assert {row.id for row in before.armed} <= {row.id for row in after.armed}


@FEW
@given(reports, several(everywhere(), 2))
def test_a_clock_is_armed_by_a_verified_row_whose_trigger_is_met(
    report: MessageReport, rows: list[Obligation]
) -> None:
    for rules in (RULES, with_rows(rows)):
        resolved = Resolver(rules).resolve(report)
        assert resolved.armed == tuple(duty.obligation for duty in resolved.duties if duty.not_armed is None)
        for row in resolved.armed:
            assert row.marks.of_clock != "unverified"
            assert row.trigger in rules.triggers.met_by_report[report.kind]
            assert row.duration is not None
            assert row.meaning == "deadline"
            assert report.notice is not None
            assert set(row.required_elements) <= set(report.notice.elements)


@FEW
@given(reports, several(everywhere(), 2))
def test_a_registry_without_verified_rows_arms_no_clock(
    report: MessageReport, rows: list[Obligation]
) -> None:
    rules = with_rows(replace(row, marks=marked("unverified")) for row in (*RULES.obligations, *rows))
    assert Resolver(rules).resolve(report).armed == ()


@FEW
@given(
    reports,
    several(
        obligations(
            "GLOBAL",
            trigger=st.sampled_from(["user_report", "trusted_flagger_notice"]),
            action=st.sampled_from(["remove", "decide"]),
            categories=st.just(CATEGORIES),
            in_force_from=st.just(date(2010, 1, 1)),
        ),
        1,
        8,
    ),
)
def test_the_strictest_clock_is_the_shortest(report: MessageReport, rows: list[Obligation]) -> None:
    resolved = Resolver(with_rows(rows)).resolve(report)
    groups: dict[tuple[str, str], list[Obligation]] = {}
    for duty in resolved.duties:
        row = duty.obligation
        if row.duration is not None and row.meaning == "deadline" and row.marks.of_clock != "unverified":
            groups.setdefault((row.trigger, row.action), []).append(row)
    strictest = {duty.obligation.id for duty in resolved.duties if duty.strictest}
    for group in groups.values():
        least = min(DURATIONS[row.duration or ""] for row in group)
        assert {row.id for row in group} & strictest == {
            row.id for row in group if DURATIONS[row.duration or ""] == least
        }
    # The longer duties stay in the output.
    assert {row.id for group in groups.values() for row in group} <= ids(resolved)


@MODERATE
@given(reports, st.sampled_from(PLACES), st.sampled_from([0.3, 0.95]))
def test_another_country_never_makes_a_gate_less_protective(
    report: MessageReport, country: str, confidence: float
) -> None:
    before = RESOLVER.resolve(report)
    after = RESOLVER.resolve(_with(report, [Evidence(country, "offence", confidence)]))  # type: ignore[arg-type]
    if "XX" in codes(before):
        # Without a known country the gate was that of an unknown place, so the two are not comparable.
        return
    tiers = get_args(RuleOfLawTier)
    assert tiers.index(after.tier) >= tiers.index(before.tier)
    assert GATES.index(after.rule_of_law.decision) >= GATES.index(before.rule_of_law.decision)
    gates = {routing.recipient: routing.gate for routing in after.routing}
    for routing in before.routing:
        if routing.recipient in gates:
            assert GATES.index(gates[routing.recipient]) >= GATES.index(routing.gate)


@MODERATE
@given(reports)
def test_no_authority_of_a_closed_state_is_a_recipient(report: MessageReport) -> None:
    resolved = RESOLVER.resolve(report)
    recipients = {routing.recipient for routing in resolved.routing}
    assert "internal_review" in recipients
    for recipient in recipients - {"internal_review"}:
        home = RULES.authorities[recipient].jurisdiction
        assert RULES.jurisdictions[home].rule_of_law != "closed"
    tiers = {
        RULES.jurisdictions[code if code in RULES.jurisdictions else "GLOBAL"].rule_of_law
        for code in codes(resolved)
    }
    if tiers == {"closed"}:
        assert recipients <= {"internal_review", *RULES.platform.safe_recipients}


@MODERATE
@given(reports)
def test_abuse_prone_reports_go_only_to_authorities_of_open_states(
    report: MessageReport,
) -> None:
    resolved = RESOLVER.resolve(report)
    if RULES.categories[report.category].abuse_prone and resolved.tier != "open":
        assert resolved.rule_of_law.decision == "human_rights_review"
        for routing in resolved.routing:
            assert routing.gate == "human_rights_review"
            if routing.recipient != "internal_review":
                home = RULES.authorities[routing.recipient].jurisdiction
                assert RULES.jurisdictions[home].rule_of_law == "open"


@MODERATE
@given(reports)
def test_a_report_of_a_state_actor_has_no_more_effect_than_a_users(report: MessageReport) -> None:
    assert report.reporter is not None
    user = RESOLVER.resolve(_as(report, "user"))
    state = RESOLVER.resolve(_as(report, "state_actor"))
    assert (state.jurisdictions, state.duties, state.armed) == (user.jurisdictions, user.duties, user.armed)
    if RULES.categories[report.category].abuse_prone:
        # This holds even if the report does not name the state.
        assert state.rule_of_law.decision == "human_rights_review"
    else:
        assert state == user


def _with(report: MessageReport, more: Iterable[Evidence]) -> MessageReport:
    return _replaced(report, evidence=(*report.evidence, *more))


def _as(report: MessageReport, kind: str) -> MessageReport:
    assert report.reporter is not None
    return _replaced(report, reporter=Reporter(kind, country=report.reporter.country))  # type: ignore[arg-type]


def _replaced(report: MessageReport, **changes: Any) -> MessageReport:
    return msgspec.structs.replace(report, **changes)
