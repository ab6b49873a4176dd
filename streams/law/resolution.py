"""The law that applies to a report: jurisdictions, duties, clocks to arm, routing, and the rule-of-law gate."""

from bisect import bisect_right
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from streams.events.enriched_report import Jurisdiction
from streams.events.report import Category, MessageReport, Reporter, ReportKind
from streams.events.routing import Routing, RuleOfLaw
from streams.law.applicability import applicable
from streams.law.arming import strictest, why_not_armed
from streams.law.concerned import UNKNOWN, concerned, identified
from streams.law.duty import Duty, published_duty
from streams.law.routing import Place, places_of, routes
from streams.law.rule_of_law import TIERS, most_protective_tier, rule_of_law
from streams.registry.rules import Obligation, RuleOfLawTier, Rules
from streams.wire.encoding import encode

# Publishers use few distinct confidences, so most reports hit the cache: 16,384 entries of some 300 bytes are 5 MB. A
# publisher of continuous confidences fills it with entries that are never used again. It is then cleared, which costs
# time and changes no result.
CACHED_REPORTS = 16_384
# Each entry holds some 3 KB of JSON, so 12 MB in all.
CACHED_RULINGS = 4_096

_NO_ELEMENTS: frozenset[str] = frozenset()


class CaseFacts(NamedTuple):
    """What the law of a report depends on: reports with equal facts have one ruling.

    `elements` are those of its notice that matter. `private`: the channel is not open to the public. `by_state`: a state
    actor reported it. `era` numbers the days on which the law changes: the last one on which it had changed.
    """

    places: tuple[Place, ...]
    category: Category
    kind: ReportKind
    private: bool
    by_state: bool
    era: int
    elements: frozenset[str]


class Ruling(NamedTuple):
    """The part of `Resolved` shared by all reports of a kind and category that concern the same places.

    `obligations_json` is None if a clock is armed: the JSON then depends on when the report was received.
    """

    places: tuple[Place, ...]
    duties: tuple[Duty, ...]
    armed: tuple[Obligation, ...]
    tier: RuleOfLawTier
    protection: int
    routing: tuple[Routing, ...]
    rule_of_law: RuleOfLaw
    obligations_json: msgspec.Raw | None
    routing_json: msgspec.Raw
    rule_of_law_json: msgspec.Raw


class Resolved(NamedTuple):
    """The law that applies to a report.

    `jurisdictions`: one entry per country, the most certain first; `places` says how certain each is. `duties`: those
    that apply, GLOBAL before regions before countries; `armed`: those whose clock runs from the receipt of the report.
    `tier`: the most protective tier among the countries. `protection` is its index in TIERS, which the channel's
    escalations remember; it is 0 if no place is named, because an unknown place must not tighten the gate of cases in
    open states. The `_json` fields are what is published; `obligations_json` is None if a clock is armed.
    """

    jurisdictions: tuple[Jurisdiction, ...]
    jurisdictions_json: msgspec.Raw
    places: tuple[Place, ...]
    duties: tuple[Duty, ...]
    armed: tuple[Obligation, ...]
    tier: RuleOfLawTier
    protection: int
    routing: tuple[Routing, ...]
    rule_of_law: RuleOfLaw
    obligations_json: msgspec.Raw | None
    routing_json: msgspec.Raw
    rule_of_law_json: msgspec.Raw


