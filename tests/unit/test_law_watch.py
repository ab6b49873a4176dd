"""The gauges of duties that begin or end and of rows to review, by the clock of the worker."""

from dataclasses import replace
from datetime import UTC, date, datetime

from streams.registry.rules import Rules
from streams.running.operations.law_watch import LawWatch
from tests.marked import read_on
from tests.unit.test_metrics import Worker, value


def moment(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


def test_they_follow_the_clock_of_a_worker_that_is_not_restarted(rules: Rules) -> None:
    changing, kept, ended = rules.obligations[:3]
    long_ago = date(2020, 1, 1)
    edited = replace(
        rules,
        authorities={},
        jurisdictions={},
        obligations=(
            replace(
                changing,
                in_force_from=date(2026, 6, 29),
                in_force_until=date(2026, 7, 28),
                review_by=date(2026, 6, 28),
            ),
            # 180 days later it is 2026-06-30.
            replace(
                kept,
                in_force_from=long_ago,
                in_force_until=None,
                sources=read_on(date(2026, 1, 1)),
                review_by=None,
            ),
            replace(
                ended, in_force_from=long_ago, in_force_until=date(2021, 1, 1), sources=read_on(long_ago)
            ),
        ),
    )
    now = moment(2026, 6, 28, 23, 59)
    watch = LawWatch(edited, lambda: now)

    def shown() -> tuple[dict[tuple[str, str], float], dict[str, float]]:
        changes, overdue = (
            [(each.labels, each.value) for each in numbers.family().samples] for numbers in watch.gauges()
        )
        return (
            {(labels["obligation"], labels["change"]): number for labels, number in changes},
            {labels["row"]: number for labels, number in overdue},
        )

    def late(number: int) -> dict[str, float]:
        return {"obligation": number, "authority": 0, "jurisdiction": 0}

    begins = {(changing.id, "begins"): moment(2026, 6, 29)}
    ends = {(changing.id, "ends"): moment(2026, 7, 29)}
    assert shown() == (begins | ends, late(0))
    now = moment(2026, 6, 29)
    assert shown() == (ends, late(1))
    now = moment(2026, 7, 1)
    assert shown() == (ends, late(2))
    now = moment(2026, 7, 29)
    assert shown() == ({}, late(1))


def test_a_worker_serves_them() -> None:
    found = Worker().scrape()
    for row in ("obligation", "authority", "jurisdiction"):
        assert value(found, "tocsin_law_rows_overdue", row=row) >= 0
