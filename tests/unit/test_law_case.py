"""The law on an escalation, derived from what the state keeps of the causing report."""

from typing import Any

import msgspec
import pytest

from streams.contract.events.enriched_report import Risk, RiskComponents
from streams.contract.events.report import MessageReport, Reporter
from streams.contract.events.statement import LegalGround
from streams.contract.wire.origin import Origin
from streams.deciding.law.resolution import Resolved
from streams.deciding.reports.case import Case
from streams.deciding.reports.escalation.case_law import CaseLaw, causing_report, law_of
from streams.deciding.reports.escalation.episodes import CausingReport
from streams.deciding.reports.rules import compile_report_rules
from streams.registry.rules import Rules
from tests.unit.law_reports import RULES, duty, report, small_world

ORIGIN = Origin("message-reports", 0, 7, 0)
RECEIVED = 1_790_000_000_000


def case_of(given_report: MessageReport, resolved: Resolved) -> Case:
    risk = Risk(0.0, RiskComponents(0.0, 0.0, 0.0, None, 0.0))
    return Case(given_report, "", RECEIVED, ORIGIN, resolved, risk)


def law(
    *evidence: tuple[str, str, float], rules: Rules = RULES, reported: tuple[str, ...] = (), **fields: Any
) -> CaseLaw:
    compiled = compile_report_rules(rules)
    given_report = report(evidence, **fields)
    cause = causing_report(case_of(given_report, compiled.resolver.resolve(given_report)))
    # As after a restart.
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(cause), type=CausingReport)
    assert kept == cause
    return law_of(compiled, kept, (given_report.category, *reported), kept.tier)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["user_report", "automated_detection", "trusted_flagger_notice"])
@pytest.mark.parametrize("code", ["DE", "FR", "US", "IN", "RU", "XX", "KZ"])
@pytest.mark.parametrize("category", ["csam", "threat_to_life", "terrorism", "fraud"])
def test_the_law_on_an_escalation_is_the_law_of_the_report(kind: str, code: str, category: str) -> None:
    given_report = report([(code, "victim", 0.9), ("BE", "suspect", 0.2)], kind=kind, category=category)
    compiled = compile_report_rules(RULES)
    resolved = compiled.resolver.resolve(given_report)
    found = law_of(
        compiled, causing_report(case_of(given_report, resolved)), (given_report.category,), resolved.tier
    )
    assert found.jurisdictions == resolved.jurisdictions
    assert found.routing == resolved.routing
    assert found.rule_of_law == resolved.rule_of_law
    shown = [(row.id, row.not_armed_reason, row.strictest) for row in found.obligations]
    assert shown == [(row.obligation.id, row.not_armed, row.strictest) for row in resolved.duties]


def test_times_start_when_the_report_was_received() -> None:
    rows = [duty(duration="PT48H"), duty(id="GLOBAL.b", duration="PT2H", trigger="actual_knowledge")]
    armed, waiting = law(rules=small_world(*rows)).obligations
    assert (armed.due_at, armed.target_at) == ("2026-09-23T14:13:20.000Z", None)
    assert (waiting.due_at, waiting.target_at) == (None, "2026-09-21T16:13:20.000Z")


def test_a_duty_removed_from_the_registry_is_left_out() -> None:
    compiled = compile_report_rules(small_world(duty(), duty(id="GLOBAL.gone")))
    given_report = report()
    cause = causing_report(case_of(given_report, compiled.resolver.resolve(given_report)))
    later = law_of(compile_report_rules(small_world(duty())), cause, ("csam",), cause.tier)
    assert [row.id for row in later.obligations] == ["GLOBAL.duty"]


def test_other_categories_of_the_case_may_be_prone_to_abuse() -> None:
    alone = law(("IN", "victim", 0.9), category="fraud")
    assert alone.rule_of_law.decision == "two_person_review"
    together = law(("IN", "victim", 0.9), category="fraud", reported=("hate",))
    assert together.rule_of_law.decision == "human_rights_review"
    assert {route.gate for route in together.routing} == {"human_rights_review"}


# Statement of reasons


@pytest.mark.parametrize(
    ("kind", "reporter", "source", "automated"),
    [
        ("user_report", "user", "SOURCE_ARTICLE_16", False),
        ("user_report", "anonymous", "SOURCE_ARTICLE_16", False),
        ("user_report", None, "SOURCE_ARTICLE_16", False),
        ("statutory_victim_request", "user", "SOURCE_ARTICLE_16", False),
        ("trusted_flagger_notice", "trusted_flagger", "SOURCE_TRUSTED_FLAGGER", False),
        ("automated_detection", "automated", "SOURCE_VOLUNTARY", True),
        ("automated_detection", None, "SOURCE_VOLUNTARY", True),
        ("user_report", "state_actor", "SOURCE_TYPE_OTHER_NOTIFICATION", False),
        ("trusted_flagger_notice", "state_actor", "SOURCE_TYPE_OTHER_NOTIFICATION", False),
    ],
)
def test_the_source_type_follows_from_kind_and_reporter(
    kind: str, reporter: str | None, source: str, automated: bool
) -> None:
    who = None if reporter is None else Reporter(reporter, ref="secret")  # type: ignore[arg-type]
    found = law(("DE", "victim", 0.9), kind=kind, reporter=who)
    assert (found.statement.source_type, found.statement.automated_detection) == (source, automated)
    assert b"secret" not in msgspec.json.encode(found)


def test_legal_grounds_are_the_duties_to_restrict_content() -> None:
    rows = [
        duty(id="GLOBAL.a", action="geo_disable"),
        duty(id="GLOBAL.b", action="decide"),
        duty(id="GLOBAL.c", instrument="Other Act", article="s.2"),
    ]
    assert law(rules=small_world(*rows)).statement.legal_grounds == (
        LegalGround("GLOBAL.a", "Act, s.1", "https://example.org/act"),
        LegalGround("GLOBAL.c", "Other Act, s.2", "https://example.org/act"),
    )


def test_the_territorial_scope_has_states_of_the_union_and_the_eea_alone() -> None:
    found = law(("US", "victim", 0.9), ("NO", "suspect", 0.3), ("EL", "offence", 0.5), ("KZ", "victim", 1.0))
    assert found.statement.territorial_scope == ("GR", "NO")
    assert law(("US", "victim", 0.9)).statement.territorial_scope == ()
    # A territory within the Union is given as its state. A territory outside the Union is left out.
    overseas = law(("GP", "victim", 0.9), ("GL", "victim", 0.9), rules=small_world())
    assert overseas.statement.territorial_scope == ("DE",)


def test_the_statement_lists_the_means_of_redress() -> None:
    assert law().statement.redress == (
        "internal_complaint",
        "out_of_court_dispute_settlement",
        "judicial_redress",
    )
