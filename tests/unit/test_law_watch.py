"""The gauges of duties that begin or end and of rows to review, by the clock of the worker."""

from dataclasses import replace
from datetime import UTC, date, datetime

from streams.registry.row_of_law import NextDay, Signature
from streams.registry.rules import Rules
from streams.running.operations.law_watch import LawWatch
from tests.marked import marked, read_on
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
        changes, overdue, *_ = (
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


def test_the_earliest_day_of_each_kind_stays_once_it_has_passed(rules: Rules) -> None:
    read, disputed = rules.obligations[:2]
    long_ago, far = date(2020, 1, 1), date(2030, 1, 1)
    used, unused = (replace(rules.calendars[name], known_until=date(2026, 12, 31)) for name in ("be", "id"))
    edited = replace(
        rules,
        authorities={},
        jurisdictions={},
        calendars={"be": used, "id": replace(unused, known_until=date(2026, 1, 1))},
        obligations=(
            replace(read, in_force_from=long_ago, in_force_until=None, review_by=far, holiday_calendar="be"),
            replace(
                disputed,
                in_force_from=long_ago,
                in_force_until=None,
                review_by=date(2026, 12, 1),
                next=NextDay(date(2026, 6, 30), "judgment"),
            ),
        ),
        watched=(),
    )
    now = moment(2026, 6, 1)
    watch = LawWatch(edited, lambda: now)

    def due() -> dict[str, float]:
        _, _, earliest, _ = watch.gauges()
        return {each.labels["due"]: each.value for each in earliest.family().samples}

    expected = {
        "next": moment(2026, 6, 30),
        "review": moment(2026, 12, 1),
        "calendar_ends": moment(2026, 12, 31),
    }
    assert due() == expected
    now = moment(2027, 2, 1)
    assert due() == expected


def test_rows_that_arm_a_clock_are_counted_until_they_are_signed(rules: Rules) -> None:
    duty = next(duty for duty in rules.obligations if duty.duration is not None)
    plain = replace(duty, marks=marked("verified"), in_force_until=None, signed=None)
    silent = (
        replace(plain, signed=Signature("counsel-1", date(2026, 6, 1))),
        replace(plain, marks=marked("unverified")),
        replace(plain, marks=marked("secondary"), secondary_arms=False),
        replace(plain, duration=None, standard="promptly"),
        replace(plain, in_force_from=date(2020, 1, 1), in_force_until=date(2026, 5, 31)),
    )
    watch = LawWatch(
        replace(rules, obligations=(plain, replace(plain, id=f"{duty.id}.2"), *silent)),
        lambda: moment(2026, 6, 1),
    )
    *_, unsigned = watch.gauges()
    (sample,) = unsigned.family().samples
    assert (sample.name, sample.value) == ("tocsin_law_rows_unsigned", 2)


def test_a_worker_serves_them() -> None:
    found = Worker().scrape()
    for row in ("obligation", "authority", "jurisdiction"):
        assert value(found, "tocsin_law_rows_overdue", row=row) >= 0
