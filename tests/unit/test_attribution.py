"""Credits of a message's reporters against a model that knows all reports and decisions at once, in any
order.
"""

from hypothesis import given
from hypothesis import strategies as st

from streams.counting.attribution import (
    KEPT,
    KnownOutcome,
    MessageReporters,
    decode_reporters,
    encode_reporters,
)

DAY = 86_400_000


def decision(decided_s: int, number: int = 0, verdict: str = "upheld") -> KnownOutcome:
    return KnownOutcome(decided_s, f"o{number}", verdict, "spam", 100)


verdicts = st.sampled_from(["upheld", "dismissed", "manifestly_unfounded"])
reports = st.tuples(st.just("report"), st.integers(1, 8), st.integers(0, 60))
outcomes = st.tuples(st.just("outcome"), st.integers(0, 4), st.integers(0, 60), verdicts)


def modelled(steps: list[tuple]) -> dict[int, KnownOutcome]:
    """Which decision counts for whom: the latest, for those who reported before the first."""
    decisions = [
        decision(at, number, verdict) for _, number, at, verdict in (s for s in steps if s[0] == "outcome")
    ]
    if not decisions:
        return {}
    first = min(each.decided_s for each in decisions)
    standing = max(decisions, key=lambda each: (each.decided_s, each.outcome_id))
    return {reporter: standing for kind, reporter, at, *_ in steps if kind == "report" and at < first}


@given(st.lists(reports | outcomes, max_size=25))
def test_credits_add_up_to_the_model_whatever_the_order(steps):
    # An outcome's id belongs to one decision.
    steps = list({(s[0], s[1]) if s[0] == "outcome" else s: s for s in steps}.values())
    record, counts, verdicts_told = MessageReporters(), {}, {}
    for kind, number, at, *verdict in steps:
        record = decode_reporters(encode_reporters(record))
        if kind == "report":
            credits = record.add_report(number, at * 1000)
        else:
            credits = list(record.add_outcome(decision(at, number, *verdict)))
            assert list(record.add_outcome(decision(at, number, *verdict))) == []
        for credit in credits:
            assert counts.pop(credit.reporter, None) == credit.removed
            verdicts_told[credit.reporter] = credit.verdict
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
        (1, decision(20)),
        (2, None),
    ]
    (too_late,) = record.add_report(3, 20_000)
    assert (too_late.verdict, too_late.added) == ("upheld", None)
    (late,) = record.add_report(4, 19_999)
    assert late.added == decision(20)


def test_an_appeal_replaces_the_outcome_for_the_same_reporters():
    record = MessageReporters()
    record.add_report(1, 10_000)
    list(record.add_outcome(decision(20)))
    record.add_report(2, 30_000)
    credit, told = record.add_outcome(decision(90, 1, "dismissed"))
    assert (told.reporter, told.verdict, told.removed, told.added) == (2, "dismissed", None, None)
    assert (credit.reporter, credit.removed, credit.added) == (1, decision(20), decision(90, 1, "dismissed"))


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
    assert (late.verdict, late.added) == ("upheld", None)
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
