"""The same reports reach the same levels, however their sources and hops are read: from a backlog, or live."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.deciding.reports import apply
from streams.deciding.reports.rules import ReportRules
from tests.fixtures.hops import Highest, Hops, one_by_one
from tests.unit.test_episodes import EveryMinute, Seen
from tests.unit.traffic import HOUR, MINUTE, START, Record, compiled, levels, policy, report

PARTITIONS = 3
REACH = 12 * HOUR
CHANNELS = 3

# Of sums alone: what a further report can only raise. Who reports a channel again adds no risk while the first
# report is in the window, and which is the first depends on the order: so risk counts if everybody reports once.
_WHENS: dict[str, tuple[dict[str, Any], ...]] = {
    "reports": ({"reports": 2}, {"reports": 4}, {"reports": 6, "distinct_reporters": 4}),
    "reporters": ({"distinct_reporters": 2}, {"distinct_reporters": 3}, {"distinct_reporters": 4}),
    "flaggers": ({"reports": 5}, {"trusted_flaggers": 1}),
    "risk": ({"risk": 0.01}, {"risk": 0.03, "reports": 3}),
    "either": ({"reports": 2, "any_of": {"trusted_flaggers": 1, "distinct_reporters": 3}},),
}
# Each with the length of its panes.
_WINDOWS = {
    "PT5M": (5 * MINUTE, 5 * MINUTE),
    "PT1H": (HOUR, 5 * MINUTE),
    "PT3H": (3 * HOUR, HOUR),
    "PT24H": (24 * HOUR, HOUR),
    "P3D": (72 * HOUR, 24 * HOUR),
}
POLICIES = {
    f"{name}-{window.lower()}-{len(categories)}": (
        policy(
            id=f"{name}-{window.lower()}-{len(categories)}",
            categories=categories,
            window=window,
            window_ms=window_ms,
            levels=levels(*whens),
        ),
        pane_ms,
    )
    for name, whens in _WHENS.items()
    for window, (window_ms, pane_ms) in _WINDOWS.items()
    for categories in (("spam",), ("spam", "fraud"))
}


@lru_cache
def rules() -> ReportRules:
    """A policy for each measure, window, and one or two categories."""
    return compiled(*(each for each, _ in POLICIES.values()))


class Published(NamedTuple):
    """A report `occurred` minutes after START, in a source partition."""

    occurred: int
    source: int
    channel: int
    category: str
    # None: without a ref, so it goes straight to the channel's home.
    reporter: int | None
    flagger: bool


class Step(NamedTuple):
    """Up to `count` records are read of a place; None: of none, but all partitions are taken over."""

    place: int | None
    count: int


published = st.lists(
    st.builds(
        Published,
        # Around a few moments, so that there are floods.
        st.builds(lambda at, more: at + more, st.sampled_from([0, 55, 480, 1_140]), st.integers(0, 70)),
        st.integers(0, PARTITIONS - 1),
        st.sampled_from([0, 0, 1, 2]),
        st.sampled_from(["spam", "spam", "fraud"]),
        st.none() | st.integers(0, 5),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=30,
)
steps = st.lists(
    st.builds(Step, st.none() | st.integers(0, 3 * PARTITIONS - 1), st.sampled_from([1, 1, 2, 5, 30])),
    max_size=60,
)


def records(reports: Sequence[Published], *, everybody_once: bool = False) -> list[tuple[int, Record]]:
    """The reports with their source partitions, in the order in which they were published."""
    found = []
    for number, one in enumerate(sorted(reports, key=lambda one: one.occurred)):
        who: dict[str, Any] = {"kind": "trusted_flagger" if one.flagger else "user"}
        if one.reporter is not None:
            who["ref"] = f"r{number}" if everybody_once else f"u{one.reporter}"
        found.append(
            (
                one.source,
                report(
                    number,
                    START + one.occurred * MINUTE,
                    channel=f"c{one.channel}",
                    category=one.category,
                    reporter=who,
                    message_ref=f"m{one.channel}",
                ),
            )
        )
    return found


def read_in_any_order(published: Sequence[tuple[int, Record]], order: Sequence[Step]) -> Highest:
    """Read a backlog in this order, and then what is left; nothing gets ahead of anything by more than twelve
    hours.
    """
    hops = Hops(rules(), PARTITIONS)
    for partition, record in published:
        hops.publish(record, partition)
    places = list(hops.places())
    for step in (*order, *[Step(place, 30) for place in range(len(places))] * (4 * len(published))):
        if not hops.unapplied:
            break
        if step.place is None:
            hops.restore()
        else:
            hops.read(places[step.place], step.count, min(hops.unapplied.values()) + REACH)
    assert not hops.unapplied
    assert (hops.late, hops.judged_out_of_window) == (0, 0)
    return hops.highest


def without_risk(found: Highest) -> Highest:
    return {key: level for key, level in found.items() if not key[0].startswith("risk")}


def of_all_windows(reports: Sequence[Published]) -> Highest:
    """The highest level in any window, counted from a list of all reports; not for risk."""
    found: Highest = {}
    for name, (rule, pane_ms) in POLICIES.items():
        for channel in {one.channel for one in reports}:
            model = EveryMinute(rule, pane_ms)
            model.seen = [
                Seen(number, at, at, one.category, f"u{one.reporter}", one.flagger, 0)
                for number, one in enumerate(reports)
                if one.channel == channel and one.category in rule.categories
                for at in [START + one.occurred * MINUTE]
            ]
            highest = max((model.holds(each.occurred) for each in model.seen), default=0)
            if highest:
                found[name, rule.mode, f"c{channel}"] = highest
    return without_risk(found)


# Twice, and the second time after the window of ten minutes past, in which it is the third's only company.
SEEN_AGAIN = [
    Published(5, 0, 0, "spam", 1, False),
    Published(10, 1, 0, "spam", 2, False),
    Published(90, 0, 0, "spam", 1, False),
]


@settings(max_examples=100)
@given(published, steps, st.booleans())
@example(SEEN_AGAIN, [Step(0, 2), *[Step(place, 2) for place in (1, 4, 7, None, 2, 5, 8)]], False)
def test_any_interleaving_within_twelve_hours_reaches_the_same_levels(
    reports: list[Published], order: list[Step], everybody_once: bool
) -> None:
    backlog = records(reports, everybody_once=everybody_once)
    in_turn = one_by_one(rules(), PARTITIONS, backlog).highest
    found = read_in_any_order(backlog, order)
    assert without_risk(found) == without_risk(in_turn)
    if everybody_once:
        assert found == in_turn
    elif all(one.reporter is not None for one in reports):
        assert without_risk(found) == of_all_windows(reports)


# Six people report from 00:00 to 00:05, and one without a ref at 08:00 arrives first.
FLOOD = [Published(minute, 1, 0, "spam", minute, False) for minute in range(6)]
NEWER = Published(480, 0, 0, "spam", None, False)
SOURCE_OF_NEWER_FIRST = [Step(0, 1), Step(2, 1), Step(5, 1), Step(8, 1)]


def test_without_windows_of_the_past_a_backlog_would_miss_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    backlog = records([*FLOOD, NEWER])
    expected = one_by_one(rules(), PARTITIONS, backlog).highest
    assert read_in_any_order(backlog, SOURCE_OF_NEWER_FIRST) == expected
    monkeypatch.setattr(apply, "is_late", lambda *_: False)
    assert one_by_one(rules(), PARTITIONS, backlog).highest == expected
    missed = read_in_any_order(backlog, SOURCE_OF_NEWER_FIRST)
    assert "reporters-pt1h-1" not in {policy for policy, _, _ in missed}
