"""How many members a channel has: whose claim counts, and what a policy does with it."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.wire.rejection import Rejected
from streams.counting.usual.channel_size import ChannelSize, with_claim
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reports.crowd import CHANNEL_SIZE
from streams.deciding.reports.state import ReportState, restore_reports
from tests.unit.both_stages import Deployment, of
from tests.unit.traffic import (
    DAY,
    HOUR,
    MINUTE,
    START,
    compiled,
    escalations,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
)

# Five of each thousand members.
FIVE = policy(levels=levels({"distinct_reporters": 3, "per_thousand_members": 5}))


def sized(number: int, members: int | None, time: int = START, **fields: object):
    channel = {"ref": "c", "visibility": "public"} | ({} if members is None else {"members": members})
    made = report(number, time + number * MINUTE, **fields)
    body = msgspec.json.decode(made.value) | {"channel": channel}
    return made._replace(value=msgspec.json.encode(body))


claims = st.lists(st.tuples(st.integers(0, 5 * DAY), st.integers(1, 10**10)), max_size=30)


def model(made: list[tuple[int, int]]) -> int | None:
    """The size by the rule in words, from the list of all claims each time."""
    size, days = None, {}
    for at, members in made:
        day = at // DAY
        if days and day < max(days):
            continue
        if size is None:
            days[day] = size = members
            continue
        start = days.setdefault(day, size)
        size = max(min(members, 2 * start), (start + 1) // 2)
    return size


@given(claims)
def test_the_last_claim_counts_within_bounds(made: list[tuple[int, int]]) -> None:
    known: ChannelSize | None = None
    for at, members in made:
        known = with_claim(known, members, at)
    assert (None if known is None else known.members) == model(made)


@given(st.integers(1, 10**10), st.lists(st.integers(1, 10**10), min_size=1, max_size=20))
def test_no_claims_of_one_day_change_a_size_more_than_twofold(first: int, wrong: list[int]) -> None:
    known = with_claim(None, first, 0)
    for members in wrong:
        known = with_claim(known, members, DAY)
        assert first <= 2 * known.members <= 4 * first
    # Who is right on the day after pulls it back.
    back = with_claim(known, first, 2 * DAY)
    assert back.members == first


def test_a_hundredfold_takes_seven_days() -> None:
    sizes = [with_claim(None, 1_000, 0)]
    while sizes[-1].members < 100_000:
        sizes.append(with_claim(sizes[-1], 10**10, len(sizes) * DAY))
    assert len(sizes) - 1 == 7
    assert all(later.members == 2 * earlier.members for earlier, later in pairwise(sizes))


def test_a_channel_opens_by_its_share_of_members() -> None:
    rules = compiled(FIVE)
    large, small = ReportState(0, 1, rules), ReportState(0, 1, rules)
    assert escalations(run(large, rules, [sized(number, 100_000) for number in range(4)])) == []
    opened = run(small, rules, [sized(number, 800) for number in range(4)])
    [event] = of_topic(opened, "escalations")
    # The fourth report makes 4 of 800.
    assert event["conditions"][1] == {"measure": "per_thousand_members", "value": 5.0, "threshold": 5.0}


def test_a_channel_of_unknown_size_does_not_open_by_it() -> None:
    rules = compiled(FIVE)
    state = ReportState(0, 1, rules)
    assert escalations(run(state, rules, [sized(number, None) for number in range(50)])) == []
    # One report that says it is enough, for all that are in the window.
    assert [kind for kind, _, _ in escalations(run(state, rules, [sized(55, 8_000)]))] == ["opened"]


def test_a_claim_of_one_member_makes_one_reporter_no_crowd() -> None:
    rules = compiled(policy(levels=levels({"reports": 1, "per_thousand_members": 10.1})))
    assert escalations(run(ReportState(0, 1, rules), rules, [sized(1, 1)])) == []


def test_several_categories_have_one_size() -> None:
    both = policy(categories=("spam", "fraud"), levels=levels({"per_thousand_members": 4}))
    rules = compiled(both)
    state = ReportState(0, 1, rules)
    first = [sized(1, 1_000), sized(2, None, category="fraud"), sized(3, None)]
    assert escalations(run(state, rules, first)) == []
    # Who reports both categories is one.
    again = sized(4, None, category="fraud", reporter={"kind": "user", "ref": "u1"})
    assert escalations(run(state, rules, [again])) == []
    assert [kind for kind, _, _ in escalations(run(state, rules, [sized(5, None)]))] == ["opened"]


def test_nothing_is_kept_of_sizes_that_no_policy_asks_for() -> None:
    rules = compiled(policy())
    state = ReportState(0, 1, rules)
    batch = run(state, rules, [sized(number, 1_000) for number in range(4)])
    assert not [key for key in batch.changes if key[:1] == CHANNEL_SIZE]
    assert escalations(batch)
    with_size, without = (
        [key for key in run(ReportState(0, 1, rules), rules, [sized(1, members)]).changes]
        for members in (5, None)
    )
    assert with_size == without


def test_a_size_is_published_and_survives_its_way_through_both_stages() -> None:
    deployment = Deployment(policies=(FIVE,))
    outputs = deployment.publish([sized(number, 800) for number in range(3)])
    assert {event["report"]["channel"]["members"] for event in of(outputs, "enriched-reports")} == {800}
    deployment.restart(DEMONSTRATION)
    [event] = of(deployment.publish([sized(3, None)]), "escalations")
    assert event["conditions"][1]["value"] == 5.0


def test_a_size_is_forgotten_after_the_longest_window_and_with_time_that_was_wrong() -> None:
    rules = compiled(FIVE)
    state, kept = ReportState(0, 1, rules), {}
    fold(kept, run(state, rules, [sized(1, 800)]).changes)
    assert state.crowd.members_of(b"c") == 800
    restored = restore_reports(0, 1, rules, kept.items())
    restored.crowd.turn_back(START - HOUR)
    assert restored.crowd.members_of(b"c") == 0
    run(state, rules, [report(2, START + 40 * DAY, channel="other")])
    assert state.crowd.members_of(b"c") == 0


@pytest.mark.parametrize("members", [0, -1, 10**10 + 1, 1.5, "many", True])
def test_a_size_that_is_none_is_refused(members: object) -> None:
    record = sized(1, members)  # type: ignore[arg-type]
    with pytest.raises(Rejected) as refused:
        compiled().read_report(record.value, record.headers, record.timestamp)
    assert refused.value.field == "channel.members"
