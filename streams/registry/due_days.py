"""The days by which people must do something about the law."""

from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple

from streams.registry.agenda import Reviewed, law_changes, overdue, review_day, reviewed_rows, rows_of_law
from streams.registry.rules import Authority, JurisdictionRules, Obligation, Rules

# commencement: the day from which a law that is only adopted may be in force: somebody must then change its
# status. next: the next known day in the life of a law, such as a judgment.
DueKind = Literal["review", "begins", "ends", "commencement", "next", "calendar_ends"]


class DueDay(NamedTuple):
    """A day, what is due on it, for which row (or calendar), and what it is about."""

    day: date
    kind: DueKind
    id: str
    about: str


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
        if overdue(row, today) or (day >= today and not _ended(row, day)):
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


def _ended(row: Reviewed, day: date) -> bool:
    return isinstance(row, Obligation) and row.in_force_until is not None and row.in_force_until < day


def _named(row: Reviewed) -> tuple[str, str]:
    if isinstance(row, JurisdictionRules):
        return row.code, row.name
    return row.id, row.name if isinstance(row, Authority) else row.title
