"""Standing of reporters: a warning, a pause, their end, and what they do to reports."""

from typing import Any

import pytest

from streams.contract.wire.forms.reporter_history import REPORTER_HEADER
from streams.contract.wire.origin import with_origin
from streams.contract.wire.partitioner import home_partition
from streams.deciding.partition.hash_key import DEMONSTRATION
from tests.shipped import RULES as SHIPPED_RULES
from tests.unit.both_stages import PARTITIONS, Deployment, of
from tests.unit.crowd_traffic import outcome, refused
from tests.unit.standing_traffic import NEXT_KEYS, paused, standing, warned
from tests.unit.traffic import DAY, HOUR, MINUTE, START, Record, levels, policy, report

SPAM = policy(window="PT24H", window_ms=24 * HOUR, levels=levels({"distinct_reporters": 3}))
CHILD = policy(
    id="child",
    categories=("csam",),
    window="P7D",
    window_ms=7 * DAY,
    levels=levels({"reports": 1}, {"reports": 1, "risk": 0.6}),
)


def deployment() -> Deployment:
    return Deployment(policies=(SPAM, CHILD))


def by(ref: str, number: int, time: int, **fields: Any) -> Record:
    return report(number, time, reporter={"kind": "user", "ref": ref}, **fields)


def notices(outputs: list) -> list[tuple[str, str, str | None]]:
    return [
        (body["state"], body["day"], body["until"])
        for body in of(outputs, "reporter-notices")
        if "standing_id" in body
    ]


def window(outputs: list) -> dict[str, Any]:
    """The counts after the newest report."""
    return of(outputs, "enriched-reports")[-1]["channel_windows"][-1]


def test_a_paused_reporter_is_published_and_told_and_weighs_nothing() -> None:
    both = deployment()
    both.publish([warned(1, START), paused(2, START + DAY)])
    (body,) = of(
        outputs := both.publish([by("u1", 1, START + DAY + HOUR, message_ref="m")]), "enriched-reports"
    )
    assert body["without_weight"] == "reporter_paused"
    assert (body["counted"], body["not_counted_reason"]) == (False, None)
    assert body["risk"]["components"]["reporter_weight"] == 0
    assert [notice["state"] for notice in of(outputs, "reporter-notices")] == ["received"]
    assert window(both.publish([by("u2", 2, START + DAY + HOUR)]))["reports"] == 1
    counted = [row for record in of(both.outputs, "transparency-counters") for row in record["reports"]]
    assert sum(row["count"] for row in counted[-1:]) == 2
    assert not any(row["late"] for row in counted)


def test_it_ends_by_itself() -> None:
    both = deployment()
    both.publish([warned(1, START), paused(2, START, days=3)])
    for at, weighs in ((3 * DAY - MINUTE, False), (3 * DAY, True)):
        (body,) = of(both.publish([by("u1", at, START + at)]), "enriched-reports")
        assert body["counted"] is weighs


def test_two_people_can_end_it_early() -> None:
    both = deployment()
    both.publish([warned(1, START), paused(2, START), standing(3, "ended", START + HOUR)])
    (body,) = of(both.publish([by("u1", 1, START + HOUR)]), "enriched-reports")
    assert body["counted"]
    # The warning has ended too: another pause needs another one.
    assert refused(both.publish([paused(4, START + 2 * HOUR)])) == [(b"standing_not_possible", b"state")]


