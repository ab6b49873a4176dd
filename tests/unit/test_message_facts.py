"""What is counted of a message follows from its reports and outcomes, in whatever order they arrive."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.counting.message_facts import DecidedMessage, FirstReport, MessageFacts
from streams.counting.notices import REPORT_ROLES, report_role
from streams.counting.rounded_times import median_time, rounded_time

DAY = 86_400
HOUR = 3_600


def decided(number, at, verdict="upheld", **changes):
    fields = {
        "decided_s": at,
        "outcome_id": f"o{number}",
        "verdict": verdict,
        "ground": "law",
        "country": "DE",
        "category": "spam",
        "visibility": None,
        "account": None,
        "supersedes": None,
        "single": False,
        "leads": True,
    }
    return DecidedMessage(**fields | changes)


def notice(at, country="FR", category="fraud"):
    return FirstReport(at, country, category)


def counted(*steps):
    """The net counts after the steps, each a decision, or a role and a report."""
    facts, net = MessageFacts(), Counter()
    for step in steps:
        if isinstance(step, DecidedMessage):
            facts.add_decision(step)
        else:
            facts.add_report(*step)
        for each, number in facts.changes():
            net[each.day, each.country, each.category, each.cell] += number
    return {key: number for key, number in net.items() if number}


def cells(*steps):
    return sorted(str(key[3]) for key in counted(*steps))


def test_an_action_after_a_notice_is_counted_on_the_day_of_the_decision():
    assert counted(("notice", notice(DAY)), decided(1, DAY + 90)) == {
        (1, "FR", "fraud", ("decisions", "upheld", "law", True, False, False)): 1,
        (1, "FR", "fraud", ("action_times", "any_notice", 90)): 1,
    }


def test_a_notice_after_the_decision_is_not_one_before_it():
    assert counted(decided(1, DAY), ("notice", notice(DAY))) == {
        (1, "DE", "spam", ("decisions", "upheld", "law", False, False, False)): 1
    }


def test_the_first_notice_of_a_trusted_flagger_gives_country_and_category():
    found = counted(
        ("notice", notice(0)), ("trusted_flagger_notice", notice(HOUR, "PL", "csam")), decided(1, 3 * HOUR)
    )
    assert {key[1:3] for key in found} == {("PL", "csam")}
    assert sorted(key[3] for key in found if key[3][0] == "action_times") == [
        ("action_times", "any_notice", rounded_time(3 * HOUR)),
        ("action_times", "trusted_flagger_notice", rounded_time(2 * HOUR)),
    ]


def test_a_reversed_decision_is_taken_back_from_its_own_day():
    steps = [("notice", notice(0)), decided(1, HOUR), decided(2, 40 * DAY, "dismissed", supersedes="o1")]
    assert counted(*steps) == {
        (40, "FR", "fraud", ("decisions", "dismissed", "law", True, False, False)): 1,
        (40, "FR", "fraud", ("complaints", "other_restriction", "reversed")): 1,
    }


def test_a_confirmed_decision_keeps_its_day_and_time():
    confirmed = decided(2, 40 * DAY, supersedes="o1", ground="terms")
    found = counted(("notice", notice(0)), decided(1, HOUR), confirmed)
    assert {key[0] for key in found if key[3][0] != "complaints"} == {0}
    assert (0, "FR", "fraud", ("decisions", "upheld", "terms", True, False, False)) in found


@pytest.mark.parametrize(
    ("earlier", "later", "about", "result"),
    [
        ({"visibility": "removed"}, {"visibility": "removed"}, "visibility", "upheld"),
        ({"visibility": "removed"}, {"visibility": "labelled"}, "visibility", "partially_reversed"),
        ({"account": "suspended"}, {"verdict": "dismissed"}, "account", "reversed"),
        (
            {"verdict": "dismissed"},
            {"verdict": "manifestly_unfounded"},
            "no_action_trusted_flagger",
            "upheld",
        ),
        ({"verdict": "dismissed"}, {"account": "suspended"}, "no_action_trusted_flagger", "reversed"),
    ],
)
def test_a_complaint_is_counted_by_what_it_is_about_and_what_came_of_it(earlier, later, about, result):
    steps = [decided(1, HOUR, **earlier), decided(2, 2 * HOUR, supersedes="o1", **later)]
    flagged = ("trusted_flagger_notice", notice(0))
    for order in ([flagged, *steps], [*steps, flagged], [steps[1], flagged, steps[0]]):
        assert str(("complaints", about, result)) in cells(*order)


def test_what_replaces_a_forgotten_decision_is_a_complaint_and_no_second_action():
    assert cells(decided(2, DAY, supersedes="o1")) == ["('complaints', 'unknown', 'unknown')"]


def test_an_outcome_about_many_messages_is_one_complaint():
    assert cells(decided(1, HOUR), decided(2, DAY, "dismissed", supersedes="o1", leads=False)) == [
        "('decisions', 'dismissed', 'law', False, False, False)"
    ]


def test_a_decision_about_one_report_gives_way_to_one_about_the_message():
    of_report = decided(2, DAY, "manifestly_unfounded", single=True)
    assert cells(of_report) == ["('decisions', 'manifestly_unfounded', 'law', False, False, False)"]
    assert cells(decided(1, HOUR), of_report) == ["('decisions', 'upheld', 'law', False, False, False)"]


def test_items_are_counted_once_per_category_and_for_trusted_flaggers_apart():
    facts = MessageFacts()
    found = [
        facts.add_report(role, notice(number, category=category))
        for number, (role, category) in enumerate(
            [
                ("detection", "spam"),
                ("notice", "spam"),
                ("notice", "spam"),
                ("trusted_flagger_notice", "spam"),
                ("trusted_flagger_notice", "spam"),
                ("trusted_flagger_notice", "csam"),
            ]
        )
    ]
    one, flagged = ("any_notice",), ("trusted_flagger_notice",)
    assert found == [(), one, (), flagged, (), one + flagged]


roles = st.sampled_from(["notice", "trusted_flagger_notice", "detection"])
reports = st.tuples(
    roles,
    st.builds(
        FirstReport, st.integers(0, 9), st.sampled_from(["DE", "FR"]), st.sampled_from(["spam", "fraud"])
    ),
)


@st.composite
def decisions(draw):
    made = []
    for number in range(draw(st.integers(0, 4))):
        made.append(
            decided(
                number,
                draw(st.integers(0, 12)),
                draw(st.sampled_from(["upheld", "dismissed", "manifestly_unfounded"])),
                ground=draw(st.sampled_from(["law", "terms"])),
                visibility=draw(st.sampled_from([None, "removed"])),
                supersedes=draw(st.sampled_from([None, "o0", "o1", "o2", "o9"])),
                single=draw(st.booleans()),
                leads=draw(st.booleans()),
            )
        )
    return made


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(reports, max_size=5), decisions(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(reported, made, chance):
    steps = [*reported, *made]
    expected = counted(*steps)
    assert all(number > 0 for number in expected.values())
    # Also if an outcome arrives twice.
    steps += made[:1]
    chance.shuffle(steps)
    assert counted(*steps) == expected


@settings(max_examples=300)
@given(st.lists(reports, min_size=1, max_size=6))
def test_a_known_report_changes_nothing(reported):
    facts = MessageFacts()
    for role, report in reported:
        known = facts.is_known(role, report.received_s, report.category)
        before = (facts.notice, facts.trusted, facts.detection, facts.items, facts.trusted_items)
        facts.add_report(role, report)
        after = (facts.notice, facts.trusted, facts.detection, facts.items, facts.trusted_items)
        assert not known or before == after


def test_a_state_makes_no_notice_and_a_machine_detects():
    assert report_role("user_report", "state_actor") is None
    assert (
        report_role("user_report", "automated") == report_role("automated_detection", "user") == "detection"
    )
    assert report_role("trusted_flagger_notice", "trusted_flagger") == "trusted_flagger_notice"
    assert report_role("statutory_victim_request", "anonymous") == "notice"
    assert all(role == report_role(*key) for key, role in REPORT_ROLES.items())


@given(st.integers(0, 2**40))
def test_a_rounded_time_is_within_one_per_cent(seconds):
    rounded = rounded_time(seconds)
    assert abs(rounded - seconds) <= seconds / 128
    assert rounded_time(rounded) == rounded
    assert seconds >= 128 or rounded == seconds


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_the_median_is_that_of_the_list(seconds):
    ordered = sorted(seconds)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    assert median_time(Counter(seconds)) == middle
    rounded = median_time(Counter(map(rounded_time, seconds)))
    assert abs(rounded - middle) <= middle / 100


def test_no_times_have_no_median():
    assert median_time({}) is None
    assert median_time({5: 0}) is None
