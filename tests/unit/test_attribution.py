"""Credits of a message's reporters against a model that knows all reports and decisions at once, in any
order.
"""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.counting.attribution import KEPT, MessageReporters
from streams.counting.message_bytes import decode_reporters, encode_reporters
from streams.counting.known_outcome import Counted, KnownOutcome

DAY = 86_400_000


def decision(
    decided_s: int, number: int = 0, verdict: str = "upheld", reviewer: int = 0, kind: str = ""
) -> KnownOutcome:
    weights = (100, None, reviewer, 120, 30, kind == "sure", kind == "corrects")
    return KnownOutcome(decided_s, f"o{number}", verdict, "spam", *weights)


def counted(decided_s: int, verdict: str = "upheld", percent: int = 100, reviewer: int = 0) -> Counted:
    return Counted(decided_s, verdict, "spam", percent, reviewer)


verdicts = st.sampled_from(["upheld", "dismissed", "manifestly_unfounded"])
reports = st.tuples(st.just("report"), st.integers(1, 8), st.integers(0, 60))
outcomes = st.tuples(
    st.just("outcome"),
    st.integers(0, 6),
    st.integers(0, 60),
    verdicts,
    st.integers(0, 3),
    st.sampled_from(["", "", "sure", "corrects"]),
)


def modelled(steps: list[tuple]) -> dict[int, Counted]:
    """What counts for whom: the latest decision, for those who reported before the first.

    It is compared with the latest one of another person: they agree, or one disputes the other.
    """
    decisions = [
        decision(at, number, *rest) for _, number, at, *rest in (s for s in steps if s[0] == "outcome")
    ]
    if not decisions:
        return {}
    first = min(each.decided_s for each in decisions)
    *earlier, standing = sorted(decisions, key=lambda each: (each.decided_s, each.outcome_id))
    verdict, percent, alone = standing.verdict, 100, not standing.sure
    others = [each for each in earlier if each.reviewer != standing.reviewer]
    # Nobody knows whose a decision without a tag is.
    if others and others[-1].reviewer and standing.reviewer and not standing.corrects:
        wrong = [one.verdict for one in (standing, others[-1]) if one.verdict != "upheld"]
        percent, alone = (30, alone) if len(wrong) == 1 else (120, False)
        if len(wrong) == 2 and "dismissed" in wrong:
            verdict = "dismissed"
    if alone and standing.reviewer and verdict == "manifestly_unfounded":
        verdict = "dismissed"
    count = counted(standing.decided_s, verdict, percent, standing.reviewer if alone else 0)
    return {reporter: count for kind, reporter, at, *_ in steps if kind == "report" and at < first}


@given(st.lists(reports | outcomes, max_size=25))
def test_credits_add_up_to_the_model_whatever_the_order(steps):
    # An outcome's id belongs to one decision.
    steps = list({(s[0], s[1]) if s[0] == "outcome" else s: s for s in steps}.values())
    record, counts, verdicts_told = MessageReporters(), {}, {}
    for kind, number, at, *rest in steps:
        record = decode_reporters(encode_reporters(record))
        if kind == "report":
            credits = record.add_report(number, at * 1000)
        else:
            credits = list(record.add_outcome(decision(at, number, *rest)))
            assert list(record.add_outcome(decision(at, number, *rest))) == []
        for credit in credits:
            assert counts.pop(credit.reporter, None) == credit.removed
            verdicts_told[credit.reporter] = credit.standing.verdict
            if credit.added is not None:
                counts[credit.reporter] = credit.added
    assert counts == modelled(steps)
    # Everybody who reported is told what stands, also those who came too late.
    if record.standing is not None:
        everybody = {number for kind, number, *_ in steps if kind == "report"}
        assert verdicts_told == dict.fromkeys(everybody, record.standing.verdict)


def test_nobody_gains_by_reporting_after_the_decision():
    record = MessageReporters()
    record.add_report(1, 10_000)
    record.add_report(2, 20_000)
    assert [(credit.reporter, credit.added) for credit in record.add_outcome(decision(20))] == [
        (1, counted(20)),
        (2, None),
    ]
    (too_late,) = record.add_report(3, 20_000)
    assert (too_late.standing.verdict, too_late.added) == ("upheld", None)
    (late,) = record.add_report(4, 19_999)
    assert late.added == counted(20)


def test_an_appeal_replaces_the_outcome_for_the_same_reporters():
    record = MessageReporters()
    record.add_report(1, 10_000)
    list(record.add_outcome(decision(20)))
    record.add_report(2, 30_000)
    credit, told = record.add_outcome(decision(90, 1, "dismissed"))
    assert (told.reporter, told.standing.verdict, told.removed, told.added) == (2, "dismissed", None, None)
    assert (credit.reporter, credit.removed, credit.added) == (1, counted(20), counted(90, "dismissed"))


