"""What a single account, deleted posts and one large brigade can do to decisions, with the stage of reporters
on.
"""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from streams.contract.wire.records import OutputRecord
from streams.counting.coordination.signature import enter
from streams.counting.measures import MEASURES
from streams.deciding.reports.state import ReportState
from tests.unit.both_stages import Deployment, of
from tests.unit.crowd_traffic import outcome, stamped
from tests.unit.test_crowd_in_the_stage import SPECS, counts_of, rules_with
from tests.unit.traffic import DAY, HOUR, MINUTE, SHIPPED, START, Record, report, run

# As many as the honest wave: before a reporter counted once, so many of one account kept it at level 1.
MANY = 80


def by(
    number: int, ref: str, time: int, message: str | None = "m1", channel: str = "c", **more: Any
) -> Record:
    """A report of a user; `member` and `account_age` are those of the account."""
    told = {name: more.pop(name) for name in ("member", "account_age") if name in more}
    fields = {} if message is None else {"message_ref": message}
    return report(
        number, time, channel=channel, reporter={"kind": "user", "ref": ref, **told}, **fields, **more
    )


def honest_wave(
    time: int, channel: str = "c", message: str = "m1", category: str = "fraud", first: int = 10_000
) -> list[Record]:
    """80 people within an hour, three quarters of them members, mostly with old accounts."""
    return [
        by(
            first + number,
            f"honest{number}",
            time + number * MINUTE // 2,
            message,
            channel,
            member=number % 4 != 0,
            account_age="under_1m" if number % 8 == 0 else "over_1y",
            category=category,
        )
        for number in range(MANY)
    ]


def levels_of(outputs: Iterable[OutputRecord], policy: str, channel: str = "c") -> list[int]:
    events = [*of(list(outputs), "escalations"), *of(list(outputs), "escalations-shadow")]
    return [
        event["level"] for event in events if (event["policy"], event["channel_ref"]) == (policy, channel)
    ]


def shipped(integrity: str = "live") -> Deployment:
    return Deployment(integrity=integrity, policies=SHIPPED.policies)


@pytest.mark.parametrize("integrity", ["shadow", "live"])
@pytest.mark.parametrize("category", ["fraud", "spam", "harassment"])
def test_an_honest_wave_opens_at_its_level_whatever_one_account_sent_before(integrity, category):
    [policy] = [
        each.id
        for each in SHIPPED.policies
        if category in each.categories and not each.id.endswith(("-voices", "-linked"))
    ]
    alone = shipped(integrity)
    expected = levels_of(alone.publish(honest_wave(START + HOUR, category=category)), policy)
    assert expected == [1, 2]
    flooded = shipped(integrity)
    flooded.publish(
        by(
            number,
            "one",
            START + number * MINUTE // 2,
            None,
            member=False,
            account_age="under_1d",
            category=category,
        )
        for number in range(MANY)
    )
    outputs = flooded.publish(honest_wave(START + HOUR, category=category))
    assert levels_of(outputs, policy) == expected
    assert of(outputs, "integrity-cases") == []


def test_one_account_that_inflates_a_channels_usual_rate_hides_no_burst():
    """800 worthless reports the day before; then 150 new accounts that are not members."""
    deployment = shipped()
    deployment.publish(
        by(
            number,
            "old",
            START + number * MINUTE,
            None,
            member=False,
            account_age="over_1y",
            category="unspecified",
        )
        for number in range(800)
    )
    start = START + DAY
    outputs = deployment.publish(
        by(
            1_000 + number,
            f"new{number}",
            start + number * MINUTE // 2,
            member=False,
            account_age="under_1d",
            category="fraud",
        )
        for number in range(150)
    )
    assert levels_of(outputs, "fraud") == [1]
    assert [case["kind"] for case in of(outputs, "integrity-cases")] == ["brigade"]


@pytest.mark.parametrize("integrity", [pytest.param("shadow", marks=pytest.mark.slow), "live"])
@pytest.mark.parametrize("age", ["under_1d", "over_1y"])
@pytest.mark.parametrize("messages", ["one", "none", "different"])
def test_one_account_never_reaches_level_2_of_any_policy(integrity, age, messages):
    """Every category of a policy by turns: for eight days, longer than any window, and then all at once."""
    deployment = shipped(integrity)
    number = 0
    for policy in SHIPPED.policies:
        channel, last = f"c-{policy.id}", START + 8 * DAY
        times = [*range(START, last, 8 * HOUR), *range(last, last + 20)]
        for turn, time in enumerate(times):
            number += 1
            message = {"one": "m1", "none": None, "different": f"m{turn}"}[messages]
            category = policy.categories[turn % len(policy.categories)]
            outputs = deployment.publish(
                [by(number, "one", time, message, channel, member=True, account_age=age, category=category)]
            )
            assert set(levels_of(outputs, policy.id, channel)) <= {1}, policy.id


