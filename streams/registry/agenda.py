"""What people must do about the law, and by when: rows to check again, duties that begin or end."""

from datetime import date, timedelta
from typing import Literal, NamedTuple

from streams.registry.row_of_law import WatchedRow
from streams.registry.rules import Authority, JurisdictionRules, Obligation, Rules

# Half a year: laws that set clocks have changed within one (India 2026, three numbers in ten days). A row
# that says something else in `review_by` has its reason there: a bill that will be voted on, or a law that
# has long ended.
REVIEW_AFTER = timedelta(days=180)

# A month is enough to confirm the day in the official journal, try the change, tell desks and subscribers and
# restart the workers, even if somebody is on holiday. A longer one would mostly remind of the same change
# again.
AHEAD = timedelta(days=30)

Reviewed = Obligation | WatchedRow | Authority | JurisdictionRules
Subject = Literal["obligation", "authority", "jurisdiction"]


class LawChange(NamedTuple):
    """A day on which a duty begins to apply, or on which it no longer does."""

    day: date
    obligation: str
    change: Literal["begins", "ends"]


def reviewed_rows(rules: Rules) -> tuple[Reviewed, ...]:
    """Give all rows that are reviewed: jurisdictions, authorities, duties, and law that is not in force."""
    return (*rules.jurisdictions.values(), *rules.authorities.values(), *rules.obligations, *rules.watched)


def subject(row: Reviewed) -> Subject:
    """Give what a row is about."""
    if isinstance(row, Obligation | WatchedRow):
        return "obligation"
    return "authority" if isinstance(row, Authority) else "jurisdiction"


def review_day(row: Reviewed) -> date:
    """Give the last day on which the row counts as reviewed."""
    return row.checked + REVIEW_AFTER if row.review_by is None else row.review_by


def overdue(row: Reviewed, today: date) -> bool:
    """Whether somebody should have checked the row again before `today`.

    A duty that has ended is never overdue: what it says about past days does not change any more.
    """
    return not ended(row, today) and review_day(row) < today


def ended(row: Reviewed, today: date) -> bool:
    """Whether the row is a duty that has ended before `today`."""
    return isinstance(row, Obligation) and (row.in_force_until or date.max) < today


def law_changes(rules: Rules) -> tuple[LawChange, ...]:
    """Give all days, past and future, on which a duty begins or ends, in the order of time."""
    found = [LawChange(duty.in_force_from, duty.id, "begins") for duty in rules.obligations]
    found += [
        LawChange(duty.in_force_until + timedelta(days=1), duty.id, "ends")
        for duty in rules.obligations
        # A duty until 9999-12-31 has no day after it.
        if duty.in_force_until is not None and duty.in_force_until < date.max
    ]
    return tuple(sorted(found))
