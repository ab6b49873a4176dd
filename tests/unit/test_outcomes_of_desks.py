"""What desks decide, applied by the stage of reports: credits, notices, and what they leave alone."""

import pytest

from streams.contract.wire.envelope import rfc3339
from streams.deciding.reports.state import ReportState, restore_reports
from tests import bundled
from tests.unit.clock_traffic import clock_of, clock_rules, duty
from tests.unit.crowd_traffic import KEY, credits_of, outcome, refused, reported, stamped
from tests.unit.traffic import (
    DAY,
    HOUR,
    MINUTE,
    START,
    compiled,
    counted,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
)


RULES = compiled(policy(levels=levels({"reports": 2})))


def test_an_outcome_credits_whoever_reported_the_message_before_it():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [*reported(1, 2), *reported(3, message="m2")])
    batch = run(state, RULES, [outcome(1, "upheld", START + 10 * MINUTE)])
    assert credits_of(batch) == {"u1": (None, "upheld"), "u2": (None, "upheld")}
    [credit, _] = bundled.credits_in(batch.outputs)
    assert credit.target == KEY.target_hash("c", "m1")
    assert credit.decided_s == (START + 10 * MINUTE) // 1000
    assert credit.added is not None
    assert (credit.added.day, credit.added.percent) == (START // DAY, 100)
    assert counted(batch)["credits"] == 2
    late = run(state, RULES, reported(20))
    assert credits_of(late) == {"u20": (None, None)}


def test_a_later_decision_takes_the_earlier_one_back_from_the_same_reporters():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [*reported(1), outcome(1, "upheld", START + HOUR)])
    appeal = run(state, RULES, [outcome(2, "dismissed", START + 2 * HOUR, supersedes="o1")])
    assert credits_of(appeal) == {"u1": ("upheld", "dismissed")}
    again = run(state, RULES, [outcome(2, "dismissed", START + 2 * HOUR)])
    assert counted(again) == {"duplicates": 1}
    overtaken = run(state, RULES, [outcome(3, "upheld", START + 90 * MINUTE)])
    assert credits_of(overtaken) == {}


def test_an_outcome_about_a_report_concerns_its_reporter_alone():
    state = ReportState(0, 1, RULES)
    run(state, RULES, reported(1, 2))
    of_report = {"kind": "report", "report_id": "r1"}
    batch = run(state, RULES, [outcome(1, "manifestly_unfounded", START + HOUR, of_report)])
    assert credits_of(batch) == {"u1": (None, "manifestly_unfounded")}
    batch = run(state, RULES, [outcome(2, "upheld", START + 2 * HOUR)])
    assert credits_of(batch) == {"u1": ("manifestly_unfounded", "upheld"), "u2": (None, "upheld")}


@pytest.mark.parametrize(
    ("subject", "field"),
    [
        ({"kind": "report", "report_id": "r1", "ce_source": "/other"}, b"subject.report_id"),
        ({"kind": "report", "report_id": "r9"}, b"subject.report_id"),
        ({"kind": "escalation", "escalation_id": "e1"}, b"subject.escalation_id"),
    ],
)
def test_what_is_not_known_is_refused_and_can_be_sent_again(subject, field):
    state = ReportState(0, 1, RULES)
    record = outcome(1, "upheld", START + HOUR, subject)
    batch = run(state, RULES, [*reported(1), record])
    assert refused(batch.outputs) == [(b"subject_not_found", field)]
    assert refused(run(state, RULES, [record]).outputs) == [(b"subject_not_found", field)]


def test_an_outcome_about_an_escalation_is_about_the_messages_it_named():
    state = ReportState(0, 1, RULES)
    opened = run(state, RULES, [*reported(1, 2), *reported(3, message="m2")])
    [event] = of_topic(opened, "escalations")
    assert event["message_refs"] == ["m1"]
    of_escalation = {"kind": "escalation", "escalation_id": event["escalation_id"]}
    batch = run(state, RULES, [outcome(1, "dismissed", START + HOUR, of_escalation)])
    assert credits_of(batch) == {"u1": (None, "dismissed"), "u2": (None, "dismissed")}