class Resolver:
    """Resolves reports by one set of rules, and caches results: a typical report costs one look-up."""

    __slots__ = ("_changes", "_elements", "_resolved", "_rules", "_rulings")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        # The law changes on these days only, so the cache key holds the era of a report instead of its day.
        days = {duty.in_force_from.toordinal() for duty in rules.obligations}
        days |= {duty.in_force_until.toordinal() + 1 for duty in rules.obligations if duty.in_force_until}
        self._changes = sorted(days)
        self._elements = _elements_that_matter(rules)
        self._resolved: dict[object, Resolved] = {}
        self._rulings: dict[CaseFacts, Ruling] = {}

    def resolve(self, report: MessageReport) -> Resolved:
        """Find the law that applies to a report.

        It is the law of the day on which the platform received the report, or if that is not given, on which it was
        made. Days are in UTC, whatever time zone the publisher uses.
        """
        channel = report.channel
        reporter = report.reporter
        notice = report.notice
        received = report.received_at or report.occurred_at
        if received.tzinfo is not UTC:
            received = _in_utc(received)
        key = (
            report.evidence,
            channel.country,
            channel.language,
            None if reporter is None else reporter.country,
            by_state(reporter),
            report.category,
            report.kind,
            channel.visibility,
            bisect_right(self._changes, received.toordinal()),
            _NO_ELEMENTS
            if notice is None
            else self._elements.get((report.kind, report.category), _NO_ELEMENTS).intersection(
                notice.elements
            ),
        )
        resolved = self._resolved.get(key)
        if resolved is None:
            jurisdictions = concerned(report, self._rules.location_hints)
            ruling = self._ruling(report, jurisdictions, key[-2], key[-1])
            resolved = Resolved(jurisdictions, msgspec.Raw(encode(jurisdictions)), *ruling)
            if len(self._resolved) >= CACHED_REPORTS:
                self._resolved.clear()
            self._resolved[key] = resolved
        return resolved

    def _ruling(
        self,
        report: MessageReport,
        jurisdictions: tuple[Jurisdiction, ...],
        era: int,
        elements: frozenset[str],
    ) -> Ruling:
        certain = identified(report, self._rules.platform.certainty)
        places = places_of(self._rules, jurisdictions, certain)
        private = report.channel.visibility == "private"
        facts = CaseFacts(
            places, report.category, report.kind, private, by_state(report.reporter), era, elements
        )
        ruling = self._rulings.get(facts)
        if ruling is None:
            day = date.fromordinal(self._changes[era - 1]) if era else date.min
            ruling = rule(self._rules, facts, day)
            if len(self._rulings) >= CACHED_RULINGS:
                self._rulings.clear()
            self._rulings[facts] = ruling
        return ruling


def by_state(reporter: Reporter | None) -> bool:
    """Whether the reporter is a state actor who uses the reporting button of users."""
    return reporter is not None and reporter.kind == "state_actor"


def rule(rules: Rules, facts: CaseFacts, day: date) -> Ruling:
    """Find the law for reports with these facts that were received on `day` (UTC)."""
    places, category, kind = facts.places, facts.category, facts.kind
    codes = [place.code for place in places]
    met = rules.triggers.met_by_report.get(kind, frozenset())
    triggers = met | rules.triggers.possible.get(kind, frozenset())
    obligations = applicable(rules, codes, category, triggers, day, private=facts.private)
    strictest_ids = strictest(obligations, rules.targets)
    duties = tuple(
        Duty(duty, why_not_armed(duty, met, facts.elements, rules.calendars), duty.id in strictest_ids)
        for duty in obligations
    )
    armed = tuple(duty.obligation for duty in duties if duty.not_armed is None)
    tier = most_protective_tier(codes, rules.jurisdictions)
    protection = rule_of_law(tier, (category,), obligations, rules.categories, by_state=facts.by_state)
    routing = routes(rules, places, obligations, category, protection.decision, day)
    return Ruling(
        places,
        duties,
        armed,
        tier,
        0 if codes[0] == UNKNOWN else TIERS.index(tier),
        routing,
        protection,
        None if armed else msgspec.Raw(encode(tuple(published_duty(duty, rules, 0) for duty in duties))),
        msgspec.Raw(encode(routing)),
        msgspec.Raw(encode(protection)),
    )


def _elements_that_matter(rules: Rules) -> dict[tuple[ReportKind, Category], frozenset[str]]:
    """By kind and category of a report: the notice elements that decide whether a clock is armed."""
    return {
        (kind, category): frozenset(
            element
            for duty in rules.obligations
            if category in duty.categories
            and why_not_armed(duty, met, duty.required_elements, rules.calendars) is None
            for element in duty.required_elements
        )
        for kind, met in rules.triggers.met_by_report.items()
        for category in rules.categories
    }


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # Within a day of year 1 or 9999: no law changes there, so the zone does not matter.
        return moment.replace(tzinfo=UTC)