@pytest.mark.parametrize("policy", SHIPPED.policies, ids=lambda policy: policy.id)
def test_not_even_an_account_that_was_always_right_reaches_level_2_alone(policy):
    deployment = shipped()
    for number in range(8):
        time = START + number * HOUR
        channel, message = f"d{number}", f"e{number}"
        deployment.publish([by(number, "one", time, message, channel, member=True, account_age="over_1y")])
        deployment.publish([outcome(number, "upheld", time + MINUTE, message=message, channel=channel)])
    outputs = deployment.publish(
        by(
            100 + number,
            "one",
            START + DAY + number,
            f"m{number}",
            member=True,
            account_age="over_1y",
            category=policy.categories[number % len(policy.categories)],
        )
        for number in range(12)
    )
    assert of(outputs, "enriched-reports")[0]["trust"]["trust_class"] == "high"
    assert set(levels_of(outputs, policy.id)) <= {1}


def test_a_reporter_counts_again_after_a_week_and_in_another_channel_at_once():
    deployment = shipped()

    def risk(number: int, time: int, channel: str = "c") -> float:
        outputs = deployment.publish([by(number, "one", time, None, channel, member=True, category="csam")])
        [enriched] = of(outputs, "enriched-reports")
        return enriched["channel_windows"][0]["risk"]

    once = risk(1, START)
    assert once > 0
    assert risk(2, START + 3 * DAY) == once
    assert risk(3, START, "d") == once
    # The first has left the window, and the second added nothing.
    assert risk(4, START + 7 * DAY) == once
    assert risk(5, START + 13 * DAY) == once


def test_each_message_that_a_detector_finds_counts_and_one_found_again_does_not():
    deployment = shipped()
    found = [
        report(
            number,
            START + number,
            message_ref=message,
            category="csam",
            reporter={"kind": "automated", "ref": "d"},
        )
        for number, message in enumerate(["m1", "m1", "m1", "m2", "m3"])
    ]
    risks = [
        event["channel_windows"][0]["risk"] for event in of(deployment.publish(found), "enriched-reports")
    ]
    assert risks[0] == risks[1] == risks[2]
    assert risks[4] == pytest.approx(3 * risks[0], abs=1e-5)


def framed(reason: str) -> float:
    """The voices of a wave by people who had reported two posts before, which the owner of the channel then
    deleted.
    """
    deployment = shipped()
    for number in range(2):
        message, time = f"bait{number}", START + number * HOUR
        deployment.publish(honest_wave(time, message=message))
        deployment.publish([outcome(number, "dismissed", time + HOUR, message=message, reason=reason)])
    outputs = deployment.publish(honest_wave(START + 4 * HOUR, "d", "m9"))
    return of(outputs, "escalations")[-1]["counts"]["voices"]


def test_deleted_posts_leave_a_wave_its_voices():
    assert framed("not_a_violation") < 20
    # Fewer than 80, because the wave opens its highest level before the last of them.
    gone = framed("not_found")
    alone = of(shipped().publish(honest_wave(START + 4 * HOUR, "d", "m9")), "escalations")[-1]
    assert gone == alone["counts"]["voices"] > 19