def test_an_outcome_about_a_clock_is_about_the_message_of_its_report():
    rules = clock_rules(duty())
    state = ReportState(0, 1, rules)
    run(state, rules, reported(1))
    of_clock = {"kind": "escalation", "escalation_id": clock_of(1)}
    assert credits_of(run(state, rules, [outcome(1, "upheld", START + HOUR, of_clock)])) == {
        "u1": (None, "upheld")
    }


def test_an_outcome_about_a_case_of_anonymous_reports_is_applied_and_credits_nobody():
    nobody = {"kind": "anonymous"}
    rules = clock_rules(duty(), policies=(policy(levels=levels({"reports": 1})),))
    state = ReportState(0, 1, rules)
    opened = run(state, rules, [report(1, START, message_ref="m1", reporter=nobody)])
    cases = {event["escalation_id"] for event in of_topic(opened, "escalations")}
    assert len(cases) == 2
    for number, case in enumerate(cases):
        about = {"kind": "escalation", "escalation_id": case}
        batch = run(state, rules, [outcome(number, "dismissed", START + HOUR, about)])
        assert refused(batch.outputs) == []
        assert counted(batch)["moderation_outcomes"] == 1
        assert credits_of(batch) == {}


def test_reporters_are_told_of_the_decision_and_of_another_one_in_its_place():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [*reported(1), outcome(1, "upheld", START + HOUR)])
    run(state, RULES, reported(5))
    batch = run(state, RULES, [outcome(2, "dismissed", START + 30 * DAY)])
    [one, other] = of_topic(batch, "reporter-notices")
    assert {one["report_id"], other["report_id"]} == {"r1", "r5"}
    assert (one["state"], one["day"]) == ("superseded", rfc3339(START + 30 * DAY)[:10])
    assert one["outcome"]["decision"] == "dismissed"
    assert one["outcome"]["ground"] == {"kind": "terms", "rule": "scams-2.1"}


def test_what_was_gone_before_the_review_is_told_and_credits_nobody():
    state = ReportState(0, 1, RULES)
    run(state, RULES, reported(1, 2))
    gone = run(state, RULES, [outcome(1, "dismissed", START + HOUR, reason="not_found")])
    # The target leaves their signatures.
    assert credits_of(gone) == {"u1": (None, None), "u2": (None, None)}
    assert {credit.decision for credit in bundled.credits_in(gone.outputs)} == {"upheld"}
    notices = of_topic(gone, "reporter-notices")
    assert {(each["report_id"], each["state"]) for each in notices} == {("r1", "decided"), ("r2", "decided")}
    # A decision about what came back is the first one, for those in between too.
    run(state, RULES, reported(61 + 5))
    batch = run(state, RULES, [outcome(2, "upheld", START + 2 * HOUR)])
    assert credits_of(batch) == {name: (None, "upheld") for name in ("u1", "u2", "u66")}
    # And one that is gone later leaves the decision that was made on seeing it.
    again = run(state, RULES, [outcome(3, "dismissed", START + 3 * HOUR, reason="not_found")])
    assert set(credits_of(again).values()) == {(None, None)}
    assert {each["state"] for each in of_topic(again, "reporter-notices")} == {"superseded"}


def test_what_could_not_be_judged_is_told_and_leaves_everything_else_as_it_was():
    """Neither dismissed, so that an owner who edits a post frames nobody, nor as if it had been upheld, so that
    a brigade with claims that nobody can check is recognised all the same."""
    state = ReportState(0, 1, RULES)
    run(state, RULES, reported(1, 2))
    unclear = run(state, RULES, [outcome(1, "dismissed", START + HOUR, reason="not_substantiated")])
    assert not bundled.credits_in(unclear.outputs)
    notices = of_topic(unclear, "reporter-notices")
    assert {(each["report_id"], each["state"]) for each in notices} == {("r1", "decided"), ("r2", "decided")}
    # A decision later is the first one.
    batch = run(state, RULES, [outcome(2, "dismissed", START + 2 * HOUR)])
    assert credits_of(batch) == {name: (None, "dismissed") for name in ("u1", "u2")}
    # One that supersedes it is taken back, with its link.
    later = {"reason": "not_substantiated", "supersedes": "o2"}
    batch = run(state, RULES, [outcome(3, "dismissed", START + 3 * HOUR, **later)])
    assert credits_of(batch) == {name: ("dismissed", None) for name in ("u1", "u2")}
    assert {credit.decision for credit in bundled.credits_in(batch.outputs)} == {"upheld"}