def test_each_step_is_told_with_its_end_and_without_a_count() -> None:
    both = deployment()
    outputs = both.publish([warned(1, START), paused(2, START + DAY), standing(3, "ended", START + 2 * DAY)])
    assert notices(outputs) == [
        ("warned", "2026-09-04", "2027-03-03"),
        ("paused", "2026-09-05", "2026-10-05"),
        ("ended", "2026-09-06", None),
    ]
    body = of(outputs, "reporter-notices")[1]
    assert body["contest_until"] == "2027-03-05"
    assert body["rule"] == "reporting-4"
    text = b"".join(output.value or b"" for output in outputs)
    assert b"u1" not in text
    assert b"desk-1" not in text
    assert b"lead-1" not in text


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([paused(1, START)], (b"standing_not_possible", b"state")),
        ([standing(1, "ended", START)], (b"standing_not_possible", b"state")),
        ([warned(1, START), paused(2, START + 180 * DAY)], (b"standing_not_possible", b"state")),
        ([warned(1, START), paused(2, START, days=181)], (b"invalid_value", b"until")),
        ([warned(1, START), paused(2, START, days=0)], (b"invalid_value", b"until")),
        ([warned(1, START + HOUR), paused(2, START)], (b"standing_not_possible", b"decided_at")),
        ([paused(1, START, confirmed_by=None)], (b"missing_field", b"confirmed_by")),
        (
            [paused(1, START, confirmed_by={"ref": "desk-1", "role": "lead"})],
            (b"invalid_value", b"confirmed_by"),
        ),
        ([standing(1, "paused", START, until=None)], (b"missing_field", b"until")),
        ([warned(1, START, until="2030-01-01T00:00:00Z")], (b"invalid_value", b"until")),
        ([warned(1, START, reason="contested")], (b"invalid_value", b"reason")),
        (
            [warned(1, START, reporter={"kind": "trusted_flagger", "ref": "f"})],
            (b"invalid_value", b"reporter.kind"),
        ),
        ([warned(1, START, reporter={"kind": "user", "ref": "a@b.c"})], (b"pii_detected", b"reporter.ref")),
        ([warned(1, START, decided_by={"ref": "d"})], (b"missing_field", b"decided_by.role")),
    ],
)
def test_what_cannot_be_is_a_dead_letter_and_the_stream_goes_on(
    records: list[Record], found: tuple[bytes, bytes]
) -> None:
    both = deployment()
    outputs = both.publish(records)
    assert refused(outputs) == [found]
    hashed = b"%016x" % DEMONSTRATION.current.reporter_hash("u1")
    assert not any(
        hashed in b"".join([row.key or b"", *(v or b"" for _, v in row.headers)])
        for row in outputs
        if row.topic == "dead-letters"
    )
    (body,) = of(both.publish([by("u1", 1, START + HOUR)]), "enriched-reports")
    assert body["counted"]


def test_a_decision_that_is_published_twice_counts_once() -> None:
    both = deployment()
    records = [warned(1, START), paused(2, START), standing(3, "ended", START)]
    assert len(notices(both.publish([*records, *records]))) == 3


def test_a_trusted_flagger_and_a_detector_of_the_same_ref_are_not_paused() -> None:
    both = deployment()
    both.publish([warned(1, START), paused(2, START)])
    for kind in ("trusted_flagger", "automated"):
        record = report(1, START + HOUR, reporter={"kind": kind, "ref": "u1"}, report_id=kind)
        assert of(both.publish([record]), "enriched-reports")[0]["counted"]


def test_floor_categories_are_reviewed_and_nothing_more() -> None:
    both = deployment()
    both.publish([warned(1, START), paused(2, START)])
    outputs = both.publish([by("u1", n, START + HOUR + n, category="csam") for n in range(40)])
    assert [(body["type"], body["level"]) for body in of(outputs, "escalations")] == [("opened", 1)]
    bodies = of(outputs, "enriched-reports")
    assert all(body["counted"] and body["without_weight"] == "reporter_paused" for body in bodies)
    last = window(outputs)
    assert (last["reports"], last["distinct_reporters"], last["risk"]) == (40, 0, 0)


