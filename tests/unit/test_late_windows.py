"""Late reports are judged in the windows of their own time, so a backlog opens what live traffic would."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.contract.wire.envelope import rfc3339
from streams.deciding.reports.state import ReportState, restore_reports
from streams.registry.policy import Policy
from tests.unit.both_stages import Deployment, of
from tests.unit.test_episodes import EveryMinute, Seen
from tests.unit.traffic import (
    HOUR,
    MINUTE,
    START,
    Record,
    compiled,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
)

TEN, FOURTEEN = START + 10 * HOUR, START + 14 * HOUR
NEWEST = FOURTEEN - 2 * MINUTE

# --- a flood of 10:00 that is read after a report of 13:58


def backlog(categories: Sequence[str]) -> tuple[Record, list[Record]]:
    """A report of 13:58 without a ref, and those of twelve people from 10:00 to 10:20; all read at 14:00."""
    newest = report(0, NEWEST, appended=FOURTEEN, reporter={"kind": "user"})
    flood = [
        report(
            number + 1,
            TEN + number * 20 * MINUTE // 11,
            appended=FOURTEEN,
            category=categories[number % len(categories)],
            message_ref="m",
        )
        for number in range(12)
    ]
    return newest, flood


def published(reporters: str, rule: Policy, records: Iterable[Record], topic: str) -> list[dict[str, Any]]:
    if reporters == "on":
        return of(Deployment("shadow", policies=(rule,)).publish(records), topic)
    rules = compiled(rule)
    return of_topic(run(ReportState(0, 1, rules), rules, records), topic)


@pytest.mark.parametrize("categories", [("spam",), ("spam", "fraud")], ids=["single", "several"])
@pytest.mark.parametrize("reporters", ["off", "on"])
def test_a_flood_that_is_read_after_a_newer_report_opens_its_episode(
    reporters: str, categories: tuple[str, ...]
) -> None:
    rule = policy(
        categories=categories, levels=levels({"distinct_reporters": 10}, {"distinct_reporters": 12})
    )
    newest, flood = backlog(categories)
    first, second = published(reporters, rule, [newest, *flood], "escalations")
    assert [(event["type"], event["level"]) for event in (first, second)] == [("opened", 1), ("updated", 2)]
    # The tenth came at 10:16, the twelfth at 10:20: in the pane that ends at 10:25. Both are read at 13:58.
    for event, end, people in ((first, 20, 10), (second, 25, 12)):
        stop = TEN + end * MINUTE
        assert event["at"] == rfc3339(NEWEST)
        assert event["window"] == {"start": rfc3339(stop - HOUR), "end": rfc3339(stop)}
        assert event["counts"]["distinct_reporters"] == event["counts"]["reports"] == people

    # No window of now has them: judged in those alone, nothing opens.
    enriched = published(reporters, rule, [newest, *flood], "enriched-reports")
    assert len(enriched) == 13
    assert all(each["counted"] for each in enriched)
    assert max(each["channel_windows"][0]["reports"] for each in enriched) == 1

    in_order = published(reporters, rule, [*flood, newest], "escalations")
    assert [event["level"] for event in in_order if event["type"] != "resolved"] == [1, 2]
    assert [event["window"]["end"] for event in in_order[:2]] == [
        event["window"]["end"] for event in (first, second)
    ]


@pytest.mark.parametrize(("hours", "left_out"), [(12, 0), (13, 12)])
def test_a_report_of_more_than_twelve_hours_ago_is_counted_as_judged_out_of_window(
    hours: int, left_out: int
) -> None:
    rules = compiled(policy(levels=levels({"distinct_reporters": 10})))
    newest = report(0, TEN + hours * HOUR)
    late = [report(n, TEN + n * MINUTE, appended=newest.timestamp) for n in range(1, 13)]
    batch = run(ReportState(0, 1, rules), rules, [newest, *late])
    assert len(of_topic(batch, "escalations")) == (left_out == 0)
    assert batch.counters.judged_out_of_window == left_out
    assert all(each["counted"] for each in of_topic(batch, "enriched-reports"))


# --- any order in which nobody is overtaken by more than twelve hours


class Arrival(NamedTuple):
    """A report `occurred` minutes after START, and by how many minutes the others may overtake it."""

    occurred: int
    overtaken: int
    category: str
    reporter: int
    flagger: bool
    restored: bool


# Of sums alone: what a further report can only raise.
SUMS: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"reports": 2}, {"reports": 4}, {"reports": 6, "distinct_reporters": 4}),
    ({"distinct_reporters": 2}, {"distinct_reporters": 3}, {"distinct_reporters": 4}),
    ({"risk": 0.01}, {"risk": 0.03, "reports": 3}),
    ({"reports": 5}, {"trusted_flaggers": 1}),
    ({"reports": 2, "any_of": {"trusted_flaggers": 1, "distinct_reporters": 3}},),
)
WINDOWS = [("PT5M", 5 * MINUTE), ("PT1H", HOUR), ("PT3H", 3 * HOUR), ("PT24H", 24 * HOUR), ("P3D", 72 * HOUR)]
PANES = {"PT5M": 5 * MINUTE, "PT1H": 5 * MINUTE, "PT3H": HOUR, "PT24H": HOUR, "P3D": 24 * HOUR}

of_sums = st.builds(
    lambda when, window, categories: policy(
        levels=levels(*when), window=window[0], window_ms=window[1], categories=categories
    ),
    st.sampled_from(SUMS),
    st.sampled_from(WINDOWS),
    st.sampled_from([("spam",), ("spam", "fraud")]),
)
arrivals = st.lists(
    st.builds(
        Arrival,
        # Around a few moments, so that there are floods.
        st.builds(
            lambda at, more: min(at + more, 1_200), st.sampled_from([0, 55, 480, 1_140]), st.integers(0, 70)
        ),
        st.sampled_from([0, 0, 30, 720]) | st.integers(0, 720),
        st.sampled_from(["spam", "spam", "fraud"]),
        st.integers(0, 5),
        st.sampled_from([False, False, False, True]),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=100)
@given(rule=of_sums, arrivals=arrivals)
@example(
    rule=policy(levels=levels({"distinct_reporters": 2})),
    # The first reports again after the window of 10 minutes past, in which it is the second's only company.
    arrivals=[
        Arrival(5, 0, "spam", 1, False, False),
        Arrival(90, 0, "spam", 1, False, True),
        Arrival(10, 720, "spam", 2, False, False),
    ],
)
def test_any_order_within_twelve_hours_reaches_the_same_highest_level(
    rule: Policy, arrivals: list[Arrival]
) -> None:
    numbered = list(enumerate(arrivals))
    in_order = sorted(numbered, key=lambda each: each[1].occurred)
    # Those that come before a report and are newer are so by at most its `overtaken`.
    disordered = sorted(numbered, key=lambda each: each[1].occurred + each[1].overtaken)
    level, seen = applied(rule, in_order)
    assert applied(rule, disordered)[0] == level

    model = EveryMinute(rule, PANES[rule.window])
    model.seen = [each for each in seen if each.category in rule.categories]
    assert max((model.holds(each.occurred) for each in model.seen), default=0) == level


def applied(rule: Policy, order: Iterable[tuple[int, Arrival]]) -> tuple[int, list[Seen]]:
    """The highest level that was published, and each report with its risk."""
    rules = compiled(rule)
    state, stored = ReportState(0, 1, rules), dict[bytes, bytes]()
    highest, seen = 0, []
    for number, (minutes, _, category, reporter, flagger, restored) in order:
        occurred = START + minutes * MINUTE
        who = {"kind": "trusted_flagger" if flagger else "user", "ref": f"u{reporter}"}
        record = report(
            number, occurred, appended=START + 20 * HOUR, category=category, reporter=who, message_ref="m"
        )
        batch = run(state, rules, [record])
        fold(stored, batch.changes)
        if restored:
            state = restore_reports(0, 1, rules, stored.items())
        highest = max([highest, *(event["level"] for event in of_topic(batch, "escalations"))])
        assert batch.counters.judged_out_of_window == 0
        [enriched] = of_topic(batch, "enriched-reports")
        risk = round(enriched["risk"]["score"] * 1_000_000)
        seen.append(Seen(number, occurred, occurred, category, who["ref"], flagger, risk))
    return highest, seen
