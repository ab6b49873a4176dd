"""One captured person of a desk, who picks every case of a brigade and of honest waves, through both stages."""

from tests.evaluate.stages import DAY, HOUR, SECOND, START, Stages, shipped


def crowd(stages: Stages, at: int, name: str, channel: str, message: str, size: int, member: bool) -> None:
    for number in range(size):
        stages.report(
            at + number * SECOND, channel, "fraud", f"{name}{number}", message=message, member=member,
            age="over_1y",
        )  # fmt: skip


def test_whom_one_person_upholds_again_and_again_is_not_trusted():
    stages = Stages(shipped(integrity="live"))
    for target in range(5):
        at = START + target * DAY
        crowd(stages, at, "b", f"c{target}", f"m{target}", 12, member=False)
        stages.outcome(at + HOUR, "upheld", f"c{target}", message=f"m{target}", reviewer="captured")
    for number in range(12):
        trust = stages.trust(f"b{number}")
        assert trust.trust_class == "low"
        # As one outcome: 2 / 5 over 1 / 4.
        assert trust.factor <= 1.6


def test_honest_members_whose_waves_one_person_calls_unfounded_are_neither_distrusted_nor_linked():
    stages = Stages(shipped(integrity="live"))
    for wave in range(4):
        at = START + wave * DAY
        crowd(stages, at, "h", f"c{wave}", f"m{wave}", 80, member=True)
        stages.outcome(at + HOUR, "manifestly_unfounded", f"c{wave}", message=f"m{wave}", reviewer="captured")
    # As one dismissal: 1 / 4.3 over 1 / 4.
    assert all(stages.trust(f"h{number}").factor >= 0.93 for number in range(80))
    assert not any(stages.was_linked(f"h{number}") for number in range(80))
    assert stages.voices("fraud", "c3") == 80
    assert not stages.suspected("fraud", "c3")


def test_two_people_who_say_so_are_believed():
    stages = Stages(shipped(integrity="live"))
    for target in range(3):
        at = START + target * DAY
        crowd(stages, at, "b", f"c{target}", f"m{target}", 12, member=True)
        for person in ("desk-1", "desk-2"):
            stages.outcome(
                at + HOUR, "manifestly_unfounded", f"c{target}", message=f"m{target}", reviewer=person
            )
    assert all(stages.trust(f"b{number}").factor < 0.3 for number in range(12))
    assert stages.voices("fraud", "c2") < 4
