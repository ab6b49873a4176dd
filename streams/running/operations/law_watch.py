"""What people must do about the law soon, as gauges: days that come, rows to check again or to sign."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import get_args

from streams.registry.agenda import (
    Subject,
    due_days,
    law_changes,
    overdue,
    reviewed_rows,
    subject,
    unsigned_clocks,
    users_of_calendars,
)
from streams.registry.rules import Rules
from streams.running.operations import metric_catalogue as catalogue
from streams.running.operations.values import Numbers, gauge


class LawWatch:
    """Compares the days in the rules with this machine's clock. The rules are those of the worker's start."""

    def __init__(self, rules: Rules, wall_clock: Callable[[], float] = time.time) -> None:
        self._rules = rules
        self._rows = reviewed_rows(rules)
        self._changes = law_changes(rules)
        self._calendars = users_of_calendars(rules)
        self._wall_clock = wall_clock
        self._day = date.min
        self._gauges: list[Numbers] = []

    def gauges(self) -> list[Numbers]:
        """The gauges now. They are computed once a day (UTC), because only the day matters."""
        today = datetime.fromtimestamp(self._wall_clock(), UTC).date()
        if today != self._day:
            self._day = today
            late = Counter(subject(row) for row in self._rows if overdue(row, today))
            self._gauges = [
                gauge(
                    catalogue.LAW_CHANGE,
                    (
                        ((change.obligation, change.change), _midnight(change.day))
                        for change in self._changes
                        if change.day > today
                    ),
                ),
                gauge(catalogue.LAW_OVERDUE, (((about,), late[about]) for about in get_args(Subject))),
                gauge(catalogue.LAW_DUE, self._earliest(today)),
                gauge(catalogue.LAW_UNSIGNED, [((), len(unsigned_clocks(self._rules, today)))]),
            ]
        return self._gauges

    def _earliest(self, today: date) -> Iterator[tuple[tuple[str], float]]:
        """The first day of each kind, also if it has passed.

        The beginning and the end of a duty have a gauge of their own. A calendar by which no duty counts may
        end.
        """
        first: dict[str, date] = {}
        for due in due_days(self._rules, today, date.max):
            if due.kind not in ("begins", "ends") and (
                due.kind != "calendar_ends" or due.id in self._calendars
            ):
                first.setdefault(due.kind, due.day)
        yield from (((kind,), _midnight(day)) for kind, day in first.items())


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
