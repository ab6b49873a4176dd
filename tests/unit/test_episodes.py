"""Episodes: the state machine on a series of scores, and on reports against a minute by minute model."""

import operator
import random
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.envelope import rfc3339
from streams.counting.conditions import Condition
from streams.deciding.reports.escalation.episodes import (
    LATENESS_MS,
    CausingReport,
    Cooldown,
    Episode,
    Open,
    Scope,
    Timing,
    after_resolution,
    next_change_time,
    note_clear,
    resolution_time,
    rise,
)
from streams.deciding.reports.state import ReportState
from streams.registry.policy import Policy
from tests.unit.traffic import (
    DAY,
    HOUR,
    MINUTE,
    START,
    compiled,
    escalations,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

CAUSE = CausingReport("r", "user_report", None, "spam", 0, "message-reports", 0, 0, (), (), (), "open")
SCOPE = Scope(("spam",), HOUR, "level_1")


def opened(level: int = 1) -> Open:
    return Open("id", level, 1, None, "r", CAUSE, SCOPE)


# --- a day of minute scores that hover at the threshold


def scores() -> list[float]:
    source = random.Random(3)
    score = 45.0
    series = []
    for _ in range(1440):
        score += 0.05 * (50 - score) + source.gauss(0, 4)
        series.append(score)
    return series


def openings(series: list[float], clear_below: float, cooldown: int) -> int:
    timing = Timing(pane=1, min_clear=0, cooldown=cooldown)
    episode: Episode | None = None
    count = 0
    for minute, score in enumerate(series):
        if isinstance(episode, Cooldown) and next_change_time(episode, minute, timing) <= minute:
            episode = None
        if rise(episode, int(score >= 50)) == "opened":
            count += 1
            episode = opened()
        if isinstance(episode, Open):
            note_clear(episode, minute, clear=score < clear_below)
            resolved = resolution_time(episode, timing)
            if resolved is not None:
                episode = after_resolution(episode, resolved, timing)
    return count


def test_hysteresis_and_cooldown_reduce_the_openings_of_a_simulated_day() -> None:
    series = scores()
    assert sum(score >= 50 for score in series) == 617
    assert openings(series, clear_below=50, cooldown=0) == 62
    assert openings(series, clear_below=30, cooldown=0) == 8
    assert openings(series, clear_below=30, cooldown=60) == 7


# --- single steps


def test_only_a_higher_level_raises_and_only_a_level_above_the_last_opens_in_cooldown() -> None:
    assert [rise(None, level) for level in range(3)] == [None, "opened", "opened"]
    assert [rise(opened(2), level) for level in range(4)] == [None, None, None, "updated"]
    assert [rise(Cooldown(9, 2), level) for level in range(4)] == [None, None, None, "opened"]


def test_staying_clear_does_not_restart_the_clear_time() -> None:
    episode = opened()
    note_clear(episode, 100, clear=True)
    assert episode.clear_since == 100
    note_clear(episode, 200, clear=True)
    assert episode.clear_since == 100
    note_clear(episode, 300, clear=False)
    assert episode.clear_since is None


def test_due_times_of_an_open_clear_and_resolved_episode() -> None:
    timing = Timing(pane=300_000, min_clear=60_000, cooldown=5)
    episode = opened()
    assert next_change_time(episode, 300_000, timing) == 600_000
    assert next_change_time(episode, 599_999, timing) == 600_000
    note_clear(episode, 600_000, clear=True)
    assert next_change_time(episode, 600_000, timing) == 660_000 + LATENESS_MS
    assert next_change_time(after_resolution(episode, 660_000, timing), 0, timing) == 660_005


# --- on reports


def test_an_episode_opens_rises_resolves_and_opens_again() -> None:
    rules = compiled(policy(levels=levels({"reports": 2}, {"reports": 4})))
    state = ReportState(0, 1, rules)
    outcome = run(state, rules, [report(n, START + n * MINUTE) for n in range(5)])
    assert escalations(outcome) == [
        ("opened", 1, rfc3339(START + MINUTE)),
        ("updated", 2, rfc3339(START + 3 * MINUTE)),
    ]
    # All five reports leave the window at 01:00. The episode is clear for 30 minutes, then in cooldown until
    # 02:30.
    outcome = run(state, rules, [report(10, START + 2 * HOUR), report(11, START + 2 * HOUR)])
    assert escalations(outcome) == [("resolved", 2, rfc3339(START + HOUR + 30 * MINUTE))]
    outcome = run(state, rules, [report(12, START + 2 * HOUR + 30 * MINUTE)])
    assert escalations(outcome) == [("opened", 1, rfc3339(START + 2 * HOUR + 30 * MINUTE))]


def test_a_higher_level_opens_within_the_cooldown() -> None:
    rules = compiled(policy(levels=levels({"reports": 1}, {"reports": 3})))
    state = ReportState(0, 1, rules)
    run(state, rules, [report(0, START)])
    outcome = run(state, rules, [report(n, START + 2 * HOUR) for n in (1, 2, 3)])
    assert [event[:2] for event in escalations(outcome)] == [("resolved", 1), ("opened", 2)]


def test_an_episode_may_open_at_level_2_and_stays_open_while_that_holds() -> None:
    """One trusted flagger is enough for level 2, far from the ten reports of level 1."""
    rules = compiled(policy(levels=levels({"reports": 10}, {"trusted_flaggers": 1})))
    state = ReportState(0, 1, rules)
    flagger = {"kind": "trusted_flagger", "ref": "t"}
    outcome = run(state, rules, [report(0, START, reporter=flagger), report(1, START + 50 * MINUTE)])
    assert [event[:2] for event in escalations(outcome)] == [("opened", 2)]
    outcome = run(state, rules, [report(2, START + 3 * HOUR)])
    assert escalations(outcome) == [("resolved", 2, rfc3339(START + HOUR + 30 * MINUTE))]


def test_a_rise_while_clear_ends_the_clear_time() -> None:
    rules = compiled(
        policy(window="PT5M", window_ms=5 * MINUTE, levels=levels({"reports": 5}, {"automated": 1}))
    )
    state = ReportState(0, 1, rules)
    run(state, rules, [report(n, START) for n in range(5)])
    detector = {"kind": "automated"}
    outcome = run(state, rules, [report(5, START + 16 * MINUTE, reporter=detector)])
    assert [event[:2] for event in escalations(outcome)] == [("updated", 2)]
    # Not at 00:35, which is thirty minutes after it was first clear.
    assert escalations(run(state, rules, [tick(6, START + 5 * HOUR)])) == [
        ("resolved", 2, rfc3339(START + 50 * MINUTE))
    ]


def test_ticks_resolve_a_quiet_channel_at_the_same_time_however_often_they_come() -> None:
    rules = compiled(policy(levels=levels({"reports": 1})))
    results = []
    for passed in ([2 * HOUR], [n * MINUTE for n in range(1, 121)]):
        state = ReportState(0, 1, rules)
        run(state, rules, [report(0, START)])
        results.append([e for ms in passed for e in escalations(run(state, rules, [tick(1, START + ms)]))])
    assert results[0] == results[1] == [("resolved", 1, rfc3339(START + HOUR + 30 * MINUTE))]


# --- the model


class Seen(NamedTuple):
    number: int
    occurred: int
    now: int
    category: str
    reporter: str
    flagger: bool
    risk: int


class EveryMinute:
    """One policy in one channel. Evaluates every minute, and counts from the list of all reports.

    A reporter's report adds no risk while the one that did last is in the window. Flaggers always add theirs.
    """

    def __init__(self, policy: Policy, pane: int) -> None:
        self.policy = policy
        self.pane = pane
        self.seen: list[Seen] = []
        self.counted_at: dict[str, int] = {}
        self.newest_of: dict[str, int] = {}
        self.now = START
        self.level = 0
        self.clear_since: int | None = None
        self.cooldown_until = 0
        self.last_level = 0
        self.events: list[tuple[str, int, str]] = []

    def advance(self, time: int) -> None:
        for minute in range(self.now // MINUTE + 1, time // MINUTE + 1):
            self.minute(minute * MINUTE)
        self.now = time

    def minute(self, time: int) -> None:
        if self.level and self.clear_since is None and self.is_clear(time):
            self.clear_since = time
        if self.level and self.clear_since is not None:
            resolves = self.clear_since + self.policy.min_clear_ms
            if time - 5 * MINUTE >= resolves:
                self.events.append(("resolved", self.level, rfc3339(resolves)))
                self.cooldown_until = resolves + self.policy.cooldown_ms
                self.last_level, self.level, self.clear_since = self.level, 0, None

    def apply(self, seen: Seen) -> None:
        self.advance(seen.now)
        self.seen.append(seen if self.adds_risk(seen) else seen._replace(risk=0))
        level = max(map(self.holds, (seen.now, *self.ended(seen))))
        if level > self.level and (self.level or seen.now >= self.cooldown_until or level > self.last_level):
            self.events.append(("updated" if self.level else "opened", level, rfc3339(seen.now)))
            self.level = level
            # A window that ended may hold while that of now is clear.
            self.clear_since = seen.now if self.is_clear(seen.now) else None
        elif self.level and not self.is_clear(seen.now):
            self.clear_since = None

    def adds_risk(self, seen: Seen) -> bool:
        who = seen.reporter
        before = self.counted_at.get(who, self.newest_of.get(who))
        self.newest_of[who] = max(seen.occurred, self.newest_of.get(who, seen.occurred))
        if seen.flagger:
            return True
        repeated = before is not None and before // self.pane >= self.oldest(seen.occurred)
        if repeated:
            self.counted_at[who] = before
        else:
            self.counted_at.pop(who, None)
        return not repeated

    def oldest(self, time: int) -> int:
        return time // self.pane - self.policy.window_ms // self.pane + 1

    def ended(self, late: Seen) -> list[int]:
        """The ends of the windows that the report is in and that ended before it came, if a report ends them."""
        own, current = late.occurred // self.pane, late.now // self.pane
        after = own + self.policy.window_ms // self.pane
        panes = {seen.occurred // self.pane for seen in self.seen}
        return [pane * self.pane for pane in panes if own <= pane < min(after, current)]

    def values(self, time: int) -> Mapping[str, float]:
        newest = time // self.pane
        oldest = self.oldest(time)
        inside = [seen for seen in self.seen if oldest <= seen.occurred // self.pane <= newest]
        return {
            "reports": len(inside),
            "distinct_reporters": len({seen.reporter for seen in inside}),
            "trusted_flaggers": sum(seen.flagger for seen in inside),
            "risk": sum(seen.risk for seen in inside) / 1_000_000,
        }

    def holds(self, time: int) -> int:
        values = self.values(time)
        holding = [
            level.level
            for level in self.policy.levels
            if all(met(one, values) for one in level.when)
            and (not level.any_of or any(met(one, values) for one in level.any_of))
        ]
        return max(holding, default=0)

    def is_clear(self, time: int) -> bool:
        values = self.values(time)
        first = self.policy.levels[0]
        return not self.holds(time) and not any(
            met(one, values, self.policy.clear_below)
            for one in (*first.when, *first.any_of)
            if one.comparison in (">=", ">")
        )


COMPARE = {">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le}


def met(one: Condition, values: Mapping[str, float], factor: float = 1) -> bool:
    return COMPARE[one.comparison](values[one.measure.name], factor * one.threshold)


WHENS: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"reports": 1},),
    ({"reports": 2}, {"reports": 4}, {"reports": 6, "distinct_reporters": 4}),
    ({"distinct_reporters": 2}, {"distinct_reporters": 3, "trusted_flaggers": 1}),
    ({"risk": 0.05}, {"risk": 0.1, "reports": 3}),
    ({"reports": 5}, {"trusted_flaggers": 1}),
    ({"reports": 6, "distinct_reporters": 2}, {"reports": 9, "distinct_reporters": 3}),
    ({"reports": (">", 2), "distinct_reporters": ("<", 4)}, {"reports": 7, "distinct_reporters": ("<=", 2)}),
    ({"reports": 1, "any_of": {"trusted_flaggers": (">", 0), "risk": 0.06, "distinct_reporters": 3}},),
    (
        {"reports": 2, "trusted_flaggers": ("<=", 0)},
        {"reports": (">", 3), "any_of": {"risk": ("<", 0.05), "distinct_reporters": 5}},
    ),
)

policies = st.builds(
    lambda when, window, clear_below, min_clear, cooldown, categories: policy(
        levels=levels(*when),
        window=window[0],
        window_ms=window[1],
        clear_below=clear_below,
        min_clear_ms=min_clear * MINUTE,
        cooldown_ms=cooldown * MINUTE,
        categories=categories,
    ),
    st.sampled_from(WHENS),
    st.sampled_from([("PT5M", 5 * MINUTE), ("PT1H", HOUR), ("PT3H", 3 * HOUR)]),
    st.sampled_from([0.3, 0.6, 1.0]),
    st.sampled_from([0, 7, 45]),
    st.sampled_from([0, 3, 30, 200]),
    st.sampled_from([("spam",), ("spam", "fraud")]),
)
arrivals = st.lists(
    st.tuples(
        # minutes since the last report, seconds late, category, reporter, whether a trusted flagger
        st.sampled_from([0, 0, 1, 4, 20, 61, 250]),
        st.sampled_from([0, 0, 30, 400, 2_000, 8_000]),
        st.sampled_from(["spam", "spam", "fraud"]),
        st.integers(0, 4),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=250)
@given(policy=policies, arrivals=arrivals)
def test_episodes_agree_with_a_model_that_checks_every_minute(
    policy: Policy, arrivals: list[tuple[Any, ...]]
) -> None:
    rules = compiled(policy)
    state = ReportState(0, 1, rules)
    model = EveryMinute(policy, 5 * MINUTE if policy.window_ms <= HOUR else HOUR)
    events: list[dict[str, Any]] = []
    clock = START + HOUR
    for number, (minutes, late, category, reporter, flagger) in enumerate(arrivals):
        clock += minutes * MINUTE
        occurred = clock - late * 1000
        who = {"kind": "trusted_flagger" if flagger else "user", "ref": f"u{reporter}"}
        outcome = run(state, rules, [report(number, occurred, category=category, reporter=who)])
        events += of_topic(outcome, "escalations")
        [enriched] = of_topic(outcome, "enriched-reports")
        model.advance(state.time.now)
        if category in policy.categories:
            risk = round(enriched["risk"]["score"] * 1_000_000)
            model.apply(Seen(number, occurred, state.time.now, category, who["ref"], flagger, risk))
    events += of_topic(run(state, rules, [tick(len(arrivals), clock + 2 * DAY)]), "escalations")
    model.advance(state.time.now)

    assert [(event["type"], event["level"], event["at"]) for event in events] == model.events
    check_invariants(events, policy)
    if arrivals:
        assert not state.episodes


def check_invariants(events: list[dict[str, Any]], policy: Policy) -> None:
    for before, event in _pairs(events):
        if event["type"] == "opened":
            assert before is None or before["type"] == "resolved"
            assert event["sequence"] == 1
            if before is not None:
                within = event["at"] < rfc3339(_ms(before["at"]) + policy.cooldown_ms)
                assert not within or event["level"] > before["level"]
                assert event["escalation_id"] != before["escalation_id"]
        else:
            assert before is not None
            assert before["type"] != "resolved"
            assert event["sequence"] == before["sequence"] + 1
            assert event["escalation_id"] == before["escalation_id"]


def _pairs(events: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any]]]:
    yield from zip([None, *events], events, strict=False)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