def test_a_decision_that_is_superseded_because_nothing_was_found_is_taken_back():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [*reported(1), outcome(1, "manifestly_unfounded", START + HOUR)])
    later = {"reason": "not_found", "supersedes": "o1"}
    batch = run(state, RULES, [outcome(2, "dismissed", START + 2 * HOUR, **later)])
    assert credits_of(batch) == {"u1": ("manifestly_unfounded", None)}
    # Who reports it from now on is told, and credited with nothing.
    late = run(state, RULES, reported(200))
    assert credits_of(late) == {"u200": (None, None)}
    assert {
        credit.decision for credit in (*bundled.credits_in(batch.outputs), *bundled.credits_in(late.outputs))
    } == {"upheld"}
    assert [each["state"] for each in of_topic(late, "reporter-notices")] == ["received", "decided"]


def test_detectors_are_credited_but_not_told():
    state = ReportState(0, 1, RULES)
    found = stamped(report(1, START, message_ref="m1", reporter={"kind": "automated", "ref": "u1"}))
    batch = run(state, RULES, [found, outcome(1, "upheld", START + HOUR)])
    assert credits_of(batch) == {"u1": (None, "upheld")}
    assert of_topic(batch, "reporter-notices") == []


def test_the_first_report_of_each_reporter_about_a_message_is_confirmed():
    state = ReportState(0, 1, RULES)
    received = rfc3339(START - DAY + MINUTE)
    first = stamped(report(1, START, message_ref="m1", received_at=received))
    batch = run(state, RULES, [first, *reported(2)])
    [one, other] = of_topic(batch, "reporter-notices")
    assert one == {
        "report_id": "r1", "ce_source": "", "state": "received", "day": received[:10], "outcome": None,
    }  # fmt: skip
    assert other["report_id"] == "r2"
    [key, _] = [output.key for output in batch.outputs if output.topic == "reporter-notices"]
    assert key == b"%016x" % KEY.reporter_hash("u1")
    again = stamped(report(3, START + HOUR, message_ref="m1", reporter={"kind": "user", "ref": "u1"}))
    assert of_topic(run(state, RULES, [again]), "reporter-notices") == []
    elsewhere = run(state, RULES, reported(1, message="m2", channel="d"))
    assert [notice["state"] for notice in of_topic(elsewhere, "reporter-notices")] == ["received"]


def test_a_report_about_a_channel_is_confirmed_too():
    record = stamped(report(1, START))
    batch = run(ReportState(0, 1, RULES), RULES, [record])
    assert [notice["report_id"] for notice in of_topic(batch, "reporter-notices")] == ["r1"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [("user", 1), ("trusted_flagger", 1), ("state_actor", 1), ("anonymous", 0), ("automated", 0)],
)
def test_who_gets_no_receipt_is_a_matter_of_the_kind(kind, told):
    record = stamped(report(1, START, message_ref="m1", reporter={"kind": kind, "ref": "u1"}))
    batch = run(ReportState(0, 1, RULES), RULES, [record])
    assert len(of_topic(batch, "reporter-notices")) == told


def test_who_reports_what_is_decided_is_told_in_that_order():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [outcome(1, "upheld", START)])
    batch = run(state, RULES, reported(5))
    assert [notice["state"] for notice in of_topic(batch, "reporter-notices")] == ["received", "decided"]


def test_beyond_the_sample_receipts_for_one_message_have_one_id():
    state = ReportState(0, 1, RULES)
    run(state, RULES, reported(*range(300)))
    kept = state.crowd.reporters_of(b"c\0m1").reporters
    left_out = next(number for number in range(300) if KEY.reporter_hash(f"u{number}") not in kept)
    reporter = {"kind": "user", "ref": f"u{left_out}"}
    again = [stamped(report(1_000 + n, START + DAY, message_ref="m1", reporter=reporter)) for n in range(2)]
    batch = run(state, RULES, again)
    receipts = [output for output in batch.outputs if output.topic == "reporter-notices"]
    assert len(receipts) == 2
    assert len({dict(receipt.headers)["ce_id"] for receipt in receipts}) == 1


