"""Reports without a message are about the channel itself, as if that were one message of each day."""

from typing import Any

import msgspec
import pytest

from tests.evaluate.stages import DAY, HOUR, MINUTE, SECOND, START, Stages, shipped
from tests.unit.both_stages import Deployment
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import report

OLD = {"age": "over_1y"}
OUTSIDER = {"member": False, **OLD}


def raid(stages: Stages, at: int, channel: str, message: str | None = None) -> None:
    for each in range(60):
        stages.report(at + each * 5 * SECOND, channel, "fraud", f"b{each}", message=message, **OUTSIDER)


@pytest.mark.parametrize("message", [None, "m"])
def test_a_brigade_that_names_no_message_is_recognised_like_one_that_does(message: str | None) -> None:
    stages = Stages(shipped(integrity="live", ask="shadow"))
    for number in range(4):
        raid(stages, START + number * 7 * DAY, f"t{number}", message)
        if number:
            assert stages.linked("fraud", f"t{number}") > 50
            assert stages.voices("fraud", f"t{number}") < 8
        stages.run_until(START + number * 7 * DAY + DAY)
    assert [stages.highest("fraud", f"t{number}") for number in range(4)] == [2, 0, 0, 0]


def test_decisions_about_such_a_report_or_its_escalation_are_credited() -> None:
    stages = Stages(shipped(ask="shadow"), together=0)
    ids = [
        stages.report(START + number * MINUTE, "c", "fraud", f"u{number}", member=True) for number in range(6)
    ]
    stages.outcome(START + HOUR, "manifestly_unfounded", "c", report=ids[0])
    assert stages.trust("u0").mean < stages.trust("u1").mean == stages.trust("u5").mean
    (opened,) = stages.events["escalations"]
    assert opened["message_refs"] == []
    agreed = {"escalation": opened["escalation_id"], "confidence": "two_agree"}
    stages.outcome(START + 2 * HOUR, "upheld", "c", **agreed)
    assert all(stages.trust(f"u{number}").outcomes for number in range(1, 6))
    # The next day it is another message, of which nothing is decided.
    stages.report(START + DAY, "c", "fraud", "next", member=True)
    stages.outcome(START + DAY + HOUR, "upheld", "c", **agreed)
    assert not stages.trust("next").outcomes


def test_items_and_decisions_that_are_counted_are_those_of_messages() -> None:
    """What a transparency report counts does not change with reports about the channel itself."""
    about_message = [report(0, START, message_ref="m"), outcome(1, "upheld", START + HOUR, message="m")]
    about_channel = [
        report(2, START + MINUTE),
        outcome(3, "dismissed", START + HOUR, {"kind": "report", "report_id": "r2"}),
    ]
    counted = []
    for records in (about_message, [*about_message, *about_channel]):
        counters: dict[str, Any] = {}
        for output in Deployment().publish(records):
            if output.topic == "transparency-counters":
                counters[(output.key or b"").decode()] = msgspec.json.decode(output.value or b"")
            assert output.topic != "dead-letters"
        counted.append([(each.get("items"), each.get("decisions")) for each in counters.values()])
    assert any(items for items, _ in counted[0])
    assert any(decisions for _, decisions in counted[0])
    assert counted[0] == counted[1]


def test_members_who_report_their_channel_day_after_day_stay_voices_of_their_own() -> None:
    """A community without message refs: forty members report it daily for two weeks, and nothing is decided."""
    stages = Stages(shipped(integrity="live", ask="shadow"))
    for day in range(14):
        for member in range(40):
            at = START + day * DAY + member * 10 * MINUTE
            stages.report(at, "c", "fraud", f"m{member}", member=True, **OLD)
        assert stages.linked("fraud", "c") == 0
        assert stages.voices("fraud", "c") == 40
    assert stages.highest("fraud", "c") == 2