def test_a_pause_takes_out_what_was_added_since_the_warning() -> None:
    both = deployment()
    both.publish([warned(1, START)])
    both.publish([by("u1", 1, START + HOUR), by("u2", 2, START + HOUR), by("u1", 3, START + 2 * HOUR)])
    before = window(both.publish([by("u3", 4, START + 2 * HOUR)]))
    assert (before["reports"], before["distinct_reporters"]) == (4, 3)
    both.publish([paused(2, START + 2 * HOUR)])
    after = window(both.publish([by("u4", 5, START + 2 * HOUR)]))
    assert (after["reports"], after["distinct_reporters"]) == (3, 3)
    assert after["risk"] == pytest.approx(before["risk"])
    assert [body["type"] for body in of(both.outputs, "escalations")] == ["opened"]


def test_what_was_reported_before_the_warning_stays() -> None:
    both = deployment()
    both.publish([by("u1", 1, START), warned(1, START), by("u1", 2, START + HOUR), paused(2, START + HOUR)])
    last = window(both.publish([by("u2", 3, START + HOUR)]))
    assert (last["reports"], last["distinct_reporters"]) == (2, 2)


def test_it_is_counted_as_a_suspension_once_while_it_lasts() -> None:
    both = deployment()
    both.publish([warned(1, START), paused(2, START, days=3), paused(3, START + DAY, days=9)])
    both.publish([paused(4, START + 20 * DAY, reason="manifestly_unfounded_complaints")])
    rows = [
        (body["date"], row["because_of"], row["count"])
        for body in of(both.outputs, "transparency-counters")
        for row in body.get("suspensions", ())
    ]
    assert rows == [("2026-09-04", "notices", 1), ("2026-09-24", "complaints", 1)]


def test_a_paused_reporter_is_credited_and_told_what_was_decided() -> None:
    both = deployment()
    both.publish([warned(1, START), paused(2, START)])
    both.publish([by("u1", 1, START + HOUR, message_ref="m1")])
    outputs = both.publish([outcome(1, "upheld", START + 2 * HOUR)])
    assert [notice["state"] for notice in of(outputs, "reporter-notices")] == ["decided"]


def test_a_case_of_misuse_says_what_can_be_done() -> None:
    sentences = []
    for decided in ([], [warned(1, START)], [warned(1, START), paused(2, START)]):
        both = deployment()
        both.publish(decided)
        for number in range(6):
            message = f"m{number}"
            both.publish([by("u1", number, START, message_ref=message)])
            both.publish([outcome(number, "manifestly_unfounded", START + HOUR, message=message)])
        outputs = both.publish([by("u1", 9, START + 8 * DAY)])
        sentences += [body["sentence"] for body in of(outputs, "integrity-cases")]
    first, second, third = sentences
    assert "needs a warning first" in first
    assert "were warned; the warning is in force until 2027-03-03" in second
    assert "are paused until 2026-10-04" in third


def test_no_other_event_says_whose_reports_are_paused() -> None:
    both = deployment()
    both.publish([warned(1, START), by("u1", 1, START), paused(2, START), by("u1", 2, START)])
    hashed = b"%016x" % DEMONSTRATION.current.reporter_hash("u1")
    for output in both.outputs:
        assert b'"u1"' not in (output.value or b"")
        if hashed in (output.key or b"") + (output.value or b""):
            assert output.topic in ("reporter-notices", "integrity-cases")


@pytest.mark.parametrize("category", sorted(SHIPPED_RULES.categories))
def test_no_number_of_paused_reports_takes_a_channel_above_review(category: str) -> None:
    """Under the shipped policies, and in a category without a floor to no level at all."""
    both = Deployment("shadow", policies=SHIPPED_RULES.policies)
    people = [f"u{number}" for number in range(8)]
    both.publish([warned(number, START, ref) for number, ref in enumerate(people)])
    both.publish([paused(100 + number, START, ref) for number, ref in enumerate(people)])
    outputs = both.publish(
        [
            by(ref, 10 * number + turn, START + HOUR + turn, category=category)
            for number, ref in enumerate(people)
            for turn in range(10)
        ]
    )
    reached = {body["level"] for body in of(outputs, "escalations") if body["policy"] != "legal-clock"}
    assert reached == ({1} if SHIPPED_RULES.categories[category].floor else set())


