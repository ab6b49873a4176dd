"""Rows that the registry's owner should check again: valid, but unverified, possibly out of date, or risky."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from streams.events.report import ReporterKind, ReportKind
from streams.registry.rule_of_law_index import TierDifference, tier_differences
from streams.registry.rules import Rules, SourceRights, Verification

# Half a year: laws that set clocks have changed within one (India 2026, three numbers in ten days).
CHECKED_WITHIN = timedelta(days=180)

# Claims with a weight or a legal clock that a report by a user has not.
_VOUCHED_KINDS: tuple[ReportKind, ...] = (
    "trusted_flagger_notice",
    "statutory_victim_request",
    "automated_detection",
)
_VOUCHED_REPORTERS: tuple[ReporterKind, ...] = ("trusted_flagger", "automated")


@dataclass(frozen=True, slots=True)
class Finding:
    """A row and when it was last checked; `jurisdiction` is the code of its file."""

    subject: Literal["obligation", "authority", "jurisdiction"]
    id: str
    jurisdiction: str
    title: str
    checked: date
    verification: Verification


@dataclass(frozen=True, slots=True)
class LintReport:
    """Rows to check again, each list in the order jurisdictions, authorities, obligations.

    `unverified` rows are advisory only. `stale` rows were last checked more than 180 days ago. `future` rows have a
    checked date after today. `ending_calendars` are ids of holiday calendars that cover less than the next 180 days.
    `open_claims` are, by topic that takes reports of users, the claims there that the platform should vouch for.
    `tiers` are the states whose tier is not the index's; None without an index.
    """

    unverified: tuple[Finding, ...]
    stale: tuple[Finding, ...]
    future: tuple[Finding, ...]
    ending_calendars: tuple[str, ...]
    open_claims: Mapping[str, tuple[str, ...]]
    tiers: tuple[TierDifference, ...] | None


def lint(rules: Rules, today: date) -> LintReport:
    """Find the rows of law to check again, as of `today`."""
    rows = tuple(_rows(rules))
    return LintReport(
        unverified=tuple(row for row in rows if row.verification == "unverified"),
        stale=tuple(row for row in rows if today - row.checked > CHECKED_WITHIN),
        future=tuple(row for row in rows if row.checked > today),
        ending_calendars=tuple(
            calendar.id
            for calendar in rules.calendars.values()
            if calendar.known_until < today + CHECKED_WITHIN
        ),
        open_claims={
            topic: claims
            for topic, rights in rules.sources.items()
            if "user_report" in rights.kinds and (claims := _vouched(rights))
        },
        tiers=None if rules.index is None else tuple(tier_differences(rules.index, rules.jurisdictions)),
    )


def _vouched(rights: SourceRights) -> tuple[str, ...]:
    kinds = [kind for kind in _VOUCHED_KINDS if kind in rights.kinds]
    return (*kinds, *(kind for kind in _VOUCHED_REPORTERS if kind in rights.reporters))


def _rows(rules: Rules) -> Iterator[Finding]:
    for place in rules.jurisdictions.values():
        yield Finding("jurisdiction", place.code, place.code, place.name, place.checked, place.verification)
    for authority in rules.authorities.values():
        yield Finding(
            "authority",
            authority.id,
            authority.jurisdiction,
            authority.name,
            authority.checked,
            authority.verification,
        )
    for duty in rules.obligations:
        yield Finding("obligation", duty.id, duty.jurisdiction, duty.title, duty.checked, duty.verification)
