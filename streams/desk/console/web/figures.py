"""The page of the day for those who lead a desk, and the same figures as a file."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.wire.times import DAY, epoch_ms, midnight_ms
from streams.desk.console.casework.permissions import may_see_figures
from streams.desk.console.read_model.desk.query import cases_opened
from streams.desk.console.read_model.figures.case_histories import case_histories, second_opinions
from streams.desk.console.read_model.figures.day_figures import (
    AGES,
    FIGURES,
    LEAST_PEOPLE,
    DayFigures,
    Figure,
    day_figures,
    due_clocks,
)
from streams.desk.console.read_model.figures.queue_figures import (
    MeasuredQueue,
    QueueFigures,
    queue_figures,
)
from streams.desk.console.read_model.finding.desk_views import queues
from streams.desk.console.web.bars import BarChart, bar_chart
from streams.desk.console.web.context import console_of, page, person_of
from streams.desk.text.spreadsheet_csv import spreadsheet_csv
from streams.running.wall_clock import clock_ms

# Two weeks: each weekday twice, and as many bars as a narrow screen can show.
_DAYS: Final = 14

_COLUMNS: Final = ("day", "figure", "category", "policy", "duty", "age", "queue", "value")


class ShownDays(NamedTuple):
    """The figures of days that follow each other, and those of queues with a target on each of them."""

    days: list[DayFigures]
    queues: list[list[QueueFigures]]


class PolicyShare(NamedTuple):
    """The share of a policy's decisions that did not uphold: on the day shown, and as a chart of all days."""

    policy: str
    decided: int
    percent: Figure
    chart: BarChart


def figures(request: Request) -> Response:
    """The figures of a day, and of the two weeks that end with it. Raises HTTPException for who may not."""
    days, of_queues = _shown_days(request)
    *_, shown = days
    context = {
        "nav": "figures",
        "shown": shown,
        "today": str(_today()),
        "kinds": FIGURES,
        "ages": [label for label, _ in AGES],
        "least": LEAST_PEOPLE,
        "charts": [
            bar_chart(kind.title, "day", _spans(days, [day.values[kind.name] for day in days]))
            for kind in FIGURES
        ],
        "dismissed": list(_policy_shares(days)),
        "queues": of_queues[-1],
    }
    return page(request, "figures.html", context)


def figures_file(request: Request) -> Response:
    """The same figures as CSV, one line for each. Raises HTTPException for who may not see the page."""
    shown = _shown_days(request)
    name = f"figures-{shown.days[-1].day}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(spreadsheet_csv(_COLUMNS, _rows(shown)), media_type="text/csv", headers=headers)


def _shown_days(request: Request) -> ShownDays:
    """The days that an address asks for, the last one being the day chosen."""
    person = person_of(request)
    if not may_see_figures(person):
        raise HTTPException(403, "Only leads see the figures of a day.")
    last = _chosen(request.query_params.get("day"))
    days = [last - timedelta(days=ago) for ago in reversed(range(_DAYS))]
    first_ms, end_ms = midnight_ms(days[0]), midnight_ms(last) + DAY
    console = console_of(request)
    reader = console.database.reader()
    kept = {duty.id for duty in console.duties.values() if duty.meaning != "deadline"}
    histories, now_ms = case_histories(reader, first_ms, person.categories), clock_ms()
    figures_of_days = day_figures(
        days,
        histories,
        second_opinions(reader, first_ms, end_ms, person.categories),
        due_clocks(reader, first_ms, end_ms, person.categories, lambda duty: duty not in kept),
        now_ms,
    )
    measured = [
        MeasuredQueue(
            each.view.name,
            each.view.target,
            epoch_ms(each.view.saved_at),
            cases_opened(reader, each.shown, person, first_ms, end_ms),
        )
        for each in queues(reader, person)
        if each.shown is not None and each.view.target is not None
    ]
    return ShownDays(figures_of_days, [queue_figures(day, measured, histories, now_ms) for day in days])


def _chosen(text: str | None) -> date:
    today = _today()
    if not text:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # The console knows a year, and the days before the one chosen are shown, too.
    if day is None or not today - timedelta(days=365) <= day <= today:
        raise HTTPException(400, "day must be today or a day of the last year, in UTC, such as " + str(today))
    return day


def _today() -> date:
    return datetime.fromtimestamp(clock_ms() / 1000, UTC).date()


def _spans(days: Sequence[DayFigures], values: Sequence[Figure]) -> list[tuple[str, float | str]]:
    """A figure by day; in place of one that is not a number, why it is none."""
    return [(day.day, "none" if value is None else value) for day, value in zip(days, values, strict=True)]


def _policy_shares(days: Sequence[DayFigures]) -> Iterator[PolicyShare]:
    """Every policy of which somebody decided a case on one of these days."""
    *_, shown = days
    for policy in sorted({policy for day in days for policy in day.dismissed_percent}):
        decided = sum(each.decided for group, each in shown.groups.items() if group.policy == policy)
        spans = _spans(days, [day.dismissed_percent.get(policy) for day in days])
        chart = bar_chart(f"{policy}: not upheld, percent", "day", spans)
        yield PolicyShare(policy, decided, shown.dismissed_percent.get(policy), chart)


def _rows(shown: ShownDays) -> Iterator[tuple[str, ...]]:
    """The lines of the file: per day the figures of all cases, then those by what they are counted by.

    By category and policy, and by duty, they have no lines that say zero.
    """
    for day, queues_of_day in zip(shown.days, shown.queues, strict=True):
        for kind in FIGURES:
            yield (day.day, kind.name, "", "", "", "", "", _cell(day.values[kind.name]))
        yield from _group_rows(day)
        for duty, became in day.clocks.items():
            for name, count in sorted(became.items()):
                yield (day.day, f"clocks_{name}", "", "", duty, "", "", str(count))
        for policy, percent in day.dismissed_percent.items():
            yield (day.day, "dismissed_percent", "", policy, "", "", "", _cell(percent))
        for each in queues_of_day:
            for part in ("opened", "in_time", "percent", "still_in_time"):
                value = _cell(getattr(each, part))
                yield (day.day, f"queue_{part}", "", "", "", "", each.name, value)


def _group_rows(day: DayFigures) -> Iterator[tuple[str, ...]]:
    for group, counted in day.groups.items():
        counts = [("opened", "", counted.opened), ("decided", "", counted.decided)]
        counts += [("waiting", age, count) for (age, _), count in zip(AGES, counted.waiting, strict=True)]
        for name, age, count in counts:
            if count:
                yield (day.day, name, group.category, group.policy, "", age, "", str(count))


def _cell(figure: Figure) -> str:
    return "" if figure is None else str(figure)
