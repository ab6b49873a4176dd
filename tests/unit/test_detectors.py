"""Detectors and hash lists are trusted by list, entry and version, and told what became of their findings."""

from collections import Counter

import pytest

from streams.contract.wire.dead_letter import Rejected
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys
from tests.readers import decode_report
from tests.unit.both_stages import Deployment, of
from tests.unit.crowd_traffic import outcome
from tests.unit.detector_traffic import (
    CURRENT,
    EARLIER,
    DETECTOR,
    UNNAMED,
    classified,
    decided,
    finding,
    matched,
    source,
)
from tests.unit.traffic import DAY, HOUR, MINUTE, START, report


def test_a_source_is_named_from_broad_to_narrow():
    assert source() is None
    whole, (entry, version) = source(match=matched("ncmec", "e1", "2"))
    assert source(match=matched("ncmec", "e1")) == (whole, (entry,))
    assert source(match=matched("ncmec")) == (whole, ())
    others = [
        source(match=matched("ncmec", *names)) for names in (("e1", "3"), ("e2", "2"), (None, "2"), ("2",))
    ]
    assert others[0] == (whole, (entry, others[0].parts[1]))
    assert len({parts[-1] for _, parts in others} | {entry, version}) == 6
    assert {root for root, _ in others} == {whole}
    assert source(match=matched("other", "e1", "2")) == (
        source(match=matched("other")).root,
        (entry, version),
    )


def test_the_names_of_refs_lists_and_classifiers_are_apart():
    named = [
        source(reporter={"kind": "automated", "ref": "x"}),
        source(match=matched("x")),
        source(classifier=classified("1", name="x")),
    ]
    assert len({root for root, _ in named}) == 3
    with_ref = source(reporter={"kind": "automated", "ref": "x"}, classifier=classified("1"))
    assert with_ref.root == "x"
    assert len(with_ref.parts) == 2


@pytest.mark.parametrize(
    "reporter", [None, {"kind": "user", "ref": "u"}, {"kind": "trusted_flagger", "ref": "f"}]
)
def test_a_match_of_anybody_but_a_detector_is_refused(reporter):
    record = report(1, START, reporter=reporter, match=matched("ncmec"))
    with pytest.raises(Rejected) as caught:
        decode_report(record.value, record.headers, record.timestamp)
    assert (caught.value.reason, caught.value.field) == ("invalid_value", "match")


@pytest.mark.parametrize(
    ("match", "field", "reason"),
    [
        ({}, "match.list", "missing_field"),
        ({"list": ""}, "match.list", "invalid_value"),
        ({"list": "x" * 129}, "match.list", "invalid_value"),
        ({"list": "a b"}, "match.list", "invalid_value"),
        ({"list": "l", "signal": "someone@example.org"}, "match.signal", "pii_detected"),
        ({"list": "l", "version": "+49301234567"}, "match.version", "pii_detected"),
        ({"list": "l", "signal": 7}, "match.signal", "wrong_type"),
        ([], "match", "wrong_type"),
    ],
)  # fmt: skip
def test_hostile_matches_become_dead_letters_that_name_the_field(match, field, reason):
    deployment = Deployment()
    outputs = deployment.publish([finding(1, START, match=match), finding(2, START, match=matched("l"))])
    [letter] = [output for output in outputs if output.topic == "dead-letters"]
    assert dict(letter.headers)["tocsin-field"] == field.encode()
    assert len(of(outputs, "enriched-reports")) == 1
    assert dict(letter.headers)["tocsin-reason"] == reason.encode()


def trust(deployment, number, time, **fields):
    [event] = of(deployment.publish([finding(number, time, **fields)]), "enriched-reports")
    return event.get("trust")


