"""What is usual in a channel by hour of the week, and how surprising it is that more comes."""

from dataclasses import replace
from fractions import Fraction
from math import comb

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.counting.usual.expected import Expected
from streams.counting.usual.history import (
    HISTORY_KEPT_MS,
    History,
    decode_history,
    encode_history,
    expected_in,
    new_history,
)
from streams.counting.usual.surprise import chance_of, surprise_tenths
from streams.counting.windows import FINE_MS, window_spec, window_start, window_stop
from streams.deciding.reports.crowd import CHANNEL_HISTORY
from streams.deciding.reports.state import ReportState, restore_reports
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from tests.unit.registry_files import copy_files, edit
from tests.unit.traffic import START, compiled, escalations, fold, levels, of_topic, policy, report, run

WEEK = 7 * DAY
PT1H, PT24H = window_spec(HOUR, "PT1H"), window_spec(DAY, "PT24H")
SURPRISED = policy(levels=levels({"distinct_reporters": 3, "surprise": 4}))


def negative_binomial_tail(reports: int, mean: Fraction, shape: int) -> Fraction:
    """The probability of `reports` or more, by summing up all that is less."""
    fails = shape / (mean + shape)
    less = sum(comb(n + shape - 1, n) * fails**shape * (1 - fails) ** n for n in range(reports))
    return 1 - less


@given(st.integers(0, 60), st.integers(1, 40_000), st.integers(1, 8))
def test_the_chance_is_that_of_a_gamma_poisson_distribution(reports: int, thousandths: int, shape: int):
    mean = thousandths / 1000
    wanted = negative_binomial_tail(reports, Fraction(mean), shape)
    assert chance_of(reports, mean, shape) == pytest.approx(float(wanted), rel=1e-12)
    tenths = surprise_tenths(reports, mean, shape)
    # Off by one step only where the last bits of a float decide.
    almost = 1 + Fraction(1, 10**9)
    assert wanted**10 <= almost * Fraction(1, 10**tenths)
    assert tenths == 300 or wanted**10 * almost > Fraction(1, 10 ** (tenths + 1))


@given(st.integers(0, 5_000), st.floats(1e-6, 1e6), st.integers(1, 10**9))
def test_a_further_report_is_never_less_surprising_and_a_busier_channel_never_more(reports, mean, shape):
    here = surprise_tenths(reports, mean, shape)
    assert 0 <= here <= surprise_tenths(reports + 1, mean, shape) <= 300
    assert surprise_tenths(reports, mean * 2, shape) <= here
    assert not surprise_tenths(0, mean, shape)