def test_levels_that_were_reached_stay_and_further_ones_need_others() -> None:
    raised = policy(window="PT24H", window_ms=DAY, levels=levels({"reports": 3}, {"reports": 5}))
    both = Deployment("shadow", policies=(raised,))
    both.publish([warned(1, START)])
    both.publish([by("u1", number, START + HOUR) for number in range(3)])
    assert [body["level"] for body in of(both.outputs, "escalations")] == [1]
    both.publish([paused(2, START + HOUR)])
    both.publish([by(f"v{number}", 10 + number, START + HOUR) for number in range(4)])
    assert len(of(both.outputs, "escalations")) == 1
    both.publish([by("v9", 20, START + HOUR)])
    assert [body["level"] for body in of(both.outputs, "escalations")] == [1, 2]


def test_in_a_crowd_nobody_is_linked_to_a_paused_reporter() -> None:
    both = Deployment("live", policies=(SPAM,))
    refs = [f"u{number}" for number in range(6)]
    for target in range(2):
        for ref in refs:
            both.publish(
                [
                    by(
                        ref,
                        0,
                        START + target * HOUR,
                        report_id=f"{ref}-{target}",
                        message_ref=f"m{target}",
                        channel=f"c{target}",
                    )
                ]
            )
        both.publish(
            [outcome(target, "dismissed", START + target * HOUR, message=f"m{target}", channel=f"c{target}")]
        )
    both.publish([warned(1, START + 2 * HOUR, "u0"), paused(2, START + 2 * HOUR, "u0")])
    outputs = both.publish(
        [by(ref, 0, START + 3 * HOUR, report_id=f"{ref}-last", message_ref="m9") for ref in refs]
    )
    shown = [body.get("integrity") for body in of(outputs, "enriched-reports")]
    assert shown[0] is None
    assert of(outputs, "enriched-reports")[-1]["channel_windows"][-1]["distinct_reporters"] == 5


def test_after_a_change_of_the_key_a_pause_finds_the_warning_and_what_was_added_since() -> None:
    both = deployment()
    both.publish([warned(1, START), by("u1", 1, START + HOUR)])
    both.restart(NEXT_KEYS)
    assert refused(both.publish([paused(2, START + HOUR)])) == []
    last = window(both.publish([by("u2", 2, START + HOUR)]))
    assert (last["reports"], last["distinct_reporters"]) == (1, 1)
    (body,) = of(both.publish([by("u1", 3, START + HOUR)]), "enriched-reports")
    assert body["without_weight"] == "reporter_paused"
    # What is known under the earlier hash is asked for once.
    assert refused(both.publish([standing(3, "ended", START + 2 * HOUR)])) == []
    assert of(both.publish([by("u1", 4, START + 2 * HOUR)]), "enriched-reports")[0]["counted"]


def test_a_decision_that_was_passed_on_under_the_earlier_key_follows_its_reporter() -> None:
    """As from a worker that does not have the new key yet."""
    both = deployment()
    both.publish([warned(1, START), by("u1", 1, START)])
    both.restart(NEXT_KEYS)
    both.publish([by("u1", 2, START + HOUR)])
    earlier = b"%016x" % DEMONSTRATION.current.reporter_hash("u1")
    record = paused(2, START + HOUR)
    headers = (*with_origin(record), (REPORTER_HEADER, earlier))
    home = home_partition(earlier, PARTITIONS)
    # `publish` deals records out by offset.
    passed_on = record._replace(topic="reporters-internal", offset=PARTITIONS + home, headers=headers)
    assert refused(both.publish([passed_on])) == []
    (body,) = of(both.publish([by("u1", 3, START + HOUR)]), "enriched-reports")
    assert body["without_weight"] == "reporter_paused"
