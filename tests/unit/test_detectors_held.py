"""A detector, a list or a part of one that leaves the band of its own history is held, and a person is told."""

import pytest

from streams.deciding.reporters.watch import Watch, note_finding
from streams.contract.events.internal.detector_end import DetectorEnd
from streams.contract.wire.forms.detector_end import encode_detector_end
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.topics import REPORTERS_INTERNAL
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys
from tests.shipped import RULES
from tests.unit.both_stages import PARTITIONS, Deployment, of
from tests.unit.crowd_traffic import outcome
from tests.unit.detector_traffic import CURRENT, EARLIER, DETECTOR, classified, finding, matched
from tests.unit.traffic import DAY, HOUR, MINUTE, SHIPPED, START, Record

DETECTORS = RULES.reporters.detectors


class Play:
    """Findings of sources in one deployment with the shipped policies, each in a channel of its own."""

    def __init__(self, keys: HashKeys = DEMONSTRATION) -> None:
        self.deployment = Deployment(policies=SHIPPED.policies, keys=keys)
        self.number = 0
        self.cases: list = []

    def find(self, count, time, *, category="csam", channel=None, **fields):
        """Publish findings within some minutes; return the events of the channels, by level."""
        outputs = []
        for _ in range(count):
            self.number += 1
            at = time + (self.number % 30) * MINUTE
            outputs += self.deployment.publish(
                [finding(self.number, at, channel=channel, category=category, **fields)]
            )
        self.cases += of(outputs, "integrity-cases")
        return of(outputs, "escalations")

    def usual(self, days, count=10, **fields):
        """So many findings in an hour of each of the days before START."""
        for day in range(days, 0, -1):
            self.find(count, START - day * DAY, category="spam", **fields)


def levels(events):
    return sorted(event["level"] for event in events if event["policy"] == "child-safety")


def test_a_list_gone_wild_opens_reviews_and_nothing_above():
    play = Play()
    play.usual(3, match=matched("ncmec"))
    before = play.find(1, START, match=matched("ncmec"))
    assert max(levels(before)) == 2
    play.find(150, START, match=matched("ncmec"))
    [case] = play.cases
    assert case["kind"] == "detector_volume"
    assert case["match"] == {"list": "ncmec"}
    assert case["findings"] == 151 > 1.5 * case["usual_at_most"] == 1.5 * DETECTORS.least_findings
    # From then on each is a review, and many in one channel are no more.
    assert levels(play.find(3, START + 40 * MINUTE, match=matched("ncmec"))) == [1, 1, 1]
    assert set(levels(play.find(9, START + 40 * MINUTE, channel="crowded", match=matched("ncmec")))) == {1}
    # Another list is not held.
    assert max(levels(play.find(1, START + 41 * MINUTE, match=matched("iwf")))) == 2
    assert len(play.cases) == 1


def test_one_entry_gone_wild_does_not_hold_its_list():
    play = Play()
    play.usual(3, count=20, match=matched("ncmec", "e1"))
    play.find(160, START, match=matched("ncmec", "blank"))
    [case] = play.cases
    assert case["match"] == {"list": "ncmec", "signal": "blank"}
    assert case["sentence"].startswith("List ncmec entry blank: ")
    assert levels(play.find(1, START + 31 * MINUTE, match=matched("ncmec", "blank"))) == [1]
    assert max(levels(play.find(1, START + 31 * MINUTE, match=matched("ncmec", "e1")))) == 2


def test_a_new_version_that_takes_over_is_not_held_and_one_gone_wild_is():
    play = Play()
    known = {"reporter": DETECTOR}
    play.usual(4, count=40, classifier=classified("1"), **known)
    play.find(45, START, category="spam", classifier=classified("2"), **known)
    assert play.cases == []
    play.find(200, START + 2 * HOUR, category="spam", classifier=classified("2"), **known)
    [case] = play.cases
    assert case["classifier"] == {"name": "scam-text", "version": "2"}
    [held] = of(
        play.deployment.publish([finding(9_001, START + 3 * HOUR, classifier=classified("2"), **known)]),
        "enriched-reports",
    )
    [free] = of(
        play.deployment.publish([finding(9_002, START + 3 * HOUR, classifier=classified("1"), **known)]),
        "enriched-reports",
    )
    assert held["risk"]["components"]["reporter_weight"] == 0
    assert free["risk"]["components"]["reporter_weight"] > 0.5


def test_it_is_held_no_more_when_it_is_as_usual_for_some_hours():
    play = Play()
    play.usual(3, match=matched("ncmec"))
    play.find(160, START, match=matched("ncmec"))
    for hour in range(1, DETECTORS.calm_hours + 1):
        assert levels(play.find(1, START + hour * HOUR, match=matched("ncmec"))) == [1]
    after = START + (DETECTORS.calm_hours + 1) * HOUR
    assert max(levels(play.find(1, after, match=matched("ncmec")))) == 2
    # What was found meanwhile is not what is usual.
    play.find(160, after, match=matched("ncmec"))
    assert [case["kind"] for case in play.cases] == ["detector_volume"] * 2


def test_in_its_first_days_a_source_has_no_band():
    play = Play()
    play.usual(DETECTORS.known_days - 1, match=matched("ncmec"))
    play.find(160, START, match=matched("ncmec"))
    assert play.cases == []