def test_a_new_version_starts_with_the_trust_of_the_one_before_and_loses_it_by_its_own_findings():
    deployment = Deployment()
    old = {"reporter": DETECTOR, "classifier": classified("1")}
    decided(deployment, range(60), START, "upheld", **old)
    before = trust(deployment, 100, START + HOUR, **old)
    new = {"reporter": DETECTOR, "classifier": classified("2")}
    first = trust(deployment, 101, START + HOUR, **new)
    assert before["mean"] > 0.9
    assert first["mean"] == pytest.approx(before["mean"], abs=0.02)
    # What others earned makes nobody known.
    assert (before["trust_class"], first["trust_class"]) == ("high", "low")
    decided(deployment, range(200, 210), START + 2 * HOUR, "dismissed", **new)
    after = trust(deployment, 300, START + 3 * HOUR, **new)
    assert after["mean"] == pytest.approx(first["mean"] / 2, abs=0.1)
    assert trust(deployment, 301, START + 3 * HOUR, **old)["mean"] > 0.9


def test_an_entry_of_a_list_that_is_wrong_does_not_speak_for_the_list():
    deployment = Deployment()
    decided(deployment, range(60), START, "upheld", match=matched("ncmec", "e1"))
    decided(deployment, range(100, 130), START + HOUR, "dismissed", match=matched("ncmec", "blank"))
    wrong = trust(deployment, 200, START + 2 * HOUR, match=matched("ncmec", "blank"))
    right = trust(deployment, 201, START + 2 * HOUR, match=matched("ncmec", "e1"))
    other = trust(deployment, 202, START + 2 * HOUR, match=matched("ncmec", "e3"))
    assert wrong["mean"] < 0.25
    assert right["mean"] > 0.9
    # One of which nothing is known is trusted like the list, of which a third was dismissed.
    assert other["mean"] == pytest.approx(61 / 92, abs=0.03)


def test_below_so_many_outcomes_a_part_is_trusted_like_the_whole():
    deployment = Deployment()
    decided(deployment, range(20), START, "upheld", match=matched("ncmec", "e1"))
    decided(deployment, range(30, 50), START + HOUR, "dismissed", match=matched("ncmec", "e2"))
    both = [
        trust(deployment, 100 + number, START + 2 * HOUR, match=matched("ncmec", f"e{number}"))
        for number in (1, 2, 3)
    ]
    assert both[0] == both[1] == both[2]


def test_a_detector_without_a_name_has_no_home():
    [event] = of(Deployment().publish([finding(1, START)]), "enriched-reports")
    assert "trust" not in event


def test_several_entries_of_a_list_are_one_finding_about_a_message():
    deployment = Deployment()
    first = finding(1, START, channel="c", match=matched("ncmec", "pdq"))
    again = finding(2, START, channel="c", message_ref="m1", match=matched("ncmec", "md5"))
    other = finding(3, START, channel="c", message_ref="m1", match=matched("iwf"))
    events = of(deployment.publish([first, again, other]), "enriched-reports")
    counts = [event["channel_windows"][-1] for event in events]
    assert [each["distinct_reporters"] for each in counts] == [1, 1, 2]
    assert counts[0]["risk"] == counts[1]["risk"] < counts[2]["risk"]


def feedback(outputs):
    return of(outputs, "detector-feedback")


def test_the_source_is_told_what_became_of_its_finding():
    deployment = Deployment()
    published = finding(1, START, match=matched("ncmec", "e1", "7"))
    assert feedback(deployment.publish([published])) == []
    as_fraud = outcome(1, "upheld", START + HOUR, message="m1", channel="c1", category="fraud")
    told = deployment.publish([as_fraud])
    assert feedback(told) == [
        {
            "report_id": "r1", "ce_source": "", "state": "decided", "day": "2026-09-04",
            "category": "spam",
            "outcome": {"decision": "upheld", "reason": "phishing", "category": "fraud"},
            "classifier": None,
            "match": {"list": "ncmec", "signal": "e1", "version": "7"},
        }
    ]  # fmt: skip
    [row] = [output for output in told if output.topic == "detector-feedback"]
    assert row.key == b"ncmec"
    appeal = outcome(2, "dismissed", START + DAY, message="m1", channel="c1", supersedes="o1")
    [later] = feedback(deployment.publish([appeal]))
    assert (later["state"], later["outcome"]["decision"]) == ("superseded", "dismissed")
    # The same outcome again, and the same report again, are told to nobody.
    assert feedback(deployment.publish([appeal, published])) == []


