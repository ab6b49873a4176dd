"""Asks the registry about a place: which duties apply, whether their clocks run, who receives such a case."""

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple, get_args

import msgspec

from streams.contract.events.report import Category
from streams.contract.events.routing import Routing, RuleOfLaw
from streams.deciding.law.applicability import GLOBAL, applicable, binds, holds_in
from streams.deciding.law.arming import strictest, why_not_armed
from streams.deciding.law.duty import Duty, internal_target
from streams.deciding.law.routing import CountryConcerned, routes
from streams.deciding.law.rule_of_law import rule_of_law, tier_of
from streams.registry.jurisdiction import JurisdictionRules
from streams.registry.obligation import Obligation, Trigger
from streams.registry.obligations import ORDER_TRIGGERS
from streams.registry.row_of_law import WatchedRow
from streams.registry.rules import Rules

TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)


class Question(NamedTuple):
    """What to look up; `category` or `trigger` None means all. `day` is the day of receipt (UTC)."""

    code: str
    category: Category | None
    trigger: Trigger | None
    day: date


class Answer(NamedTuple):
    """The registry's answer.

    `row` is the row of the place, or the global one if it has none; `layers` are the other rows whose law
    applies there. `duties` are in force on the day; their clocks are given as if every element that the law
    requires were present. `other_days` are duties that match except for the day. `watched` are the rows of
    the place that are no duty. `routing` is that of a report of the category; it is empty without a category
    and for triggers that only a request can meet.
    """

    question: Question
    row: JurisdictionRules
    layers: tuple[JurisdictionRules, ...]
    duties: tuple[Duty, ...]
    other_days: tuple[Obligation, ...]
    watched: tuple[WatchedRow, ...]
    rule_of_law: RuleOfLaw
    routing: tuple[Routing, ...]


def answer(rules: Rules, question: Question) -> Answer:
    """Answer with the same functions that the stages use.

    If the trigger is also a kind of report (`statutory_victim_request`), the answer includes the other
    triggers that such a report meets, and those that it may lead to after a review.
    """
    code, category, _, day = question
    row = rules.jurisdictions[code if code in rules.jurisdictions else GLOBAL]
    met, possible = _triggers(rules, question.trigger)
    fitting = _fitting(rules, question, met | possible)
    in_force = {
        duty.id
        for one in (rules.categories if category is None else (category,))
        for duty in applicable(rules, (code,), one, met | possible, day, private=False)
    }
    obligations = [duty for duty in fitting if duty.id in in_force]
    hardest = strictest(obligations, rules.targets)
    # An order has another gate and other recipients than a report, so each is derived from its own duties.
    of_reports = (
        [] if category is None else [duty for duty in obligations if duty.trigger not in ORDER_TRIGGERS]
    )
    protection = rule_of_law(
        tier_of(code, rules.jurisdictions, day),
        () if category is None else (category,),
        obligations if question.trigger in ORDER_TRIGGERS else of_reports,
        rules.categories,
    )
    routing: tuple[Routing, ...] = ()
    if category is not None and question.trigger not in ORDER_TRIGGERS:
        place = CountryConcerned(code, certain=True, more_than_hint=True)
        routing = routes(rules, (place,), of_reports, category, protection.decision, day)
    return Answer(
        question,
        row,
        _layers(rules, row),
        tuple(
            Duty(
                duty,
                why_not_armed(
                    duty, met, duty.required_elements, rules.calendars, keeps=duty.trigger in ORDER_TRIGGERS
                ),
                duty.id in hardest,
            )
            for duty in obligations
        ),
        tuple(duty for duty in fitting if duty.id not in in_force),
        _watched(rules, row),
        protection,
        routing,
    )


def as_document(found: Answer, rules: Rules) -> dict[str, Any]:
    """The answer as a JSON object, with each duty's clock status, internal target and source."""
    return {
        "code": found.question.code,
        "category": found.question.category,
        "trigger": found.question.trigger,
        "at": str(found.question.day),
        "jurisdiction": msgspec.to_builtins(found.row),
        "layers": [layer.code for layer in found.layers],
        "rule_of_law": msgspec.to_builtins(found.rule_of_law),
        "routing": msgspec.to_builtins(found.routing),
        "obligations": [
            msgspec.to_builtins(duty.obligation)
            | {
                "source_title": duty.obligation.source_title,
                "source_url": duty.obligation.source_url,
                "checked": str(duty.obligation.checked),
                "clock_status": "armed" if duty.not_armed is None else "not_armed",
                "not_armed_reason": duty.not_armed,
                "target": None if duty.not_armed is None else internal_target(duty.obligation, rules),
                "advisory": duty.advisory,
                "strictest": duty.strictest,
            }
            for duty in found.duties
        ],
        "not_in_force": [
            {
                "id": duty.id, "from": str(duty.in_force_from),
                "until": duty.in_force_until and str(duty.in_force_until),
            }
            for duty in found.other_days
        ],
        "watched": msgspec.to_builtins(found.watched),
    }  # fmt: skip


def _triggers(rules: Rules, trigger: Trigger | None) -> tuple[frozenset[Trigger], frozenset[Trigger]]:
    """The triggers that are met, and those that may be met after a review."""
    if trigger is None:
        return frozenset(TRIGGERS), frozenset()
    for kind, met in rules.triggers.met_by_report.items():
        if kind == trigger:
            return met, rules.triggers.possible[kind]
    return frozenset((trigger,)), frozenset()


def _fitting(rules: Rules, question: Question, triggers: Collection[Trigger]) -> list[Obligation]:
    """The duties that match the question on some day and bind the platform, in the order of the registry."""
    return [
        duty
        for duty in rules.obligations
        if duty.trigger in triggers
        and (question.category is None or question.category in duty.categories)
        and binds(duty, rules.platform)
        and holds_in(duty, question.code, rules.jurisdictions)
    ]


def _watched(rules: Rules, row: JurisdictionRules) -> tuple[WatchedRow, ...]:
    # What GLOBAL watches is the law of countries that have no file.
    codes = {row.code, *(layer.code for layer in _layers(rules, row) if layer.code != GLOBAL)}
    return tuple(watched for watched in rules.watched if watched.jurisdiction in codes)


def _layers(rules: Rules, row: JurisdictionRules) -> tuple[JurisdictionRules, ...]:
    codes = [GLOBAL, *row.regions, *([row.part_of] if row.part_of else [])]
    return tuple(rules.jurisdictions[code] for code in codes if code != row.code)