@pytest.mark.parametrize("again", [False, True])
def test_people_whose_posts_were_gone_or_upheld_are_a_crowd_the_next_time(again):
    """Also outsiders, whose reports link them after a day without a decision, and those who report an upheld
    post twice.
    """
    deployment = shipped()

    def outsiders(number: int, time: int, message: str, channel: str = "c") -> list[OutputRecord]:
        return deployment.publish(
            by(number + one, f"p{one}", time + one, message, channel, member=False, account_age="over_1y")
            for one in range(MANY)
        )

    for number, (message, decision) in enumerate((("gone", "dismissed"), ("right", "upheld"))):
        time = START + number * HOUR
        outsiders(1_000 * number, time, message)
        reason = {"reason": "not_found"} if decision == "dismissed" else {}
        deployment.publish([outcome(number, decision, time + HOUR // 2, message=message, **reason)])
        if again:
            outsiders(1_000 * number + 500, time + HOUR, message)
    outputs = outsiders(9_000, START + 40 * HOUR, "m9", "d")
    [*_, last] = of(outputs, "enriched-reports")
    assert "integrity" not in last


@pytest.mark.parametrize("integrity", ["shadow", "live"])
def test_the_same_people_count_again_in_the_next_window_about_the_same_message_too(integrity):
    deployment = shipped(integrity)
    for number, at in enumerate((START, START + 3 * DAY)):
        outputs = deployment.publish(honest_wave(at, first=1_000 * (number + 1)))
        [*_, last] = of(outputs, "enriched-reports")
        assert last["channel_windows"][-1]["risk"] > 5
        assert levels_of(outputs, "fraud")[-1] == 2


def test_a_reporter_counts_as_soon_as_the_first_report_has_left_the_window_of_whole_panes():
    """Twice in one evening, so that it is kept when the first was: then six hours and a pane later, less five
    minutes.
    """
    deployment = shipped()

    def risk(number: int, minute: int) -> float:
        time = START + minute * MINUTE
        outputs = deployment.publish([by(number, "one", time, None, member=True, category="harassment")])
        return of(outputs, "enriched-reports")[0]["channel_windows"][-1]["risk"]

    begins = -START // MINUTE % 60
    once = risk(1, begins + 55)
    assert risk(2, begins + 58) == once
    # The window of six hours holds whole hours, this one and five before.
    assert risk(3, begins + 5 * 60 + 59) == once
    assert risk(4, begins + 6 * 60 + 1) == once


def test_reports_of_one_account_hide_no_linked_reporters():
    """Neither without a message nor with messages that it makes up."""
    signature = enter(enter(0, 1 | 7 << 8), 2 | 7 << 8)
    rules = rules_with(*SHIPPED.policies, integrity="live")
    state = ReportState(0, 1, rules)
    linked = [
        stamped(by(number, f"l{number}", START, category="fraud"), signature=signature)
        for number in range(60)
    ]
    alone = [
        stamped(by(100 + number, "one", START, None if number % 2 else f"x{number}", category="fraud"))
        for number in range(300)
    ]
    run(state, rules, [*linked, *alone])
    counts = counts_of(state, category="fraud").measure(SPECS[1], START)
    assert MEASURES["voices"].value(counts) < 3
    assert MEASURES["linked_share"].value(counts) > 0.95


def test_nobody_is_told_of_a_raid_by_one_account_at_the_turn_of_an_hour():
    deployment = shipped()
    hour = START // HOUR * HOUR + 2 * HOUR
    wave = honest_wave(hour - 40 * MINUTE)
    early = [record for record in wave if record.timestamp < hour]
    raid = [by(number, "one", hour, f"x{number}", member=False, category="fraud") for number in range(3)]
    outputs = deployment.publish([*early, *raid, *wave[len(early) :]])
    signals = [
        event["integrity"]["signals"] for event in of(outputs, "enriched-reports") if "integrity" in event
    ]
    assert not any("same_hour_raid" in each for each in signals)
    assert of(outputs, "integrity-cases") == []


@pytest.mark.nightly
def test_a_large_brigade_stays_one_voice_beside_five_hundred_active_reporters():
    deployment = shipped()
    deployment.publish(
        by(20_000 + number, f"active{number}", START, f"a{number}", f"other{number % 50}")
        for number in range(500)
    )

    def brigade(target: int, time: int) -> list[OutputRecord]:
        return deployment.publish(
            by(
                1_000 * target + number,
                f"linked{number}",
                time,
                f"m{target}",
                f"t{target}",
                member=False,
                account_age="over_1y",
                category="fraud",
            )
            for number in Random(target).sample(range(150), 150)
        )

    brigade(1, START)
    deployment.publish([outcome(1, "dismissed", START + HOUR, message="m1", channel="t1")])
    # As many targets of one day as would let each member be linked early once.
    for target in range(2, 24):
        outputs = brigade(target, START + 2 * HOUR + target * MINUTE)
        assert set(levels_of(outputs, "fraud", f"t{target}")) <= {1}
        [*_, last] = of(outputs, "enriched-reports")
        assert " count as 1.0 voices." in last["integrity"]["sentence"]