def test_each_of_several_sources_is_told_and_people_are_not():
    deployment = Deployment()
    deployment.publish(
        [
            finding(1, START, channel="c", match=matched("ncmec", "e1")),
            finding(2, START, channel="c", message_ref="m1", classifier=classified("3")),
            finding(3, START, channel="c", message_ref="m1", reporter=DETECTOR),
            finding(4, START, channel="c", message_ref="m1", reporter=UNNAMED),
            report(5, START, channel="c", message_ref="m1"),
        ]
    )
    told = deployment.publish([outcome(1, "dismissed", START + HOUR, channel="c")])
    keys = Counter(output.key for output in told if output.topic == "detector-feedback")
    [by_hash] = set(keys) - {b"ncmec", b"scam-text"}
    assert set(keys.values()) == {1}
    assert len(by_hash) == 16
    assert [notice["report_id"] for notice in of(told, "reporter-notices")] == ["r5"]
    assert not any(b"scanner" in (output.value or b"") for output in told)


def test_a_finding_about_what_was_decided_before_is_told_at_once_and_credited_with_nothing():
    deployment = Deployment()
    deployment.publish([report(1, START, message_ref="m9", channel="c9")])
    deployment.publish([outcome(1, "dismissed", START + HOUR, message="m9", channel="c9")])
    found = finding(9, START + 2 * HOUR, match=matched("ncmec", "e1"))
    [told] = feedback(deployment.publish([found]))
    assert told["outcome"]["decision"] == "dismissed"


def test_a_message_that_was_gone_is_told_as_such_and_changes_no_trust():
    deployment = Deployment()
    deployment.publish([finding(1, START, match=matched("l"))])
    before = trust(deployment, 2, START + MINUTE, match=matched("l"))
    gone = outcome(1, "dismissed", START + HOUR, message="m1", channel="c1", reason="not_found")
    [told] = feedback(deployment.publish([gone]))
    assert told["outcome"]["reason"] == "not_found"
    assert trust(deployment, 3, START + 2 * HOUR, match=matched("l")) == before


def test_a_single_report_of_a_detector_can_be_judged():
    deployment = Deployment()
    deployment.publish([finding(1, START, channel="c", match=matched("l", "e1"))])
    deployment.publish([report(2, START, channel="c", message_ref="m1")])
    about = {"kind": "report", "report_id": "r1"}
    told = deployment.publish([outcome(1, "dismissed", START + HOUR, about, channel="c")])
    assert [each["report_id"] for each in feedback(told)] == ["r1"]
    assert of(told, "reporter-notices") == []


def test_what_is_known_of_a_source_and_its_parts_follows_a_change_of_the_key():
    deployment = Deployment(keys=HashKeys(EARLIER))
    new = {"match": matched("ncmec", "e2")}
    decided(deployment, range(60), START, "upheld", match=matched("ncmec", "e1"))
    decided(deployment, range(100, 120), START, "dismissed", **new)
    deployment.publish([finding(500, START + HOUR, **new)])
    before = [trust(deployment, 200 + n, START + HOUR, match=matched("ncmec", f"e{n}")) for n in (1, 2)]
    deployment.restart(HashKeys(CURRENT, EARLIER))
    # The first report under the current key asks, and the next one has the answer.
    for number in (1, 2):
        deployment.publish([finding(300 + number, START + 2 * HOUR, match=matched("ncmec", f"e{number}"))])
    after = [trust(deployment, 400 + n, START + 2 * HOUR, match=matched("ncmec", f"e{n}")) for n in (1, 2)]
    assert after == before
    # A decision on what was found before the change reaches the part at its new home.
    [told] = feedback(
        deployment.publish([outcome(9, "dismissed", START + 3 * HOUR, message="m500", channel="c500")])
    )
    assert told["report_id"] == "r500"
    assert trust(deployment, 600, START + 3 * HOUR, **new)["mean"] < before[1]["mean"]


def test_a_restart_changes_nothing():
    def play(*, restart):
        deployment = Deployment()
        for number in range(12):
            found = matched("l", f"e{number % 2}")
            decided(deployment, range(number, number + 1), START, "upheld", match=found)
            if restart:
                deployment.restart(DEMONSTRATION)
        return [output[2:4] for output in deployment.outputs], deployment.kept

    assert play(restart=True) == play(restart=False)
