"""The driver of the evaluation shows what the two stages do, in event time."""

import pytest

from tests.evaluate.stages import DAY, HOUR, MINUTE, SECOND, START, Stages, shipped


def crowd(stages, begin, channel, message, people=80, *, member):
    for number in range(people):
        stages.report(
            begin + number * SECOND,
            channel,
            "fraud",
            f"u{number}",
            member=member,
            message=message,
            age="over_1y",
        )


def test_levels_are_those_of_the_shipped_policies_at_the_time_of_the_report():
    stages = Stages()
    crowd(stages, START, "c", "m", member=True)
    assert stages.highest("fraud", "c") == 2
    # Twenty different reporters, the first at second 0.
    assert stages.reached("fraud", "c", 2) == START + 19 * SECOND
    assert stages.reached("fraud", "c", 3) is None
    assert stages.voices("fraud", "c") == stages.counts("fraud", "c").reports == 80
    assert not stages.suspected("fraud", "c")
    # The episode resolves by itself, and the levels stay on record.
    stages.run_until(START + 3 * DAY)
    assert [event["type"] for event in stages.events["escalations"]][-1] == "resolved"
    assert stages.highest("fraud", "c") == 2


@pytest.mark.parametrize("integrity", ["shadow", "live"])
def test_decisions_reach_reporters_and_a_brigade_is_linked(integrity):
    stages = Stages(shipped(integrity=integrity, ask="shadow"))
    for week in range(2):
        begin = START + week * DAY
        crowd(stages, begin, f"c{week}", f"m{week}", member=False)
        stages.outcome(begin + HOUR, "dismissed", f"c{week}", message=f"m{week}")
    assert stages.trust("u1").factor < 1
    assert stages.voices("fraud", "c1") == 1
    assert stages.linked("fraud", "c1") == 80
    assert stages.suspected("fraud", "c1")
    assert all(stages.was_linked(f"u{number}") for number in range(80))
    assert not stages.was_linked("somebody else")
    assert stages.highest("fraud", "c1") == (2 if integrity == "shadow" else 0)


def test_modes_of_policies_can_be_chosen():
    stages = Stages(shipped(ask="shadow", modes={"fraud-voices": "live", "fraud": "off"}))
    crowd(stages, START, "c", "m", member=True)
    assert (stages.highest("fraud-voices", "c"), stages.highest("fraud", "c")) == (2, 0)


def test_a_desk_sees_events_and_answers_later():
    stages = Stages()

    def desk(topic, event):
        if topic == "escalations" and event["type"] == "opened":
            stages.schedule(
                START + 20 * MINUTE,
                lambda at: stages.outcome(
                    at, "upheld", "c", escalation=event["escalation_id"], confidence="two_agree"
                ),
            )

    stages.desk = desk
    crowd(stages, START, "c", "m", 10, member=True)
    assert stages.trust("u1").outcomes == 0
    stages.run_until(START + HOUR)
    # The escalation opened at the fifth report, and names the message: all ten had reported it by then.
    assert stages.trust("u1").outcomes == stages.trust("u9").outcomes > 0


def test_what_is_cut_together_changes_nothing():
    found = []
    for together in (0, MINUTE, HOUR):
        stages = Stages(shipped(integrity="live", ask="shadow"), together=together)
        for week in range(2):
            crowd(stages, START + week * DAY, f"c{week}", f"m{week}", member=False)
            stages.report(START + week * DAY + 2 * MINUTE, f"c{week}", "csam", kind="anonymous")
            stages.outcome(START + week * DAY + HOUR, "dismissed", f"c{week}", message=f"m{week}")
        stages.apply()
        found.append((dict(stages.levels), stages.trust("u3")))
    assert found[0] == found[1] == found[2]


def test_what_the_stages_refuse_is_an_error_unless_expected():
    stages = Stages()
    stages.report(START, "c", "no such category", "u1")
    with pytest.raises(AssertionError, match="dead-letters"):
        stages.apply()
    stages = Stages(may_refuse=True)
    stages.report(START, "c", "no such category", "u1")
    stages.apply()
    assert stages.refused.total() == 1
