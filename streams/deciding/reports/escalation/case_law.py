"""The law of a report as escalations show it, derived from the stored part of the report."""

from collections.abc import Collection
from typing import NamedTuple

from streams.contract.events.enriched_report import Jurisdiction
from streams.contract.events.obligation import EscalatedObligation
from streams.contract.events.report import Category
from streams.contract.events.routing import Routing, RuleOfLaw
from streams.contract.events.statement import Statement
from streams.contract.wire.times import from_epoch_ms
from streams.deciding.law.concerned import UNKNOWN
from streams.deciding.law.duty import Duty, escalated_duty
from streams.deciding.law.routing import places_of, routes
from streams.deciding.law.rule_of_law import TIERS, rule_of_law
from streams.deciding.law.statement import statement
from streams.deciding.reports.case import Case
from streams.deciding.reports.escalation.episodes import CausingReport
from streams.deciding.reports.rules import ReportRules
from streams.registry.jurisdiction import RuleOfLawTier


class CaseLaw(NamedTuple):
    """The fields of an escalation that describe the law, under the same names."""

    jurisdictions: tuple[Jurisdiction, ...]
    obligations: tuple[EscalatedObligation, ...]
    routing: tuple[Routing, ...]
    rule_of_law: RuleOfLaw
    statement: Statement


def causing_report(case: Case) -> CausingReport:
    """Return the part of a report that later events of its escalation need."""
    report, law, origin = case.report, case.law, case.origin
    return CausingReport(
        report_id=report.report_id,
        kind=report.kind,
        reporter=None if report.reporter is None else report.reporter.kind,
        category=report.category,
        received_ms=case.received,
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        jurisdictions=tuple((place.code, place.confidence, place.basis) for place in law.jurisdictions),
        obligations=tuple((duty.obligation.id, duty.not_armed, duty.strictest) for duty in law.duties),
        certain=tuple(place.code for place in law.places if place.certain),
        tier=law.tier,
    )


def protection_of(cause: CausingReport) -> int:
    """Return the index of the tier of a report, 0 if it names no place (see `law.resolution.Resolved`)."""
    return 0 if cause.jurisdictions[0][0] == UNKNOWN else TIERS.index(cause.tier)


def law_of(
    rules: ReportRules, cause: CausingReport, reported: Collection[Category], tier: RuleOfLawTier
) -> CaseLaw:
    """Return the law of a report: its duties that are still in the registry, and what follows from them.

    `reported` are the categories of the escalation, including the report's own; `tier` is the most protective
    one among all its reports.
    """
    known = rules.obligations
    duties = [
        Duty(known[obligation], not_armed, strictest)
        for obligation, not_armed, strictest in cause.obligations
        if obligation in known
    ]
    obligations = [duty.obligation for duty in duties]
    jurisdictions = tuple(Jurisdiction(*jurisdiction) for jurisdiction in cause.jurisdictions)
    protection = rule_of_law(
        tier, reported, obligations, rules.registry.categories, by_state=cause.reporter == "state_actor"
    )
    places = places_of(rules.registry, jurisdictions, cause.certain)
    codes = [place.code for place in places]
    day = from_epoch_ms(cause.received_ms).date()
    return CaseLaw(
        jurisdictions=jurisdictions,
        obligations=tuple(escalated_duty(duty, rules.registry, cause.received_ms) for duty in duties),
        routing=routes(rules.registry, places, obligations, cause.category, protection.decision, day),
        rule_of_law=protection,
        statement=statement(cause.kind, cause.reporter, codes, obligations, rules.registry.jurisdictions),
    )
