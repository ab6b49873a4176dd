"""What one account reports everywhere does not stand before what somebody saw (floor categories are never delayed)."""

import pytest

from streams.counting.sums import WHOLE
from streams.deciding.reports.escalation.priority import priority
from tests.evaluate.stages import HOUR, MINUTE, START, Stages, shipped

POLICY = "child-safety"
OLD_MEMBER = {"member": True, "age": "over_1y"}


def priorities(stages: Stages) -> dict[str, int]:
    """The newest priority of each channel."""
    stages.apply()
    events = [event for event in stages.events["escalations"] if event["policy"] == POLICY]
    assert all(event["type"] != "resolved" for event in events)
    return {event["channel_ref"]: event["priority"]["value"] for event in events}


@pytest.mark.parametrize("integrity", ["shadow", "live"])
@pytest.mark.parametrize("real", [OLD_MEMBER, {"member": False, "age": "under_1d"}])
def test_a_hundred_channels_by_one_account_come_after_a_real_report(integrity: str, real: dict) -> None:
    """An account of years reports seven messages of each of a hundred channels; then somebody reports one message."""
    stages = Stages(shipped(integrity=integrity))  # type: ignore[arg-type]
    for channel in range(100):
        for message in range(7):
            at = START + channel * 10 * MINUTE + message * MINUTE
            stages.report(at, f"f{channel}", "csam", "attacker", message=f"m{message}", **OLD_MEMBER)
    at = START + 1_000 * MINUTE
    stages.report(at, "real", "csam", "somebody", message="m", **real)
    # Nothing is dropped or delayed: each is a case of its own at once.
    found = priorities(stages)
    assert len(found) == 101
    assert stages.reached(POLICY, "real", 1) == at
    before = sum(value >= found["real"] for channel, value in found.items() if channel != "real")
    # Until it has named more than a few channels, an account is like any other.
    assert before <= 8


@pytest.mark.parametrize("real", [OLD_MEMBER, {"member": False, "age": "under_1d"}])
def test_a_thousand_anonymous_reports_come_after_a_real_one(real: dict) -> None:
    stages = Stages(shipped())
    for channel in range(1_000):
        stages.report(START + channel * 1_000, f"a{channel}", "csam")
    stages.report(START + HOUR, "real", "csam", "somebody", message="m", **real)
    found = priorities(stages)
    assert len(found) == 1_001
    assert found.pop("real") > max(found.values())


def test_an_account_that_reports_everywhere_lowers_no_case_of_others() -> None:
    """It cannot push down what somebody else reported by reporting that as well."""
    stages = Stages(shipped())
    for channel in range(100):
        stages.report(START + channel * MINUTE, f"f{channel}", "csam", "attacker", message="m", **OLD_MEMBER)
    values = []
    for channel, also in (("alone", False), ("joined", True)):
        if also:
            stages.report(START + 2 * HOUR, channel, "csam", "attacker", message="m", **OLD_MEMBER)
        # A detector's finding raises the level, so that there is an event.
        stages.report(START + 2 * HOUR, channel, "csam", "somebody", message="m", **OLD_MEMBER)
        stages.report(
            START + 3 * HOUR, channel, "csam", "scan", kind="automated", message="m", score=0.99, **OLD_MEMBER
        )
        values.append(priorities(stages)[channel])
    assert values[1] >= values[0]


def test_who_was_right_before_may_report_everywhere() -> None:
    stages = Stages(shipped(), together=0)
    for number in range(3):
        at = START + number * HOUR
        stages.report(at, f"g{number}", "csam", "volunteer", message="m", **OLD_MEMBER)
        stages.outcome(
            at + MINUTE, "upheld", f"g{number}", message="m", category="csam", confidence="two_agree"
        )
    for channel in range(60):
        at = START + 4 * HOUR + channel * MINUTE
        stages.report(at, f"v{channel}", "csam", "volunteer", message="m", **OLD_MEMBER)
    found = priorities(stages)
    assert found["v59"] >= found["v0"] > 10


def test_level_and_age_count_by_the_share_of_a_reporter_and_a_clock_in_full() -> None:
    whole = priority(START, START + HOUR, 3, 1_000_000, 10_000_000, START - 24 * HOUR)
    assert whole == priority(START, START + HOUR, 3, 1_000_000, 10_000_000, START - 24 * HOUR, 7 * WHOLE)
    part = priority(START, START + HOUR, 3, 1_000_000, 10_000_000, START - 24 * HOUR, WHOLE // 20)
    assert (part.components.clock, part.components.level, part.components.age) == (35, 1, 0)
    assert (whole.components.level, whole.components.age) == (25, 10)