def test_who_reported_is_restored_and_expires():
    state = ReportState(0, 1, RULES)
    stored: dict[bytes, bytes] = {}
    fold(stored, run(state, RULES, [*reported(1), *reported(2, message="m2")]).changes)
    state = restore_reports(0, 1, RULES, stored.items())
    batch = run(state, RULES, [outcome(1, "upheld", START + HOUR)])
    assert credits_of(batch) == {"u1": (None, "upheld")}
    fold(stored, batch.changes)
    # 90 days without a decision, 180 days after one.
    fold(stored, run(state, RULES, [stamped(report(3, START + 100 * DAY, channel="d"))]).changes)
    assert [key for key in stored if key[:2] == b"Ac"] == [b"Ac\0m1"]
    fold(stored, run(state, RULES, [stamped(report(4, START + 190 * DAY, channel="d"))]).changes)
    assert [key for key in stored if key[:2] == b"Ac"] == []


ALONE = {"confidence": "one_reviewer"}


def by(person: str) -> dict:
    return {"reviewer": {"ref": person, "role": "desk"}, **ALONE}


def test_the_tag_of_who_alone_decided_goes_with_the_credit_and_no_name():
    state = ReportState(0, 1, RULES)
    run(state, RULES, reported(1, 2))
    batch = run(state, RULES, [outcome(1, "dismissed", START + HOUR, **by("desk-7"))])
    tag = KEY.reviewer_tag("desk-7")
    assert [(each.added.reviewer, each.decided_by) for each in bundled.credits_in(batch.outputs)] == [
        (tag, tag)
    ] * 2
    assert 0 < tag < 1 << 16
    assert not any(b"desk-7" in (output.value or b"") for output in batch.outputs)
    second = run(state, RULES, [outcome(2, "dismissed", START + 2 * HOUR, **by("desk-8"))])
    assert [
        (each.added.percent, each.added.reviewer, each.decided_by)
        for each in bundled.credits_in(second.outputs)
    ] == [(100, 0, 0)] * 2
    assert counted(second)["desk_check:agreed"] == 1
    # Nobody is told again.
    assert not [output for output in second.outputs if output.topic == "reporter-notices"]


def test_two_people_who_disagree_credit_nobody_until_somebody_corrects_one_of_them():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [*reported(1), outcome(1, "upheld", START + HOUR, **by("desk-7"))])
    disputed = run(state, RULES, [outcome(2, "dismissed", START + 2 * HOUR, **by("desk-8"))])
    assert credits_of(disputed) == {"u1": ("upheld", None)}
    # As if it had been upheld: it makes no links.
    assert [each.decision for each in bundled.credits_in(disputed.outputs)] == ["upheld"]
    assert counted(disputed)["desk_check:disputed"] == 1
    settled = run(state, RULES, [outcome(3, "dismissed", START + 3 * HOUR, supersedes="o1", **by("lead-1"))])
    assert credits_of(settled) == {"u1": (None, "dismissed")}


def test_manifestly_unfounded_by_one_person_is_told_and_credited_as_dismissed():
    state = ReportState(0, 1, RULES)
    run(state, RULES, reported(1))
    batch = run(state, RULES, [outcome(1, "manifestly_unfounded", START + HOUR, **by("desk-7"))])
    assert credits_of(batch) == {"u1": (None, "dismissed")}
    [notice] = of_topic(batch, "reporter-notices")
    assert notice["outcome"]["decision"] == "manifestly_unfounded"
    second = run(state, RULES, [outcome(2, "manifestly_unfounded", START + 2 * HOUR, **by("desk-8"))])
    assert credits_of(second) == {"u1": ("dismissed", "manifestly_unfounded")}


def test_a_case_with_a_known_answer_is_counted_and_credits_nobody():
    state = ReportState(0, 1, RULES)
    run(state, RULES, reported(1))
    golden = outcome(1, "upheld", START + HOUR, known_answer="dismissed", **by("desk-7"))
    batch = run(state, RULES, [golden])
    assert not batch.outputs
    assert counted(batch) == {"desk_check:golden_wrong": 1}
    assert counted(run(state, RULES, [golden])) == {"duplicates": 1}
    right = outcome(2, "upheld", START + HOUR, known_answer="upheld", **by("desk-7"))
    assert counted(run(state, RULES, [right])) == {"desk_check:golden_right": 1}
