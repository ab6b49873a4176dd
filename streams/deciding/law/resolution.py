"""The law that applies to a report: jurisdictions, duties, clocks to arm, routing, rule-of-law gate."""

from bisect import bisect_right
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from streams.contract.events.enriched_report import Jurisdiction
from streams.contract.events.report import Category, MessageReport, Reporter, ReportKind
from streams.contract.events.routing import Routing, RuleOfLaw
from streams.contract.wire.encoding import encode
from streams.deciding.law.applicability import applicable
from streams.deciding.law.arming import strictest, why_not_armed
from streams.deciding.law.bounded_cache import BoundedCache
from streams.deciding.law.concerned import UNKNOWN, concerned, identified
from streams.deciding.law.duty import Duty, published_duty
from streams.deciding.law.routing import CountryConcerned, places_of, routes
from streams.deciding.law.rule_of_law import TIERS, most_protective_tier, rule_of_law
from streams.registry.jurisdiction import RuleOfLawTier
from streams.registry.obligation import Obligation
from streams.registry.rules import Rules

# Publishers use few distinct confidences, so most reports look like an earlier one: 24 MiB hold some 15,000
# reports with one or two pieces of evidence. A publisher that gives continuous confidences and 32 pieces each
# fills the cache with 2,500 reports that never come again, not with as many as it sends.
CACHED_REPORTS_BYTES = 24 * 1024 * 1024
CACHED_RULINGS_BYTES = 8 * 1024 * 1024

# What an entry takes, measured with 1 to 32 pieces of evidence: its JSON is kept, and its objects are so many
# times as large. The estimate is at most a third too high.
_ENTRY_BYTES = 1_000
_BYTES_PER_JURISDICTION_BYTE = 4
_BYTES_PER_RULING_BYTE = 2

_NO_ELEMENTS: frozenset[str] = frozenset()


class CaseFacts(NamedTuple):
    """What the law of a report depends on: reports with equal facts have one ruling.

    `elements` are those of its notice that matter. `private`: the channel is not open to the public.
    `by_state`: a state actor reported it. `era` numbers the days on which the law changes: the last one on
    which it had changed.
    """

    places: tuple[CountryConcerned, ...]
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

    places: tuple[CountryConcerned, ...]
    duties: tuple[Duty, ...]
    armed: tuple[Obligation, ...]
    tier: RuleOfLawTier
    protection: int
    routing: tuple[Routing, ...]
    rule_of_law: RuleOfLaw
    obligations_json: msgspec.Raw | None
    routing_json: msgspec.Raw
    rule_of_law_json: msgspec.Raw


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """The law that applies to a report.

    `jurisdictions`: one entry per country, the most certain first; `places` says how certain each is.
    `duties`: those that apply, GLOBAL before regions before countries; `armed`: those whose clock runs from
    the receipt of the report. `tier`: the most protective tier among the countries. `protection` is its index
    in TIERS, which the channel's escalations remember; it is 0 if no place is named, because an unknown place
    must not tighten the gate of cases in open states. The `_json` fields are what is published;
    `obligations_json` is None if a clock is armed.
    """

    jurisdictions: tuple[Jurisdiction, ...]
    jurisdictions_json: msgspec.Raw
    places: tuple[CountryConcerned, ...]
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
    """Resolves reports by one set of rules, and caches results: a typical report costs one look-up.

    `days_of_change` are the ordinals of the days on which the law of some report changes.
    """

    __slots__ = ("_elements", "_resolved", "_rules", "_rulings", "days_of_change")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        # The law changes on these days only, so the cache key holds the era of a report instead of its day.
        days = {duty.in_force_from.toordinal() for duty in rules.obligations}
        days |= {duty.in_force_until.toordinal() + 1 for duty in rules.obligations if duty.in_force_until}
        days |= {
            until.toordinal() + 1 for row in rules.jurisdictions.values() for until, _ in row.earlier_tiers
        }
        self.days_of_change = sorted(days)
        self._elements = _elements_that_matter(rules)
        self._resolved: BoundedCache[object, Resolved] = BoundedCache(CACHED_REPORTS_BYTES)
        self._rulings: BoundedCache[CaseFacts, Ruling] = BoundedCache(CACHED_RULINGS_BYTES)

    def resolve(self, report: MessageReport) -> Resolved:
        """Find the law that applies to a report.

        It is the law of the day on which the platform received the report, or if that is not given, on which
        it was made. Days are in UTC, whatever time zone the publisher uses.
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
            bisect_right(self.days_of_change, received.toordinal()),
            _NO_ELEMENTS
            if notice is None
            else self._elements.get((report.kind, report.category), _NO_ELEMENTS).intersection(
                notice.contents
            ),
        )
        resolved = self._resolved.get(key)
        if resolved is None:
            jurisdictions = concerned(report, self._rules.location_hints)
            ruling = self._ruling(report, jurisdictions, key[-2], key[-1])
            resolved = Resolved(jurisdictions, msgspec.Raw(encode(jurisdictions)), *ruling)
            size = _ENTRY_BYTES + _BYTES_PER_JURISDICTION_BYTE * len(memoryview(resolved.jurisdictions_json))
            self._resolved.keep(key, resolved, size)
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
            day = date.fromordinal(self.days_of_change[era - 1]) if era else date.min
            ruling = rule(self._rules, facts, day)
            texts = (ruling.routing_json, ruling.rule_of_law_json, ruling.obligations_json)
            size = sum(len(memoryview(text)) for text in texts if text is not None)
            self._rulings.keep(facts, ruling, _ENTRY_BYTES + _BYTES_PER_RULING_BYTE * size)
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
    tier = most_protective_tier(codes, rules.jurisdictions, day)
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
    found: dict[tuple[ReportKind, Category], frozenset[str]] = {}
    with_elements = [duty for duty in rules.obligations if duty.required_elements]
    for kind, met in rules.triggers.met_by_report.items():
        may_run = [
            duty
            for duty in with_elements
            if Duty(
                duty,
                why_not_armed(duty, met, duty.required_elements, rules.calendars),
                strictest=False,
            ).may_run
        ]
        for category in rules.categories:
            found[kind, category] = frozenset(
                element
                for duty in may_run
                if category in duty.categories
                for element in duty.required_elements
            )
    return found


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # Within a day of year 1 or 9999: no law changes there, so the zone does not matter.
        return moment.replace(tzinfo=UTC)
