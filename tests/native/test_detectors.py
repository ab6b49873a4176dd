"""The native core stamps findings of detectors as Python does, and leaves it those that may be out of their usual band."""

import dataclasses
import random

import pytest

from streams.deciding.partition.limits import UNLIMITED
from streams.registry.loader import load_rules
from tests.bench.place import ONE_TOPIC
from tests.native.both_cores import BothCores
from tests.native.fuzz import BEGIN_MS, DAY, HOUR, MINUTE
from tests.tools import native_core
from tests.unit.crowd_traffic import outcome
from tests.unit.detector_traffic import classified, finding, matched

native_core()

RULES = load_rules(sources=ONE_TOPIC)
DETECTORS = RULES.reporters.detectors


def rules_with(outcomes_per_alarm=20, **changes):
    """The shipped rules, in which detectors are soon known, measured and held."""
    detectors = DETECTORS._replace(
        least_findings=6, known_days=2, busiest_times=1.5, outcomes_per_alarm=outcomes_per_alarm
    )
    reporters = dataclasses.replace(
        RULES.reporters, detectors=detectors, measured_from=3.0, category_needs=2.0
    )
    return dataclasses.replace(RULES, reporters=dataclasses.replace(reporters, **changes))


def any_finding(chance, number, time):
    """A finding of one of two detectors, mostly with a classifier of two versions."""
    fields = {"category": chance.choice(("spam", "spam", "fraud", "csam"))}
    if chance.random() < 0.85:
        fields["classifier"] = classified(chance.choice("78"), chance.choice(("scan", "scan", "other")))
    elif chance.random() < 0.5:
        fields["match"] = matched("known", chance.choice((None, "a", "b")))
    if chance.random() < 0.5:
        fields["reporter"] = {"kind": "automated", "ref": "d"}
    return finding(number, time - chance.choice((0, 0, 0, 59 * MINUTE, 2 * HOUR)), **fields)


@pytest.mark.parametrize("seed", range(8))
def test_findings_with_floods_outcomes_and_silence(seed):
    chance = random.Random(seed)
    limit = {**RULES.reporters.reports_per_day, "automated": chance.choice((None, 30))}
    both = BothCores(rules_with(reports_per_day=limit), (0, 1))
    time, number = BEGIN_MS, 0
    for _ in range(70):
        findings = []
        for _ in range(chance.choice((1, 4, 4, 30))):
            time += chance.choice((0, 1_000, MINUTE))
            number += 1
            findings.append(any_finding(chance, number, time))
        both.apply(findings, time, UNLIMITED)
        decided = [
            outcome(
                each, chance.choice(("upheld", "dismissed")), time, message=f"m{each}", channel=f"c{each}"
            )
            for each in chance.sample(range(1, number + 1), min(number, chance.choice((0, 2, 6))))
        ]
        both.apply(decided, time, UNLIMITED)
        time += chance.choice((0, MINUTE, HOUR, DAY, DAY, 30 * DAY if chance.random() < 0.1 else 0))
        if chance.random() < 0.2:
            both.restart(swap=chance.random() < 0.5)
    assert both.reporters.natively > both.reporters.applied * 0.2


def test_one_more_finding_within_the_band_is_stamped_natively_and_the_one_beyond_it_is_not():
    both = BothCores(rules_with(), (0, 1))
    number = 0

    def find(count, time):
        nonlocal number
        before = both.reporters.natively
        for _ in range(count):
            number += 1
            both.apply([finding(number, time, classifier=classified("7"))], time, UNLIMITED)
        return both.reporters.natively - before

    for day in range(2):
        # The first one in an hour moves what was counted into the history.
        assert find(4, BEGIN_MS + day * DAY) == 3
    begin = BEGIN_MS + 2 * DAY
    assert find(6, begin) == 5
    # One more is beyond the band of six, and the source is held from then on.
    assert find(3, begin + 1) == 0


@pytest.mark.parametrize("outcomes_per_alarm", [2, 3, 5, 8])
def test_a_finding_after_too_many_dismissals_is_pythons(outcomes_per_alarm):
    """Of a day one outcome counts; the first finding in an hour is always Python's."""
    both = BothCores(rules_with(outcomes_per_alarm), (0, 1))
    natively = []
    for day, decision in enumerate(["upheld"] * 8 + ["dismissed"] * 10):
        time, number = BEGIN_MS + day * DAY, 3 * day
        both.apply([finding(number, time, classifier=classified("7"))], time, UNLIMITED)
        decided = outcome(day, decision, time + MINUTE, message=f"m{number}", channel=f"c{number}")
        both.apply([decided], time, UNLIMITED)
        before = both.reporters.natively
        both.apply([finding(number + 1, time + 2 * MINUTE, classifier=classified("7"))], time, UNLIMITED)
        natively.append(both.reporters.natively > before)
    held = natively.index(False)
    assert 8 <= held < len(natively) - 1
    assert not any(natively[held:])


def test_without_rules_for_detectors_their_reports_are_pythons():
    both = BothCores(rules_with(detectors=None), (0, 1))
    both.apply([finding(n, BEGIN_MS + n, classifier=classified("7")) for n in range(20)], BEGIN_MS, UNLIMITED)
    assert (both.reporters.applied, both.reporters.natively) == (20, 0)