def model(reports: list[tuple[int, int]], now: int) -> tuple[list[Fraction], int, int] | None:
    """By hour of the week what is expected in an hour, the evidence, and the first day that is not learned.

    From the list of all reports, (applied at, occurred), each time anew.
    """
    if not reports:
        return None
    first = reports[0][0] // DAY
    hours, weeks = [0] * 168, [0] * 7

    def rates() -> list[Fraction]:
        usual = Fraction(sum(hours) + 1000, 24 * sum(weeks) + 168_000)
        return [(hours[h] + 4000 * usual) / (weeks[h // 24] + 4000) for h in range(168)]

    until = now // DAY - 1
    for day in range(first, until):
        # What was noted before the day was learned: with the first report of the second day after.
        seen = [
            occurred // HOUR
            for applied, occurred in reports
            if occurred // DAY == day and applied // DAY < day + 2
        ]
        number = len(seen)
        most = 3000 + 2000 * sum(rates()[h % 168] for h in range(24 * day, 24 * day + 24))
        # The bound is rounded down to a thousandth. On one, the last bits of a float decide.
        if number > 3 and most < 1000 * number + 1:
            assume(abs(most - round(most)) > Fraction(1, 10**9))
        most = 1000 * number if number <= 3 else min(1000 * number, int(most))
        for hour in range(24 * day, 24 * day + 24):
            here = seen.count(hour)
            hours[hour % 168] = hours[hour % 168] * 7 // 8 + (here * most // number if here else 0)
        weeks[day % 7] = weeks[day % 7] * 7 // 8 + 1000
    return rates(), 1 + sum(hours) // 1000, max(first, until)


traffic = st.lists(
    st.tuples(
        st.sampled_from([0, MINUTE, HOUR, 5 * HOUR, DAY, 3 * DAY]),
        st.sampled_from([0, 0, 0, HOUR, 30 * HOUR]),
    ),
    min_size=1,
    max_size=60,
)


@given(traffic, st.integers(0, WEEK // HOUR), st.sampled_from([PT1H, PT24H]))
def test_what_is_expected_is_what_the_list_of_all_reports_says(steps, begin, spec):
    now = START + begin * HOUR
    history: History | None = None
    reports: list[tuple[int, int]] = []
    for step, late in steps:
        now += step
        history = new_history(now) if history is None else decode_history(encode_history(history))
        history.learn(now)
        reports.append((now, now - late))
        history.note(now - late)
    found = model(reports, now)
    assert history is not None and found is not None
    rates, evidence, unlearned = found
    assert history.unlearned == unlearned
    fine = now // FINE_MS
    panes = range(window_start(spec.ring, spec.panes, fine), window_stop(spec.ring, fine))
    mean = sum(rates[pane * FINE_MS // HOUR % 168] for pane in panes) / 12
    shown = expected_in(history, spec, now)
    assert shown.mean == pytest.approx(float(mean), rel=1e-9)
    assert shown.shape == evidence


def watched(weeks: int, by_hour: dict[int, int]) -> tuple[History, int]:
    """A history of whole weeks with so many reports in each of these hours of a day, and the time after."""
    history = new_history(START)
    for day in range(7 * weeks):
        for hour, number in by_hour.items():
            at = START + day * DAY + hour * HOUR
            history.learn(at)
            for _ in range(number):
                history.note(at)
    return history, START + weeks * WEEK


def test_what_is_usual_in_the_evening_is_surprising_in_the_morning():
    history, now = watched(8, {20: 4})
    history.learn(now)
    evening = expected_in(history, PT1H, now + 20 * HOUR + 59 * MINUTE)
    morning = expected_in(history, PT1H, now + 8 * HOUR + 59 * MINUTE)
    assert evening.mean > 10 * morning.mean
    assert surprise_tenths(4, *evening) < 10 < surprise_tenths(4, *morning)


def test_of_a_channel_of_which_nothing_is_known_one_report_a_week_is_expected():
    assert expected_in(None, PT24H, START) == Expected(pytest.approx(1 / 7), 1)
    # Three reports within a day.
    assert surprise_tenths(3, *expected_in(None, PT24H, START)) == 27
    assert surprise_tenths(1, *expected_in(None, PT1H, START)) == 22


def test_a_long_silence_is_forgotten_and_costs_nothing():
    history, now = watched(8, {20: 4})
    history.learn(now + HISTORY_KEPT_MS + 3 * DAY)
    assert expected_in(history, PT24H, now) == expected_in(None, PT24H, now)


def days_until_usual(history: History, now: int, reports: int) -> int:
    """For how many days a channel must be reported so often until a day of it surprises less than 3."""
    for day in range(1, 1_000):
        if surprise_tenths(reports, *expected_in(history, PT24H, now + DAY - 1)) < 30:
            return day - 1
        for hour in range(24):
            history.learn(now + hour * HOUR)
            for _ in range(reports // 24):
                history.note(now + hour * HOUR)
        now += DAY
    raise AssertionError("never")


def test_a_brigade_trains_a_channel_no_faster_than_an_ordinary_growth():
    """The figures of docs/policies-usual.md."""
    busy, now = watched(8, dict.fromkeys(range(8, 18), 1))
    quiet, _ = watched(8, {12: 1})
    assert days_until_usual(busy, now, 240) == 116
    assert days_until_usual(quiet, now, 240) == 183
    assert days_until_usual(new_history(now), now, 240) == 107


@given(st.integers(0, 10**6), st.integers(0, 6))
def test_a_day_adds_at_most_three_reports_and_twice_what_was_expected(number, weeks):
    history, now = watched(weeks, {12: 2})
    history.learn(now + DAY)
    usual = sum(expected_in(history, PT1H, now + hour * HOUR).mean for hour in range(24))
    history.waiting[now // HOUR + 5] = number
    before = sum(history.hours.values())
    history.learn(now + 2 * DAY)
    assert sum(history.hours.values()) - before <= 1000 * (3 + 2 * usual) + 1


def test_the_state_of_a_channel_is_bounded():
    history = new_history(START)
    for hour in range(60 * 24):
        at = START + hour * HOUR
        history.learn(at)
        history.waiting[at // HOUR] = 10**7
        history.note(at)
    assert len(history.hours) == 168
    assert len(history.waiting) <= 48
    assert len(encode_history(history)) < 2_000


def test_time_that_was_wrong_is_forgotten():
    history, now = watched(2, {12: 1})
    history.learn(now)
    history.note(now + HOUR)
    assert history.turn_back(now)
    assert not [hour for hour in history.waiting if hour > now // HOUR]
    history.learn(now + 5 * DAY)
    assert not history.turn_back(now)


def reports_of_weeks(weeks: int, category: str = "spam"):
    """Two reports on each day at noon, of members of whom nothing else is known."""
    return [
        report(2 * day + more, START + day * DAY + 12 * HOUR + more * MINUTE, category=category)
        for day in range(7 * weeks)
        for more in (0, 1)
    ]


def burst(at: int, number: int = 5, category: str = "spam"):
    return [report(10_000 + each, at + each * MINUTE, category=category) for each in range(number)]


def test_a_policy_opens_at_what_is_not_usual_and_says_how_improbable_it_is():
    rules = compiled(SURPRISED)
    state = ReportState(0, 1, rules)
    assert escalations(run(state, rules, reports_of_weeks(4))) == []
    opened = run(state, rules, burst(START + 28 * DAY + 3 * HOUR))
    [event] = of_topic(opened, "escalations")
    shown = event["conditions"][1]
    assert shown["measure"] == "surprise"
    assert shown["value"] >= 4
    # An ordinary noon opens nothing, and a busy one less easily than the night.
    state = ReportState(0, 1, rules)
    run(state, rules, reports_of_weeks(4))
    assert escalations(run(state, rules, burst(START + 28 * DAY + 12 * HOUR, 3))) == []


def test_several_categories_are_expected_together():
    both = policy(categories=("spam", "fraud"), levels=levels({"reports": 3, "surprise": 4}))
    rules = compiled(both, replace(both, id="copy", mode="shadow"))
    state = ReportState(0, 1, rules)
    changes = run(state, rules, [*reports_of_weeks(2), *burst(START + 14 * DAY, 1, "fraud")]).changes
    # Policies of the same categories share one history: a copy in shadow is as old as the live one.
    [history] = [key for key in changes if key[:1] == CHANNEL_HISTORY]
    assert history == b"hc\0fraud,spam"
    kept = state.crowd.history_of(b"c", b"fraud,spam")
    assert sum(kept.hours.values()) > 20_000
    assert (START + 14 * DAY) // HOUR in kept.waiting


def test_nothing_is_kept_for_policies_that_do_not_ask():
    rules = compiled(policy())
    changes = run(ReportState(0, 1, rules), rules, reports_of_weeks(1)).changes
    assert not [key for key in changes if key[:1] == CHANNEL_HISTORY]


def decided(outputs):
    """Without the counters, which are written once for each batch."""
    return [row for row in outputs if row.topic in ("escalations", "enriched-reports")]


@pytest.mark.parametrize("seed", range(2))
def test_takeovers_and_other_batches_give_the_same_bytes(seed):
    rules = compiled(SURPRISED)
    records = [*reports_of_weeks(3), *burst(START + 21 * DAY + 3 * HOUR)]
    whole, kept = ReportState(0, 1, rules), {}
    batch = run(whole, rules, records)
    fold(kept, batch.changes)
    state, pieces, outputs = ReportState(0, 1, rules), {}, []
    for begin in range(0, len(records), 4 + seed):
        part = run(state, rules, records[begin : begin + 4 + seed])
        fold(pieces, part.changes)
        outputs += part.outputs
        state = restore_reports(0, 1, rules, pieces.items())
    assert decided(outputs) == decided(batch.outputs)
    assert [row.topic for row in decided(outputs)].count("escalations") == 1
    histories = {key: value for key, value in kept.items() if key[:1] == CHANNEL_HISTORY}
    assert histories
    assert histories == {key: value for key, value in pieces.items() if key[:1] == CHANNEL_HISTORY}


def test_a_window_longer_than_a_day_is_refused(tmp_path):
    files = copy_files(tmp_path)
    edit(files, "policies.yaml", "when: {reports: 1}", "when: {reports: 1, surprise: 3}")
    with pytest.raises(RegistryError, match=r"policies\.yaml:\d+: .*window: must be at most PT24H"):
        load_rules(policies=tmp_path / "policies.yaml")