def test_what_a_detector_had_to_keep_is_no_flood():
    play = Play()
    play.usual(3, match=matched("ncmec"))
    play.find(1, START + 5 * HOUR, match=matched("ncmec"))
    play.find(160, START, match=matched("ncmec"))
    assert play.cases == []


def decide(play, count, time, decision, **fields):
    for _ in range(count):
        play.find(1, time, category="spam", **fields)
        name = str(play.number)
        subject = {"message": f"m{name}", "channel": f"c{name}"}
        play.deployment.publish([outcome(play.number, decision, time + HOUR, **subject)])


def test_a_list_whose_findings_are_dismissed_as_never_before_is_held_until_they_are_upheld_again():
    play = Play()
    decide(play, 60, START, "upheld", match=matched("ncmec"))
    decide(play, 6, START + DAY, "dismissed", match=matched("ncmec"))
    play.find(1, START + DAY + 3 * HOUR, match=matched("ncmec"))
    [case] = play.cases
    assert case["kind"] == "detector_dismissals"
    decide(play, 19, START + 2 * DAY, "upheld", match=matched("ncmec"))
    assert max(levels(play.find(1, START + 3 * DAY, match=matched("ncmec")))) == 2
    assert len(play.cases) == 1


def test_one_wrong_entry_says_one_thing_a_day_about_its_list():
    play = Play()
    decide(play, 60, START, "upheld", match=matched("ncmec", "e1"))
    decide(play, 12, START + DAY, "dismissed", match=matched("ncmec", "blank"))
    events = play.find(1, START + DAY + 3 * HOUR, match=matched("ncmec", "e1"))
    assert play.cases == []
    assert max(levels(events)) == 2


def test_outcomes_as_before_hold_nobody():
    watch = Watch()
    for number in range(3_000):
        watch.decided(DETECTORS, 0.25, dismissed=number % 5 == 0)
    assert watch.evidence < DETECTORS.outcomes_per_alarm


def test_a_person_who_ends_it_makes_what_it_finds_usual():
    watch = Watch()
    for day in range(3):
        note_finding(DETECTORS, [watch], START + day * DAY, late=False)
    time = START + 4 * DAY
    held = [note_finding(DETECTORS, [watch], time, late=False)[0] for _ in range(200)]
    assert held[-1]
    assert watch.why == "volume"
    watch.end()
    assert watch.why is None
    assert watch.band(DETECTORS) == 800
    assert not note_finding(DETECTORS, [watch], time, late=False)[0]


@pytest.mark.parametrize("back", [HOUR, 3 * DAY])
def test_a_time_that_is_set_back_is_followed(back):
    watch = Watch()
    for day in range(5):
        note_finding(DETECTORS, [watch], START + day * DAY, late=False)
    now = START + 4 * DAY - back
    assert watch.turn_back(now)
    assert not watch.turn_back(now)
    assert all(row >> 32 <= now // DAY for row in watch.busiest)
    note_finding(DETECTORS, [watch], now, late=False)
    assert watch.hour == now // HOUR


def test_a_restart_in_between_changes_nothing():
    def play(*, restart):
        one = Play()
        one.usual(3, match=matched("ncmec", "e1"))
        for part in range(8):
            one.find(30, START + part * HOUR, match=matched("ncmec", "blank"))
            if restart:
                one.deployment.restart(DEMONSTRATION)
        return [output[2:4] for output in one.deployment.outputs], one.deployment.kept

    assert play(restart=True) == play(restart=False)


def ended(play, case):
    """Apply what `tocsin detector end` writes about a case."""
    [key] = [
        output.key for output in play.deployment.outputs if case["case_id"].encode() in (output.value or b"")
    ]
    decision = DetectorEnd(case["part"], case["case_id"], "known material spreads", "op-1")
    value, headers = encode_detector_end(decision)
    home = home_partition(key, PARTITIONS)
    record = Record(REPORTERS_INTERNAL, home, 10**6, START, key, value, headers)
    play.deployment._apply(record)


def test_a_person_ends_it_for_the_part_that_the_case_names():
    play = Play()
    play.usual(3, count=20, match=matched("ncmec", "e1"))
    play.find(160, START, match=matched("ncmec", "blank"))
    [case] = play.cases
    ended(play, case)
    ended(play, case)
    assert max(levels(play.find(1, START + 31 * MINUTE, match=matched("ncmec", "blank")))) == 2
    # What it found meanwhile is usual now.
    play.find(160, START + HOUR, match=matched("ncmec", "blank"))
    assert play.cases == [case]


def test_a_source_stays_held_when_the_key_changes():
    play = Play(HashKeys(EARLIER))
    play.usual(3, match=matched("ncmec", "e1"))
    play.find(160, START, match=matched("ncmec", "e1"))
    play.deployment.restart(HashKeys(CURRENT, EARLIER))
    # The first finding under the current key asks, and the next one is answered.
    play.find(1, START + 40 * MINUTE, match=matched("ncmec", "e1"))
    assert levels(play.find(1, START + 41 * MINUTE, match=matched("ncmec", "e1"))) == [1]
    assert len(play.cases) == 1
