"""What today's rules would do with the evidence on an escalation, beside the counts from which it was made."""

import dataclasses
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.escalation import Escalation
from streams.counting.conditions import condition
from streams.counting.measures import POLICY_MEASURES
from streams.counting.sums import WindowCounts
from streams.deciding.reports.escalation.escalations import _counts, _integrity
from streams.desk.console.casework.todays_rules import evidence, todays_verdict
from streams.registry.policy import Level
from tests.shipped import RULES
from tests.unit.console_pages import example

OPENED = msgspec.convert(example("escalations", "opened-threshold-crossed"), Escalation)
ARMED = msgspec.convert(example("escalations", "opened-clock-armed"), Escalation)
POLICY = next(each for each in RULES.policies if each.id == OPENED.policy)

conditions = st.lists(
    st.builds(
        condition,
        # The others are on an event only if a policy asked for them.
        st.sampled_from(
            [name for name in POLICY_MEASURES if name not in ("per_thousand_members", "surprise")]
        ),
        st.sampled_from([">=", ">", "<", "<="]),
        st.sampled_from([0.1, 0.25, 0.5, 1, 2, 3, 5]),
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def windows(draw):
    """The counts of a window without a stamped report, in which nothing contradicts itself."""
    reports = draw(st.integers(1, 8))
    without_ref = draw(st.integers(0, reports))
    return WindowCounts(
        0,
        reports,
        draw(st.integers(0, reports * 1_000_000)),
        draw(st.integers(0, reports)),
        draw(st.integers(0, reports)),
        draw(st.integers(0, reports)),
        draw(st.integers(0, reports)),
        without_ref,
        distinct_reporters=draw(st.integers(min(1, reports - without_ref), reports - without_ref)),
    )


def event_of(counts, **fields):
    return msgspec.structs.replace(
        OPENED,
        counts=_counts(counts),
        integrity=_integrity(counts, None),
        score=msgspec.structs.replace(OPENED.score, value=counts.risk / 1_000_000),
        conditions=(),
        registry_version=RULES.registry_version,
        **fields,
    )


def rules_with(*levels, **changes):
    policy = dataclasses.replace(POLICY, levels=levels or POLICY.levels, **changes)
    return dataclasses.replace(RULES, policies=(policy,))


@settings(max_examples=400)
@given(windows(), conditions, conditions, st.lists(conditions, max_size=1))
def test_the_verdict_is_that_of_the_counts(counts, first, second, any_of):
    levels = (
        Level(1, "one", tuple(first), tuple(any_of[0]) if any_of else ()),
        Level(2, "two", tuple(second)),
    )
    reached = [level for level in levels if level.holds(counts)]
    said = todays_verdict(event_of(counts), rules_with(*levels), None)
    if reached:
        assert said.would_open == "yes"
        assert f"level {reached[-1].level}," in said.why
    else:
        assert said.would_open == "no"


@given(windows(), conditions)
def test_what_weighs_reporters_is_not_known_by_other_weights(counts, when):
    """With other weights the answer is given only where it is the same whatever these measures were."""
    level = Level(1, "one", tuple(when))
    event = event_of(counts)
    today = dataclasses.replace(rules_with(level), registry_version="f" * 16)
    said = todays_verdict(event, today, None)
    heavy = [
        each for each in when if each.measure.name in ("risk", "voices", "linked_share", "proven_voices")
    ]
    light = [each for each in when if each not in heavy]
    if not all(each.holds(counts) for each in light):
        assert said.would_open == "no"
    elif heavy:
        assert said.would_open == "cannot_tell"
        assert all(each.measure.name in said.why for each in heavy)
    else:
        assert said.would_open == "yes"
    # Where only the law differs, they are the same.
    law_alone = todays_verdict(event, today, rules_with(level))
    assert law_alone == todays_verdict(event, rules_with(level), None)


def stamped(**counts):
    return msgspec.structs.replace(OPENED, conditions=(), registry_version=RULES.registry_version,
                                   counts=msgspec.structs.replace(OPENED.counts, **counts))  # fmt: skip


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ([("voices", ">=", 2)], "yes"),
        ([("voices", ">=", 3)], "no"),
        ([("proven_voices", ">=", 1)], "no"),
        ([("linked_share", ">=", 0.1)], "cannot_tell"),
        ([("linked_share", ">=", 0.1), ("voices", ">=", 3)], "no"),
    ],
)
def test_a_measure_that_is_not_on_the_event_is_said_not_to_be_known(when, expected):
    event = stamped(voices=2.5, linked=2, trusted_voices=0, proven_voices=0)
    level = Level(1, "one", tuple(condition(*each) for each in when))
    said = todays_verdict(event, rules_with(level), None)
    assert said.would_open == expected
    assert ("linked_share of then cannot be told" in said.why) == (expected == "cannot_tell")


def test_a_condition_that_the_event_shows_is_known():
    shown = msgspec.structs.replace(
        stamped(voices=2.5, linked=2, trusted_voices=0, proven_voices=0),
        conditions=(msgspec.structs.replace(OPENED.conditions[0], measure="linked_share", value=0.8),),
    )
    level = Level(1, "one", (condition("linked_share", ">=", 0.5),))
    assert todays_verdict(shown, rules_with(level), None).would_open == "yes"


@pytest.mark.parametrize(
    ("changes", "would_open", "why"),
    [
        ({"id": "other"}, "no", "there is no policy"),
        ({"mode": "off"}, "no", "is off"),
        ({"mode": "shadow"}, "no", "is shadow"),
        ({"categories": ("spam",)}, "cannot_tell", "other categories"),
        ({"window_ms": POLICY.window_ms + 1}, "cannot_tell", "another window"),
    ],
)
def test_a_policy_that_is_another_one_today(changes, would_open, why):
    said = todays_verdict(OPENED, rules_with(**changes), None)
    assert (said.would_open, bool(re.search(why, said.why))) == (would_open, True)


def test_a_clock_is_told_of_only_if_its_row_is_gone():
    assert todays_verdict(ARMED, RULES, None).would_open == "cannot_tell"
    gone = dataclasses.replace(RULES, obligations=())
    assert todays_verdict(ARMED, gone, None).would_open == "no"


def test_the_evidence_is_that_of_the_highest_level():
    raised = msgspec.structs.replace(OPENED, sequence=2, type="updated", level=2)
    cleared = msgspec.structs.replace(OPENED, sequence=3, type="resolved", level=3)
    assert evidence((OPENED, raised, cleared)) is raised
    assert evidence((cleared,)) is cleared
