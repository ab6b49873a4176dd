"""What people must do about the law, and by when: rows to check again or to sign, days that come."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal, NamedTuple

from streams.registry.jurisdiction import Authority, JurisdictionRules
from streams.registry.obligation import Obligation
from streams.registry.row_of_law import WatchedRow
from streams.registry.rules import Rules

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


# commencement: the day from which a law that is only adopted may be in force: somebody must then change its
# status. next: the next known day in the life of a law, such as a judgment.
DueKind = Literal["review", "begins", "ends", "commencement", "next", "calendar_ends"]


class DueDay(NamedTuple):
    """A day, what is due on it, for which row (or calendar), and what it is about."""

    day: date
    kind: DueKind
    id: str
    about: str


def rows_of_law(rules: Rules) -> tuple[Obligation | WatchedRow, ...]:
    """Give the duties and the law that is not in force."""
    return (*rules.obligations, *rules.watched)


def reviewed_rows(rules: Rules) -> tuple[Reviewed, ...]:
    """Give all rows that are reviewed: jurisdictions, authorities, duties, and law that is not in force."""
    return (*rules.jurisdictions.values(), *rules.authorities.values(), *rows_of_law(rules))


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


def unsigned_clocks(rules: Rules, today: date) -> tuple[Obligation, ...]:
    """Give the duties that can arm a clock and that nobody signed for the platform; not those that ended."""
    return tuple(
        duty
        for duty in rules.obligations
        if duty.arms and duty.duration is not None and duty.signed is None and not ended(duty, today)
    )


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


def due_days(rules: Rules, today: date, until: date) -> tuple[DueDay, ...]:
    """Give what is due up to and including `until`, in the order of time.

    What is late as of `today` is included, as long as the row says so. Workers apply the beginning and the
    end of a duty by themselves, so these are left out once the day has come.
    """
    found = (*_reviews(rules, today), *_changes(rules, today), *_lives(rules), *_calendars(rules))
    return tuple(sorted(due for due in found if due.day <= until))


def users_of_calendars(rules: Rules) -> dict[str, list[str]]:
    """Give the duties that count by each holiday calendar that is used."""
    users: dict[str, list[str]] = {}
    for duty in rules.obligations:
        if duty.holiday_calendar is not None:
            users.setdefault(duty.holiday_calendar, []).append(duty.id)
    return users


def _reviews(rules: Rules, today: date) -> Iterator[DueDay]:
    for row in reviewed_rows(rules):
        day = review_day(row)
        if overdue(row, today) or (day >= today and not ended(row, day)):
            yield DueDay(day, "review", *_named(row))


def _changes(rules: Rules, today: date) -> Iterator[DueDay]:
    titles = {duty.id: duty.title for duty in rules.obligations}
    for change in law_changes(rules):
        if change.day >= today:
            yield DueDay(change.day, change.change, change.obligation, titles[change.obligation])


def _lives(rules: Rules) -> Iterator[DueDay]:
    for row in rows_of_law(rules):
        if row.next is not None:
            yield DueDay(row.next.day, "next", row.id, row.next.what)
    for watched in rules.watched:
        if watched.status == "adopted" and watched.in_force_from is not None:
            yield DueDay(watched.in_force_from, "commencement", watched.id, watched.title)


def _calendars(rules: Rules) -> Iterator[DueDay]:
    users = users_of_calendars(rules)
    for calendar in rules.calendars.values():
        used = ", ".join(users.get(calendar.id, ()))
        about = f"used by {used}" if used else "no duty counts by it"
        yield DueDay(calendar.known_until, "calendar_ends", calendar.id, about)


def _named(row: Reviewed) -> tuple[str, str]:
    if isinstance(row, JurisdictionRules):
        return row.code, row.name
    return row.id, row.name if isinstance(row, Authority) else row.title