def test_a_large_message_is_sampled_by_the_smallest_hashes_and_says_so():
    record = MessageReporters()
    hashes = [number * 7919 % 100_003 for number in range(1, 1_000)]
    for hashed in hashes:
        record.add_report(hashed, 10_000)
    assert record.sampled
    assert record.reports == 999
    assert sorted(record.reporters) == sorted(hashes)[:KEPT]
    credits = list(record.add_outcome(decision(20)))
    assert len(credits) == KEPT
    # A credit that was given stays reversible: nobody is dropped for a late report.
    (late,) = record.add_report(0, 9_000)
    assert (late.standing.verdict, late.added) == ("upheld", None)
    assert len(list(record.add_outcome(decision(30, 1, "dismissed")))) == KEPT
    assert len(encode_reporters(record)) < 12 * KEPT + 100


def test_a_small_message_is_not_sampled():
    record = MessageReporters()
    for hashed in range(KEPT):
        record.add_report(hashed, 10_000)
    assert not record.sampled


def test_a_record_is_kept_for_180_days_after_the_first_decision():
    record = MessageReporters()
    record.add_report(1, 10 * DAY)
    assert record.needed_until(10 * DAY) == 100 * DAY
    list(record.add_outcome(decision(11 * DAY // 1000)))
    assert record.needed_until(10 * DAY) == 191 * DAY


def counts_of(*decisions: KnownOutcome) -> Counted:
    record = MessageReporters()
    record.add_report(1, 10_000)
    for each in decisions:
        credits = record.add_outcome(each)
    (credit,) = credits
    assert credit.added is not None
    return credit.added


def test_a_second_person_who_agrees_raises_the_weight_to_that_of_two():
    assert counts_of(decision(20, 0, "upheld", 1)) == counted(20, "upheld", 100, 1)
    agreed = counts_of(decision(20, 0, "upheld", 1), decision(30, 1, "upheld", 2))
    assert agreed == counted(30, "upheld", 120, 0)


def test_a_second_person_who_disagrees_lowers_it_and_the_same_person_does_not():
    disputed = counts_of(decision(20, 0, "upheld", 1), decision(30, 1, "dismissed", 2))
    assert disputed == counted(30, "dismissed", 30, 2)
    changed_mind = counts_of(decision(20, 0, "upheld", 1), decision(30, 1, "dismissed", 1))
    assert changed_mind == counted(30, "dismissed", 100, 1)


def test_a_correction_counts_in_full_whatever_was_found_before():
    appeal = counts_of(decision(20, 0, "upheld", 1), decision(30, 1, "dismissed", 2, "corrects"))
    assert appeal == counted(30, "dismissed", 100, 2)


def test_manifestly_unfounded_takes_two():
    unfounded = "manifestly_unfounded"
    assert counts_of(decision(20, 0, unfounded, 1)).verdict == "dismissed"
    assert counts_of(decision(20, 0, unfounded, 1), decision(30, 1, unfounded, 1)).verdict == "dismissed"
    assert counts_of(decision(20, 0, unfounded, 1), decision(30, 1, unfounded, 2)).verdict == unfounded
    assert counts_of(decision(20, 0, unfounded, 1, "sure")).verdict == unfounded
    dismissed_by_other = counts_of(decision(20, 0, "dismissed", 1), decision(30, 1, unfounded, 2))
    assert dismissed_by_other == counted(30, "dismissed", 120, 0)
    # What an earlier version credited as it came is taken back as it was.
    assert counts_of(decision(20, 0, unfounded)).verdict == unfounded


def test_reporters_are_told_only_of_what_is_new_to_them():
    record = MessageReporters()
    record.add_report(1, 10_000)
    (first,) = record.add_outcome(decision(20, 0, "upheld", 1))
    (second,) = record.add_outcome(decision(30, 1, "upheld", 2))
    (third,) = record.add_outcome(decision(40, 2, "dismissed", 3))
    assert [(one.told, one.anew) for one in (first, second, third)] == [
        (True, False),
        (False, True),
        (True, True),
    ]


def test_decisions_about_a_message_and_about_one_report_of_it_agree_with_each_other():
    record = MessageReporters()
    record.add_report(1, 10_000)
    record.add_report(2, 10_000)
    list(record.add_outcome(decision(20, 0, "manifestly_unfounded", 1), 1))
    record = decode_reporters(encode_reporters(record))
    alone, both = (
        {credit.reporter: credit.added for credit in record.add_outcome(each)}
        for each in (decision(30, 1, "dismissed", 1), decision(40, 2, "dismissed", 2))
    )
    assert alone == {1: counted(30, "dismissed", 100, 1), 2: counted(30, "dismissed", 100, 1)}
    assert both == {1: counted(40, "dismissed", 120, 0), 2: counted(40, "dismissed", 120, 0)}


def test_records_of_versions_that_kept_no_reviewer_are_read():
    record = MessageReporters()
    record.add_report(1, 10_000)
    list(record.add_outcome(decision(20)))
    stored = msgspec.msgpack.decode(encode_reporters(record))
    stored[4] = stored[4][:6]
    before = decode_reporters(msgspec.msgpack.encode(stored))
    (credit,) = before.add_outcome(decision(90, 1, "dismissed", 2))
    assert (credit.removed, credit.added) == (counted(20), counted(90, "dismissed", 100, 2))
