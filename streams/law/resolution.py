"""The law of a report: jurisdictions, duties, clocks to arm, routing, and what the rule of law asks for."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from streams.events.enriched_report import Jurisdiction
from streams.events.report import Category, MessageReport, Reporter, ReportKind
from streams.events.routing import Routing, RuleOfLaw
from streams.law.applicability import applicable
from streams.law.arming import strictest, why_not_armed
from streams.law.concerned import UNKNOWN, concerned, identified
from streams.law.duty import Duty, applied
from streams.law.routing import Place, places_of, routes
from streams.law.rule_of_law import TIERS, most_protective_tier, rule_of_law
from streams.registry.rules import Obligation, RuleOfLawTier, Rules
from streams.wire.encoding import encode

# Publishers give few distinct confidences, so most reports look like an earlier one: 16,384 of some 300 bytes are
# 5 MB. One that gives continuous confidences fills the cache with what never comes again; it is then emptied, which
# costs time and changes no result.
CACHED_REPORTS = 16_384
# Each holds some 3 KB of JSON.
CACHED_RULINGS = 4_096

_NO_ELEMENTS: frozenset[str] = frozenset()


class Ruling(NamedTuple):
    """What is the same for all reports of a kind and category that concern the same countries as surely.

    The last ones are JSON. `obligations_json` is None where a clock is armed: then it depends on when the report came.
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
    """The law of a report.

    `jurisdictions`: one entry per country, the most certain first; `places` say how sure they are. `duties`: those that
    may apply, GLOBAL before regions before countries; `armed` are those of them whose clock runs from when the report
    was received. `tier`: the most protective one among the countries; `protection` is its index, by which the channel's
    escalations bear it in mind. It is 0 if no place is named: that says nothing about courts, so it does not make a
    case of an open state another one. Those that end in `_json` are what is published; `obligations_json` is None where
    a clock is armed.
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
    """Resolves reports by one set of rules; remembers results, so that a usual report costs one look-up."""

    __slots__ = ("_changes", "_elements", "_resolved", "_rules", "_rulings")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        # The law changes on these days and is the same in between: a report's day matters only by its era.
        days = {duty.in_force_from.toordinal() for duty in rules.obligations}
        days |= {duty.in_force_until.toordinal() + 1 for duty in rules.obligations if duty.in_force_until}
        self._changes = sorted(days)
        self._elements = _elements_that_matter(rules)
        self._resolved: dict[object, Resolved] = {}
        self._rulings: dict[object, Ruling] = {}

    def resolve(self, report: MessageReport) -> Resolved:
        """Find what law a report meets.

        Law is that of the day (in UTC, so that the zone a publisher writes times in decides nothing) on which the
        platform received the report, or else on which it was made.
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
        state = by_state(report.reporter)
        key = (places, report.category, report.kind, private, state, era, elements)
        ruling = self._rulings.get(key)
        if ruling is None:
            day = date.fromordinal(self._changes[era - 1]) if era else date.min
            ruling = rule(
                self._rules, places, report.category, report.kind, day, elements, private=private, state=state
            )
            if len(self._rulings) >= CACHED_RULINGS:
                self._rulings.clear()
            self._rulings[key] = ruling
        return ruling


def by_state(reporter: Reporter | None) -> bool:
    """Whether a state reports through the channel of users."""
    return reporter is not None and reporter.kind == "state_actor"


def rule(
    rules: Rules,
    places: Sequence[Place],
    category: Category,
    kind: ReportKind,
    day: date,
    elements: Collection[str],
    *,
    private: bool,
    state: bool,
) -> Ruling:
    """Say what law a report of a kind and category meets that concerns `places` and was received on `day` (UTC).

    `elements` are those of its notice, `private` says that its channel is not open to the public, `state` that a state
    reported it.
    """
    codes = [place.code for place in places]
    met = rules.triggers.met_by_report.get(kind, frozenset())
    triggers = met | rules.triggers.possible.get(kind, frozenset())
    obligations = applicable(rules, codes, category, triggers, day, private=private)
    hardest = strictest(obligations, rules.targets)
    duties = tuple(
        Duty(duty, why_not_armed(duty, met, elements, rules.calendars), duty.id in hardest)
        for duty in obligations
    )
    armed = tuple(duty.obligation for duty in duties if duty.not_armed is None)
    tier = most_protective_tier(codes, rules.jurisdictions)
    protection = rule_of_law(tier, (category,), obligations, rules.categories, by_state=state)
    routing = routes(rules, places, obligations, category, protection.decision, day)
    return Ruling(
        tuple(places),
        duties,
        armed,
        tier,
        0 if codes[0] == UNKNOWN else TIERS.index(tier),
        routing,
        protection,
        None if armed else msgspec.Raw(encode(tuple(applied(duty, rules, 0) for duty in duties))),
        msgspec.Raw(encode(routing)),
        msgspec.Raw(encode(protection)),
    )


def _elements_that_matter(rules: Rules) -> dict[tuple[ReportKind, Category], frozenset[str]]:
    """The elements on which it depends whether a clock is armed, by kind and category of the report."""
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
        # Within a day of year 1 or 9999, where no law changes.
        return moment.replace(tzinfo=UTC)
