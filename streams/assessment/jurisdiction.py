"""Which countries a report concerns, and which legal duties may follow.

A country is concerned if any evidence or hint names it: DSA art. 18 counts where the offence takes place and where
suspect and victim are, and the desk that reads the result decides how much certainty it needs. Obligations are an
overlay of the global row, the regions a country belongs to, and the country: each layer adds, none takes away.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime
from typing import NamedTuple, get_args

from streams.events.countries import COUNTRY_ALIASES
from streams.events.enriched_report import Jurisdiction, JurisdictionBasis
from streams.events.report import Category, MessageReport, ReportKind
from streams.registry.rules import Obligation, RuleOfLawTier, Rules

GLOBAL = "GLOBAL"
UNKNOWN = "XX"
NOWHERE = (Jurisdiction(UNKNOWN, 0.0, "none"),)

# Publishers give few distinct confidences, so most reports look like an earlier one: 16,384 of some 300 bytes are
# 5 MB. One that gives continuous confidences fills the cache with what never comes again; it is then emptied, which
# costs time and changes no result.
CACHED_REPORTS = 16_384
CACHED_DUTIES = 4_096

_BASIS_ORDER = {basis: order for order, basis in enumerate(get_args(JurisdictionBasis))}
_TIER_ORDER = {tier: order for order, tier in enumerate(get_args(RuleOfLawTier))}


class Located(NamedTuple):
    """Where a report belongs.

    `jurisdictions`: one entry per country, the most certain first. `obligations`: those that may apply, GLOBAL before
    regions before countries; `obligation_ids` are their ids. `tier`: the most protective one among the countries.
    """

    jurisdictions: tuple[Jurisdiction, ...]
    obligations: tuple[Obligation, ...]
    obligation_ids: tuple[str, ...]
    tier: RuleOfLawTier


class Locator:
    """Locates reports by one set of rules; remembers results, so that a usual report costs two look-ups."""

    __slots__ = ("_changes", "_duties", "_located", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        # The law changes on these days and is the same in between: a report's day matters only by its era.
        days = {duty.in_force_from.toordinal() for duty in rules.obligations}
        days |= {duty.in_force_until.toordinal() + 1 for duty in rules.obligations if duty.in_force_until}
        self._changes = sorted(days)
        self._located: dict[object, Located] = {}
        self._duties: dict[object, tuple[Obligation, ...]] = {}

    def locate(self, report: MessageReport) -> Located:
        """Find the countries concerned and the duties that may apply.

        Law is that of the day (in UTC, so that the zone a publisher writes times in decides nothing) on which the
        platform received the report, or else on which it was made.
        """
        channel = report.channel
        reporter = report.reporter
        received = report.received_at or report.occurred_at
        if received.tzinfo is not UTC:
            received = _in_utc(received)
        key = (
            report.evidence,
            channel.country,
            channel.language,
            None if reporter is None else reporter.country,
            report.category,
            report.kind,
            channel.visibility,
            bisect_right(self._changes, received.toordinal()),
        )
        located = self._located.get(key)
        if located is None:
            located = self._locate(report, key[-1])
            if len(self._located) >= CACHED_REPORTS:
                self._located.clear()
            self._located[key] = located
        return located

    def _locate(self, report: MessageReport, era: int) -> Located:
        jurisdictions = self._concerned(report)
        codes = tuple(sorted(jurisdiction.code for jurisdiction in jurisdictions))
        private = report.channel.visibility == "private"
        key = (codes, report.category, report.kind, private, era)
        duties = self._duties.get(key)
        if duties is None:
            duties = self._applicable(codes, report.category, report.kind, private, era)
            if len(self._duties) >= CACHED_DUTIES:
                self._duties.clear()
            self._duties[key] = duties
        rows = self._rules.jurisdictions
        tiers = [rows[code if code in rows else GLOBAL].rule_of_law for code in codes]
        return Located(
            jurisdictions,
            duties,
            tuple(duty.id for duty in duties),
            max(tiers, key=_TIER_ORDER.__getitem__),
        )

    def _concerned(self, report: MessageReport) -> tuple[Jurisdiction, ...]:
        hints = self._rules.location_hints
        channel = report.channel
        named: list[tuple[str | None, float, JurisdictionBasis]] = [
            (evidence.country, evidence.confidence, evidence.basis) for evidence in report.evidence
        ]
        named.append((channel.country, hints.channel, "channel"))
        if report.reporter is not None:
            named.append((report.reporter.country, hints.reporter, "reporter"))
        if channel.language is not None:
            language = channel.language.partition("-")[0].lower()
            named.append((hints.language_countries.get(language), hints.language, "language"))
        best: dict[str, Jurisdiction] = {}
        for country, confidence, basis in named:
            # A confidence of 0 says that it is not this country.
            if country is None or confidence == 0:
                continue
            code = COUNTRY_ALIASES.get(country, country)
            known = best.get(code)
            if known is None or (-confidence, _BASIS_ORDER[basis]) < (
                -known.confidence,
                _BASIS_ORDER[known.basis],
            ):
                best[code] = Jurisdiction(code, confidence, basis)
        if len(best) > 1:
            best.pop(UNKNOWN, None)
        if not best:
            return NOWHERE
        return tuple(sorted(best.values(), key=lambda entry: (-entry.confidence, entry.code)))

    def _applicable(
        self, codes: tuple[str, ...], category: Category, kind: ReportKind, private: bool, era: int
    ) -> tuple[Obligation, ...]:
        triggers = self._rules.triggers[kind]
        day = date.fromordinal(self._changes[era - 1]) if era else date.min
        return tuple(
            duty
            for duty in self._rules.obligations
            if category in duty.categories
            and duty.trigger in triggers
            and not (duty.public_only and private)
            and duty.in_force_from <= day
            and (duty.in_force_until is None or day <= duty.in_force_until)
            and any(self._holds_in(duty, code) for code in codes)
        )

    def _holds_in(self, duty: Obligation, code: str) -> bool:
        if duty.jurisdiction in (GLOBAL, code):
            return True
        row = self._rules.jurisdictions.get(code)
        return row is not None and duty.jurisdiction in row.regions and code not in duty.except_in


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # Within a day of year 1 or 9999, where no law changes.
        return moment.replace(tzinfo=UTC)
