"""Rows for the registry's owner to look at: valid, but unverified, due for review, changing, or risky."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from streams.contract.events.report import ReporterKind, ReportKind
from streams.registry.agenda import (
    AHEAD,
    REVIEW_AFTER,
    LawChange,
    Reviewed,
    Subject,
    ended,
    law_changes,
    overdue,
    review_day,
    reviewed_rows,
    subject,
)
from streams.registry.jurisdiction import Authority, JurisdictionRules
from streams.registry.obligation import Obligation
from streams.registry.row_of_law import Verification
from streams.registry.rule_of_law_index import TierDifference, tier_differences
from streams.registry.rules import Rules, SourceRights

# Claims with a weight or a legal clock that a report by a user has not.
_VOUCHED_KINDS: tuple[ReportKind, ...] = (
    "trusted_flagger_notice",
    "statutory_victim_request",
    "automated_detection",
)
_VOUCHED_REPORTERS: tuple[ReporterKind, ...] = ("trusted_flagger", "automated")


@dataclass(frozen=True, slots=True)
class Finding:
    """A row, when it was last checked and when it must be again; `jurisdiction` is the code of its file."""

    subject: Subject
    id: str
    jurisdiction: str
    title: str
    checked: date
    review_by: date
    verification: Verification


@dataclass(frozen=True, slots=True)
class LintReport:
    """Rows to check again, each list in the order jurisdictions, authorities, obligations.

    `unverified` rows have an unverified part; a clock depends on the marks of time and dates only. `overdue`
    rows should have been checked again before today. `future` rows have a checked date after today. `changes`
    are the duties that begin or end within the next 30 days. `ending_calendars` are ids of holiday calendars
    that cover less than the next 180 days. `open_claims` are, by topic that takes reports of users, the
    claims there that the platform should vouch for. `tiers` are the states whose tier is not the index's;
    None without an index. `advisory` are the ids of the duties with a time whose clock a secondary mark keeps
    from running. `unsigned` are the duties, apart from those that have ended, that nobody signed for the
    platform; `lapsed` the rows that were signed in other words than they have now. `lacking` says, by row,
    which of status, owner and review day it does not give. `unquoted` are the duties with a number of time
    that is marked verified, and no source with a quote.
    """

    unverified: tuple[Finding, ...]
    overdue: tuple[Finding, ...]
    future: tuple[Finding, ...]
    changes: tuple[LawChange, ...]
    ending_calendars: tuple[str, ...]
    open_claims: Mapping[str, tuple[str, ...]]
    tiers: tuple[TierDifference, ...] | None
    advisory: tuple[str, ...]
    unsigned: tuple[Finding, ...]
    lapsed: tuple[str, ...]
    lacking: Mapping[str, tuple[str, ...]]
    unquoted: tuple[str, ...]


def lint(rules: Rules, today: date) -> LintReport:
    """Find the rows of law to check again, as of `today`."""
    rows = reviewed_rows(rules)
    return LintReport(
        unverified=tuple(_finding(row) for row in rows if row.verification == "unverified"),
        overdue=tuple(_finding(row) for row in rows if overdue(row, today)),
        future=tuple(_finding(row) for row in rows if row.checked > today),
        changes=tuple(change for change in law_changes(rules) if today < change.day <= today + AHEAD),
        ending_calendars=tuple(
            calendar.id
            for calendar in rules.calendars.values()
            if calendar.known_until < today + REVIEW_AFTER
        ),
        open_claims={
            topic: claims
            for topic, rights in rules.sources.items()
            if "user_report" in rights.kinds and (claims := _vouched(rights))
        },
        tiers=None if rules.index is None else tuple(tier_differences(rules.index, rules.jurisdictions)),
        advisory=tuple(
            duty.id
            for duty in rules.obligations
            if duty.advisory and duty.duration is not None and not ended(duty, today)
        ),
        unsigned=tuple(
            _finding(duty) for duty in rules.obligations if duty.signed is None and not ended(duty, today)
        ),
        lapsed=rules.lapsed_signatures,
        lacking={duty.id: duty.lacking for duty in rules.obligations if duty.lacking}
        | {row.id: row.lacking for row in rules.watched if row.lacking},
        unquoted=tuple(duty.id for duty in rules.obligations if _unquoted(duty) and not ended(duty, today)),
    )


def _unquoted(duty: Obligation) -> bool:
    timed = duty.duration is not None and duty.marks.time == "verified"
    return timed and not any(source.quote for source in duty.sources)


def _vouched(rights: SourceRights) -> tuple[str, ...]:
    kinds = [kind for kind in _VOUCHED_KINDS if kind in rights.kinds]
    return (*kinds, *(kind for kind in _VOUCHED_REPORTERS if kind in rights.reporters))


def _finding(row: Reviewed) -> Finding:
    if isinstance(row, JurisdictionRules):
        named = (row.code, row.code, row.name)
    else:
        named = (row.id, row.jurisdiction, row.name if isinstance(row, Authority) else row.title)
    return Finding(subject(row), *named, row.checked, review_day(row), row.verification)
