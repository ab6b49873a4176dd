"""Budgets: what is beyond one waits for its turn, nothing is lost, and what concerns children or life opens."""

import dataclasses
from collections import Counter, defaultdict
from zlib import crc32

import msgspec
import pytest
from click import ClickException
from hypothesis import given
from hypothesis import strategies as st

from streams.commands.state.downgrade import _require_nothing_waits
from streams.commands.state.save_file import Section
from streams.contract.events.escalation import Escalation
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.deciding.reports.census import open_episodes
from streams.deciding.reports.escalation.budgets import (
    LONGEST_REST_MS,
    MOST_LISTED,
    RESTING,
    SPENT,
    Budgets,
    per_hour_here,
)
from streams.deciding.reports.escalation.episodes import EpisodeKey
from streams.deciding.reports.escalation.policies import compile_policy
from streams.deciding.reports.state import ReportState, rebind_reports, restore_reports
from streams.desk.text.story import story
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from streams.registry.rules import AskRules
from tests.unit.registry_files import copy_files, edit
from tests.unit.traffic import (
    START,
    SHIPPED,
    compiled,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

# One report opens level 1, three open level 2.
BUDGETED = policy(levels=levels({"reports": 1}, {"reports": 3}), per_hour=2, window="PT1H")


def first(channel: str, at: int, number: int = 0, **fields: object):
    """The report that crosses the threshold in a channel."""
    return report(crc32(f"{channel} {number}".encode()), at, channel=channel, **fields)


def events(batch) -> list[tuple[str, str, int]]:
    return [(each["type"], each["channel_ref"], each["level"]) for each in of_topic(batch, "escalations")]


def pass_time(state, rules, until: int, batches: list) -> None:
    """Let reports of another category move time on, a minute at a time around the turns of hours."""
    while state.time.now < until:
        now = min(until, (state.time.now // HOUR + 1) * HOUR)
        batches.append(run(state, rules, [report(now // MINUTE, now, channel="elsewhere", category="ip")]))


def test_what_is_beyond_the_budget_opens_later_in_the_order_in_which_it_came():
    rules = compiled(BUDGETED)
    state, batches = ReportState(0, 1, rules), []
    burst = [first(channel, START + place * MINUTE) for place, channel in enumerate("gfedcba")]
    batches.append(run(state, rules, burst))
    # Two within the budget, and the digest. The others wait.
    assert events(batches[0]) == [("opened", channel, 1) for channel in "gfe"]
    assert len(state.budgets) == 4
    pass_time(state, rules, START + 4 * HOUR, batches)
    opened = [
        (each["channel_ref"], each["at"][11:16])
        for batch in batches
        for each in of_topic(batch, "escalations")
        if each["type"] == "opened"
    ]
    assert opened == [
        ("g", "00:00"), ("f", "00:01"), ("e", "00:02"), ("c", "01:00"), ("d", "01:00"), ("a", "02:00"),
        ("b", "02:00"),
    ]  # fmt: skip
    assert not len(state.budgets)


def test_the_digest_says_at_the_end_of_the_hour_how_many_wait_and_which():
    rules = compiled(BUDGETED)
    state, batches = ReportState(0, 1, rules), []
    run(state, rules, [first(f"c{place}", START + place * 1_000) for place in range(3 + MOST_LISTED + 20)])
    pass_time(state, rules, START + HOUR, batches)
    [digest] = [each for batch in batches for each in of_topic(batch, "escalations") if "digest" in each]
    assert (digest["type"], digest["reason"], digest["channel_ref"]) == ("updated", "threshold_crossed", "c2")
    assert digest["digest"]["waiting"] == MOST_LISTED + 20
    assert [each["channel_ref"] for each in digest["digest"]["escalations"]] == [
        f"c{place}" for place in range(3, 3 + MOST_LISTED)
    ]
    assert digest["digest"]["hour"] == "2026-09-04T00:00:00.000Z"
    # Under the ids that are announced, all of them open within half a day, and none later than announced.
    announced = {each["escalation_id"] for each in digest["digest"]["escalations"]}
    pass_time(state, rules, START + 14 * HOUR, batches)
    opened = [
        each for batch in batches for each in of_topic(batch, "escalations") if each["type"] == "opened"
    ]
    assert len(opened) == MOST_LISTED + 20
    assert announced <= {each["escalation_id"] for each in opened}
    assert max(each["at"] for each in opened) <= digest["digest"]["open_by"]
    told = story([msgspec.convert(digest, Escalation)])
    assert "120 more cases wait for the budget, until" in told
    assert "c102 and 20 more" in told


def test_an_episode_that_opens_late_shows_what_it_crossed_and_stays_as_long_as_any():
    rules = compiled(BUDGETED)
    state, batches = ReportState(0, 1, rules), []
    message = {"message_ref": "m-1"}
    run(state, rules, [*(first(each, START) for each in "abc"), first("late", START + MINUTE, **message)])
    pass_time(state, rules, START + 3 * HOUR, batches)
    late = [
        each for batch in batches for each in of_topic(batch, "escalations") if each["channel_ref"] == "late"
    ]
    assert [each["type"] for each in late] == ["opened", "resolved"]
    # The hour of the report is over by now, and had one.
    assert late[0]["conditions"] == [{"measure": "reports", "value": 1.0, "threshold": 1.0}]
    assert late[0]["message_refs"] == ["m-1"]
    assert late[0]["at"] == "2026-09-04T01:00:00.000Z"
    assert late[1]["at"] >= "2026-09-04T01:30"


def test_a_higher_level_has_a_budget_of_its_own():
    rules = compiled(BUDGETED)
    state = ReportState(0, 1, rules)
    run(state, rules, [first(each, START) for each in "abcd"])
    assert len(state.budgets) == 1
    # What waits for a review becomes worse.
    worse = run(state, rules, [first("d", START + MINUTE, number) for number in (1, 2)])
    assert events(worse) == [("opened", "d", 2)]
    assert not len(state.budgets)
    # What is open already is no new case: it rises whatever is spent.
    for channel in "abc":
        raised = run(state, rules, [first(channel, START + 2 * MINUTE, number) for number in (1, 2)])
        assert events(raised) == [("updated", channel, 2)]


@pytest.mark.parametrize("category", ["csam", "threat_to_life", "ncii"])
def test_what_concerns_children_or_life_never_waits_and_is_counted(category):
    rules = compiled(policy(categories=(category,), levels=levels({"reports": 1}), per_hour=2))
    state = ReportState(0, 1, rules)
    batch = run(state, rules, [first(f"c{place}", START, category=category) for place in range(9)])
    assert [kind for kind, _, _ in events(batch)] == ["opened"] * 9
    assert {tuple(key): number for key, number in batch.counters.beyond_budget.items()} == {
        ("spam", 1, "never_rests"): 7
    }


def test_nothing_is_kept_and_nothing_waits_without_a_budget_or_in_shadow():
    for free in (
        policy(levels=levels({"reports": 1})),
        policy(levels=levels({"reports": 1}), per_hour=1, mode="shadow"),
    ):
        rules = compiled(free)
        state = ReportState(0, 1, rules)
        batch = run(state, rules, [first(f"c{place}", START) for place in range(9)])
        assert sum(row.topic.startswith("escalations") for row in batch.outputs) == 9
        assert not [key for key in batch.changes if key[:1] in (SPENT, RESTING)]


def test_each_partition_has_a_part_of_the_budget_that_is_never_nothing():
    parts = {
        (per_hour, partitions): per_hour_here(compile_policy(policy(per_hour=per_hour), "live"), partitions)
        for per_hour in (1, 20, 100)
        for partitions in (1, 12, 64)
    }
    assert parts == {
        (1, 1): 1, (1, 12): 1, (1, 64): 1, (20, 1): 20, (20, 12): 2, (20, 64): 1, (100, 1): 100, (100, 12): 9,
        (100, 64): 2,
    }  # fmt: skip


def test_nobody_is_asked_about_what_waits():
    ask = AskRules("live", 3, 2, 30 * MINUTE)
    rules = compiled(BUDGETED)
    rules = dataclasses.replace(rules, registry=dataclasses.replace(rules.registry, ask=ask))
    state = ReportState(0, 1, rules)
    run(state, rules, [first(each, START) for each in "abc"])
    crowd = [first("d", START + MINUTE, number, message_ref=f"m{number}") for number in range(5)]
    batch = run(state, rules, crowd)
    assert not [row for row in batch.outputs if row.topic in ("review-questions", "escalations")]
    assert len(state.budgets) == 1
    assert batch.counters.beyond_budget.total() == 1


def test_an_episode_whose_policy_is_gone_opens_and_ends():
    rules, gone = compiled(BUDGETED), compiled()
    state = ReportState(0, 1, rules)
    run(state, rules, [first(each, START) for each in "abcd"])
    rebind_reports(state, gone)
    batch = run(state, gone, [first("e", START + MINUTE, category="ip")])
    assert [each for each in events(batch) if each[1] == "d"] == [("opened", "d", 1), ("resolved", "d", 1)]


def test_a_case_that_ends_before_its_hour_says_first_who_waits():
    short = policy(
        levels=levels({"reports": 1}), per_hour=1, min_clear_ms=MINUTE, window="PT5M", window_ms=5 * MINUTE
    )
    rules = compiled(short)
    state = ReportState(0, 1, rules)
    run(state, rules, [first(each, START) for each in "abc"])
    batch = run(state, rules, [first("x", START + 20 * MINUTE, category="ip")])
    assert [each for each in events(batch) if each[1] == "b"] == [("updated", "b", 1), ("resolved", "b", 1)]


def test_time_that_was_wrong_frees_the_budget_and_prolongs_no_rest():
    rules = compiled(BUDGETED)
    state = ReportState(0, 1, rules)
    run(state, rules, [first(f"c{place}", START + 5 * DAY) for place in range(60)])
    state.turn_back(START, START, rules)
    assert max(rest.until for rest in state.budgets._resting.values()) <= START + LONGEST_REST_MS
    assert events(run(state, rules, [first("new", START + MINUTE)]))[-1] == ("opened", "new", 1)


def test_what_crossed_in_a_window_of_the_past_waits_no_longer_than_that_can_be_measured():
    budgets, now = Budgets(), START + DAY
    for channel in "ab":
        assert (
            budgets.admit(EpisodeKey(channel, "p", "live"), 1, 1, now, now, channel, may_rest=True) != "rests"
        )
    late = EpisodeKey("late", "p", "live")
    crossed = now - LONGEST_REST_MS + 10 * MINUTE
    assert budgets.admit(late, 1, 1, now, crossed, "late", may_rest=True) == "rests"
    rest = budgets.rest_of(late)
    assert (rest.until, rest.since) == (now + 10 * MINUTE, crossed)
    too_late = EpisodeKey("too late", "p", "live")
    assert budgets.admit(too_late, 1, 1, now, now - LONGEST_REST_MS, "x", may_rest=True) == "within"


bursts = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, MINUTE, 20 * MINUTE, HOUR, 5 * HOUR]), st.integers(1, 12)),
    max_size=25,
)


@given(bursts, st.integers(1, 4))
def test_who_opens_when_is_what_a_queue_says(steps, per_hour):
    """The model is a list of all that came, served hour by hour."""
    budgets, now, number = Budgets(), START, 0
    opened: dict[str, int] = {}
    came: list[tuple[int, str]] = []
    digests: set[str] = set()
    for step, count in steps:
        now += step
        for digest in list(budgets._digests):
            if budgets.due(digest, now + DAY) <= now:
                budgets.end_digest(digest)
        for key, rest in sorted(budgets._resting.items()):
            if rest.until <= now:
                opened[key.channel] = rest.until // HOUR
                budgets.wake(key)
        for _ in range(count):
            number += 1
            key = EpisodeKey(f"c{number:03}", "p", "live")
            came.append((now, key.channel))
            said = budgets.admit(key, 1, per_hour, now, now, key.channel, may_rest=True)
            if said != "rests":
                opened[key.channel] = now // HOUR
            if said == "digest":
                digests.add(key.channel)
    opened |= {key.channel: rest.until // HOUR for key, rest in budgets._resting.items()}
    in_hour: Counter[int] = Counter()
    beyond_in: set[int] = set()
    for at, channel in came:
        hour = at // HOUR
        turn = hour
        while in_hour[turn] >= per_hour:
            turn += 1
        if turn > hour and hour not in beyond_in:
            beyond_in.add(hour)
            assert channel in digests
            assert opened[channel] == hour
            continue
        if turn * HOUR < at + LONGEST_REST_MS:
            in_hour[turn] += 1
        assert opened[channel] == min(turn, (at + LONGEST_REST_MS) // HOUR)
    # Nobody is lost, and all is announced.
    assert len(opened) == len(came)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_takeovers_and_other_batches_give_the_same_escalations(size):
    rules = compiled(BUDGETED)
    records = [first(f"c{place % 23}", START + place * 4 * MINUTE, place) for place in range(120)]
    whole = ReportState(0, 1, rules)
    expected = [row for row in run(whole, rules, records).outputs if row.topic == "escalations"]
    state, kept, outputs = ReportState(0, 1, rules), {}, []
    for begin in range(0, len(records), size):
        batch = run(state, rules, records[begin : begin + size])
        fold(kept, batch.changes)
        outputs += [row for row in batch.outputs if row.topic == "escalations"]
        state = restore_reports(0, 1, rules, kept.items())
    assert outputs == expected
    assert len(outputs) > 20
    ids = defaultdict(list)
    for row in outputs:
        ids[msgspec.json.decode(row.value)["escalation_id"]].append(
            msgspec.json.decode(row.value)["sequence"]
        )
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in ids.values())


def test_a_report_whose_episode_waits_counts_as_escalated():
    rules = compiled(BUDGETED)
    state = ReportState(0, 1, rules)
    batch = run(state, rules, [first(each, START) for each in "abcde"])
    [counter] = of_topic(batch, "transparency-counters")
    assert [(row["escalated"], row["count"]) for row in counter["reports"]] == [(True, 5)]


@pytest.mark.parametrize("budget", ["{per_hour: 0}", "{per_hour: many}", "{per_day: 4}", "20"])
def test_a_budget_that_is_none_is_refused_with_file_and_line(tmp_path, budget):
    files = copy_files(tmp_path)
    edit(files, "policies.yaml", "    cooldown: PT24H\n", f"    cooldown: PT24H\n    budget: {budget}\n")
    with pytest.raises(RegistryError, match=r"policies\.yaml:\d+: policies\[\d+\]\.budget"):
        load_rules(policies=tmp_path / "policies.yaml")


def test_a_policy_without_a_budget_keeps_its_version(tmp_path):
    files = copy_files(tmp_path)
    assert load_rules(policies=tmp_path / "policies.yaml").policy_version == SHIPPED.policy_version
    edit(files, "policies.yaml", "    cooldown: PT24H\n", "    cooldown: PT24H\n    budget: {per_hour: 4}\n")
    changed = load_rules(policies=tmp_path / "policies.yaml")
    assert changed.policy_version != SHIPPED.policy_version
    assert {each.per_hour for each in changed.policies} == {None, 4}


def test_an_escalation_that_waits_is_not_counted_as_open_and_a_digest_raises_nothing():
    rules = compiled(BUDGETED)
    state, open_now = ReportState(0, 1, rules), Counter()
    batches = [run(state, rules, [first(each, START) for each in "abcdef"])]
    assert open_episodes(state) == {("spam", "live", 1): 3}
    pass_time(state, rules, START + HOUR, batches)
    for batch in batches:
        for step, number in batch.counters.escalations.items():
            open_now[step[:2] + (step.level,)] += -number if step.type == "resolved" else number
        open_now.subtract({tuple(each): number for each, number in batch.counters.raised_from.items()})
    assert +open_now == open_episodes(state)


def test_what_waits_is_not_lost_on_the_way_back_to_an_earlier_version():
    rules = compiled(BUDGETED)
    batch = run(ReportState(0, 1, rules), rules, [first(each, START) for each in "abcd"])
    with pytest.raises(ClickException, match="1 episodes of partition 0 wait for the budget"):
        _require_nothing_waits(Section("reports", 0, 0, None, {}), batch.changes)
