"""Further reports of a version of a message that two reviewers approved weigh nothing, until it is edited."""

from typing import Any

import pytest

from streams.deciding.partition.hash_key import DEMONSTRATION
from tests.unit.both_stages import Deployment, of
from tests.unit.crowd_traffic import outcome, refused
from tests.unit.standing_traffic import approval
from tests.unit.test_standing import CHILD, SPAM, window
from tests.unit.traffic import DAY, HOUR, MINUTE, START, Record, report


def deployment() -> Deployment:
    return Deployment(policies=(SPAM, CHILD))


def of_version(number: int, time: int, version: str | None = "v1", **fields: Any) -> Record:
    named = {} if version is None else {"message_version": version}
    return report(number, time, message_ref="m1", **{**named, **fields})


def counts(both: Deployment, record: Record) -> bool:
    (body,) = of(both.publish([record]), "enriched-reports")
    assert body.get("without_weight") == (None if body["counted"] else "version_approved")
    return body["counted"]


def test_reports_of_the_version_weigh_nothing_and_are_told() -> None:
    both = deployment()
    both.publish([of_version(1, START), approval(1, START + HOUR)])
    outputs = both.publish([of_version(n, START + 2 * HOUR) for n in range(2, 9)])
    assert of(outputs, "escalations") == []
    assert {body["without_weight"] for body in of(outputs, "enriched-reports")} == {"version_approved"}
    told = [notice["state"] for notice in of(outputs, "reporter-notices")]
    assert sorted(told) == ["decided"] * 7 + ["received"] * 7
    # What was reported before the decision stays in its windows.
    assert window(both.publish([report(9, START + 2 * HOUR, message_ref="m2")]))["reports"] == 2


def test_another_version_and_a_report_that_names_none_count() -> None:
    both = deployment()
    both.publish([of_version(1, START), approval(1, START + HOUR)])
    assert counts(both, of_version(2, START + 2 * HOUR, "v2"))
    assert counts(both, of_version(3, START + 2 * HOUR, None))
    assert counts(both, report(4, START + 2 * HOUR, message_ref="m2", message_version="v1"))
    # The version that was judged is still the one that was judged.
    assert not counts(both, of_version(5, START + 2 * HOUR))


def test_it_ends_after_a_month() -> None:
    both = deployment()
    both.publish([of_version(1, START), approval(1, START)])
    assert not counts(both, of_version(2, START + 30 * DAY - MINUTE))
    assert counts(both, of_version(3, START + 30 * DAY))


@pytest.mark.parametrize("kind", ["trusted_flagger_notice", "statutory_victim_request"])
def test_a_trusted_flagger_and_a_victim_end_it(kind: str) -> None:
    both = deployment()
    both.publish([of_version(1, START), approval(1, START)])
    reporter = {"kind": "trusted_flagger" if kind.startswith("trusted") else "user", "ref": "x"}
    assert counts(both, of_version(2, START + HOUR, kind=kind, reporter=reporter))
    assert counts(both, of_version(3, START + HOUR))


def test_a_detector_does_not() -> None:
    both = deployment()
    both.publish([of_version(1, START), approval(1, START)])
    detection = of_version(
        2, START + HOUR, kind="automated_detection", reporter={"kind": "automated", "ref": "d"}
    )
    assert not counts(both, detection)


@pytest.mark.parametrize(
    "later",
    [
        outcome(2, "upheld", START + 2 * HOUR, supersedes="o1"),
        outcome(2, "upheld", START + 2 * HOUR),
        outcome(2, "dismissed", START + 2 * HOUR, supersedes="o1"),
    ],
)
def test_a_decision_in_its_place_ends_it_in_any_order(later: Record) -> None:
    for records in ([approval(1, START + HOUR), later], [later, approval(1, START + HOUR)]):
        both = deployment()
        both.publish([of_version(1, START), *records])
        assert counts(both, of_version(2, START + 3 * HOUR))


def test_a_decision_that_is_older_or_says_the_same_does_not() -> None:
    for other in (outcome(2, "upheld", START), outcome(2, "dismissed", START + 2 * HOUR)):
        both = deployment()
        both.publish([of_version(1, START - HOUR), approval(1, START + HOUR), other])
        assert not counts(both, of_version(2, START + 3 * HOUR))


def test_floor_categories_are_reviewed_all_the_same() -> None:
    both = deployment()
    both.publish([approval(1, START, category="csam")])
    outputs = both.publish([of_version(n, START + HOUR, category="csam") for n in range(1, 30)])
    assert [(body["type"], body["level"]) for body in of(outputs, "escalations")] == [("opened", 1)]
    last = window(outputs)
    assert (last["reports"], last["distinct_reporters"], last["risk"]) == (29, 0, 0)


def test_a_report_without_a_reporter_weighs_nothing_either() -> None:
    both = deployment()
    both.publish([of_version(1, START), approval(1, START)])
    assert not counts(both, of_version(2, START + HOUR, reporter=None))


def test_it_is_kept_across_a_takeover() -> None:
    both = deployment()
    both.publish([of_version(1, START), approval(1, START)])
    both.restart(DEMONSTRATION)
    assert not counts(both, of_version(2, START + HOUR))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"confidence": "one_reviewer"}, (b"invalid_value", b"confidence")),
        ({"confirmed_by": None}, (b"missing_field", b"confirmed_by")),
        ({"confirmed_by": {"ref": "desk-1", "role": "lead"}}, (b"invalid_value", b"confirmed_by.ref")),
        ({"decision": "upheld", "reason": "phishing"}, (b"invalid_value", b"decision")),
        ({"reason": "not_found"}, (b"invalid_value", b"reason")),
        ({"subject": {"kind": "report", "report_id": "r1"}}, (b"invalid_value", b"subject.kind")),
        ({"holds_for_version": "a@b.c"}, (b"pii_detected", b"holds_for_version")),
    ],
)
def test_one_person_alone_cannot_silence_reports(fields: dict[str, Any], found: tuple[bytes, bytes]) -> None:
    both = deployment()
    both.publish([of_version(1, START)])
    assert refused(both.publish([approval(1, START, **fields)])) == [found]
    assert counts(both, of_version(2, START + HOUR))


def test_a_version_needs_a_message() -> None:
    both = deployment()
    record = report(1, START, message_version="v1")
    assert refused(both.publish([record])) == [(b"invalid_value", b"message_version")]
