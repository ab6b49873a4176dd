"""The stage of reporters: what it writes does not depend on cuts or restores, and nobody can forge its stamp."""

import dataclasses

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.forms.stamp import STAMP_HEADER
from streams.contract.wire.incoming_envelope import MAX_SOURCE_BYTES
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.contract.wire.origin import ORIGIN_HEADER, NotAtHome
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import MAX_HEADERS, MAX_PASSED_ON_BYTES
from streams.deciding.partition.limits import LIMITS
from streams.deciding.reporters.reporter import REPORTER, Reporter, ReportFacts
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reporters.state import MOVES, record_key, restore_reporters, state_key
from streams.deciding.reporters.store import QUIET_DAYS, SILENT_DAYS
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.registry.reporter_rules import MisuseNeeds
from tests import bundled
from tests.categories import CODES
from tests.earlier_records import encode_stamp
from tests.unit.reporter_traffic import (
    GATE,
    INTERNAL,
    KEY,
    RULES,
    STAGE,
    as_a_record,
    credit,
    gate,
    key_of,
    new_state,
    passed,
    read_back,
    reporter_tick,
    rules_with,
    stamp_all,
)
from tests.unit.traffic import (
    DAY,
    HOUR,
    START,
    Record,
    arriving,
    compiled,
    fold,
    of_topic,
    rekeyed,
    report,
    run,
)
from tests.unit.traffic import INTERNAL as REPORTS_INTERNAL

FORGED = ReportStamp("high", 0.9, 0.9, 99.0, 3.0, False, False, 0, 3)


def stamps(batch):
    return bundled.stamps(batch.outputs)


def enriched(rules, records):
    return of_topic(report_stage(rules).apply(ReportState(0, 1, rules), list(records)), "enriched-reports")


# --- the way of a report


def test_a_report_goes_through_the_stage_of_reporters_to_its_channel():
    gated = gate([report(1, START)])
    (entry,) = bundled.entries(gated.outputs)
    checked = entry.report
    assert (entry.reporter, checked.channel_ref) == (KEY.reporter_hash("u1"), "c")
    place = checked.topic, checked.partition, checked.offset, checked.appended
    assert place == ("message-reports", 0, 1, START)
    assert gated.counters.passed_to_reporters == 1
    stamped = stamp_all(read_back(gated.outputs, INTERNAL))
    (there,) = read_back(stamped.outputs, REPORTS_INTERNAL)
    # Without an outcome a report weighs what it weighs without a stamp.
    assert enriched(GATE, [there]) == enriched(GATE, [rekeyed(report(1, START))]) != []


@pytest.mark.parametrize("reporter", [None, {"kind": "anonymous"}])
def test_a_report_without_a_reporters_ref_goes_the_direct_way(reporter):
    gated = gate([report(1, START, reporter=reporter)])
    assert of_topic(gated, "enriched-reports")
    assert not of_topic(gated, INTERNAL)


def test_what_a_worker_of_0_2_rekeyed_without_the_stage_is_applied_without_a_stamp():
    """Its reporter counts by heads; nothing is noted of reporter and message, as in that version."""
    with_message = report(1, START, message_ref="m")
    state = ReportState(0, 1, GATE)
    batch = report_stage(GATE).apply(state, [rekeyed(with_message)])
    (event,) = of_topic(batch, "enriched-reports")
    assert event["channel_windows"][0]["distinct_reporters"] == 1
    assert {output.topic for output in batch.outputs} == {"enriched-reports", "transparency-counters"}
    assert {key[:1] for key in batch.changes} == {b"D", b"H", b"K", b"N", b"R", b"T"}
    (counter,) = of_topic(batch, "transparency-counters")
    assert "items" not in counter
    # With a stamp they are.
    stamped = run(ReportState(0, 1, GATE), GATE, [with_message])
    assert {key[:1] for key in stamped.changes} - {key[:1] for key in batch.changes} == {
        b"A",
        b"U",
        b"V",
    }
    # Sent again and stamped, it is a duplicate.
    assert run(state, GATE, [with_message]).counters.duplicates == 1


def test_what_is_refused_is_refused_before_it_is_passed_on():
    gated = gate([report(1, START, category="nonsense")])
    assert [output.topic for output in gated.outputs] == ["dead-letters"]


def test_all_three_forms_of_an_event_pass():
    """Binary mode, structured mode and plain JSON, with another encoding of the data."""
    plain = report(1, START)
    attributes = {"specversion": "1.0", "id": "r1", "source": "/app", "type": "tocsin.report.v1"}
    binary = plain._replace(headers=[(f"ce_{name}", text.encode()) for name, text in attributes.items()])
    structured = plain._replace(
        value=msgspec.json.encode(attributes | {"data": msgspec.Raw(plain.value)}),
        headers=[("content-type", b"application/cloudevents+json; charset=utf-8")],
    )
    for published in (plain, binary, structured):
        batch = stamp_all(read_back(gate([published]).outputs, INTERNAL))
        (there,) = read_back(batch.outputs, REPORTS_INTERNAL)
        assert len(enriched(GATE, [there])) == 1


def test_headers_that_nobody_needs_stay_behind():
    headers = [(f"h{number}", b"") for number in range(MAX_HEADERS)]
    gated = gate([report(1, START)._replace(headers=headers)])
    (there,) = read_back(gated.outputs, INTERNAL)
    assert len(there.headers) == 1
    assert stamps(stamp_all([there]))


@pytest.mark.parametrize("sign", [b"/", b"\x01", "ü".encode()])
def test_a_source_that_would_fill_state_and_cases_is_refused(sign):
    """One report with a source of a megabyte led to a state record that its topic does not take."""

    def published(source, channel="c"):
        attributes = {"specversion": b"1.0", "id": b"r1", "source": source, "type": b"tocsin.report.v1"}
        headers = [(f"ce_{name}", text) for name, text in attributes.items()]
        return report(1, START, channel=channel)._replace(headers=headers)

    longest = sign * (MAX_SOURCE_BYTES // len(sign))
    state = new_state()
    for channel in range(100):
        (there,) = read_back(gate([published(longest, f"c{channel}")]).outputs, INTERNAL)
        batch = stamp_all([there], state)
        largest = max(len(value or b"") for value in batch.changes.values())
        assert max(largest, *(len(output.value) for output in batch.outputs)) < 16_384
    for headers in (published(longest + sign).headers, published(b"/" * 1_100_000).headers):
        (letter,) = gate([report(1, START)._replace(headers=headers)]).outputs
        assert dict(letter.headers)["tocsin-reason"] == b"oversized"
        assert dict(letter.headers)["tocsin-field"] == b"ce_source"


# --- the stamp


def test_a_publishers_stamp_is_never_taken():
    forged = [(STAMP_HEADER, encode_stamp(FORGED))]
    record = report(1, START)._replace(headers=forged)
    honest = enriched(GATE, arriving(GATE, [report(1, START)]))
    there = read_back(gate([record]).outputs, INTERNAL)
    stamped = read_back(stamp_all(there).outputs, REPORTS_INTERNAL)
    assert enriched(GATE, stamped) == honest
    # On the direct way, read from the source, with and without a forged origin.
    nobodys = report(1, START, reporter=None)
    direct = enriched(GATE, [nobodys])
    for headers in (forged, [*forged, (ORIGIN_HEADER, b"message-reports/0/1/1")]):
        assert enriched(GATE, [nobodys._replace(headers=headers)]) == direct != []
    # And re-keyed.
    other = next(f"c{n}" for n in range(9) if home_partition(f"c{n}".encode(), 2) == 1)
    moved = report(1, START, channel=other, reporter=None)._replace(headers=forged)
    assert stamps(report_stage(GATE).apply(ReportState(0, 2, GATE), [moved])) == [None]


def test_the_factor_of_a_stamp_multiplies_the_weight_up_to_its_limit():
    def weight(factor):
        stamp = encode_stamp(FORGED._replace(factor=factor))
        headers = [(ORIGIN_HEADER, b"message-reports/0/1/%d" % START), (STAMP_HEADER, stamp)]
        (event,) = enriched(GATE, [report(1, START)._replace(topic=REPORTS_INTERNAL, headers=headers)])
        return event["risk"]["components"]["reporter_weight"], event["risk"]["score"]

    usual, score = weight(1.0)
    assert weight(0.5)[0] == pytest.approx(usual / 2, abs=1e-6)
    assert weight(0.0)[0] == 0
    assert 0 < weight(0.0)[1] < weight(0.5)[1] < score < weight(9.0)[1]
    assert weight(9.0)[0] == GATE.registry.scoring.max_weight["user"]


def test_outcomes_change_the_stamps_that_follow():
    state = new_state()
    before = stamps(stamp_all([passed(1, START)], state))
    stamp_all([credit(2, START + HOUR), credit(3, START + HOUR, message="n")], state)
    (after,) = stamps(stamp_all([passed(4, START + 2 * HOUR)], state))
    assert (before[0].factor, before[0].first_time) == (1.0, True)
    assert after.factor > 1
    assert (after.outcomes, after.first_time) == (pytest.approx(2, abs=0.01), False)
    # An appeal: what was upheld was manifestly unfounded.
    stamp_all([credit(5, START + 3 * HOUR, decision="manifestly_unfounded", removed="upheld")], state)
    (turned,) = stamps(stamp_all([passed(6, START + 4 * HOUR)], state))
    assert turned.factor < 1


def test_beyond_the_limit_of_the_day_a_report_has_no_weight_unless_its_category_is_a_floor():
    limit = RULES.trust.reports_per_day["user"]
    state = new_state()
    first = stamps(stamp_all([passed(n, START, channel=f"c{n % 3}") for n in range(limit)], state))
    assert not any(stamp.over_limit for stamp in first)
    over, floor = stamps(
        stamp_all([passed(limit, START), passed(limit + 1, START, category="threat_to_life")], state)
    )
    assert (over.over_limit, over.factor) == (True, 0.0)
    assert (floor.over_limit, floor.factor) == (True, 1.0)
    (tomorrow,) = stamps(stamp_all([passed(limit + 2, START + DAY)], state))
    assert not tomorrow.over_limit


def test_a_report_that_was_published_twice_counts_once_in_the_limits():
    limit = RULES.trust.reports_per_day["user"]
    twice = [passed(n, START, offset=2 * n + again) for n in range(limit) for again in (0, 1)]
    batch = stamp_all(twice)
    assert batch.counters.duplicates == limit
    assert not any(stamp.over_limit for stamp in stamps(batch))
    assert len(stamps(batch)) == limit


# --- cases for people


def test_a_reporter_in_many_channels_is_one_case_a_week():
    number = RULES.trust.channels_per_week["user"]
    state = new_state()
    batch = stamp_all([passed(n, START, channel=f"channel-{n}") for n in range(3 * number)], state)
    (case,) = of_topic(batch, "integrity-cases")
    assert (case["kind"], case["reporter_kind"]) == ("many_channels", "user")
    assert case["channels"] >= number
    assert f"about {case['channels']} different channels" in case["sentence"]
    assert case["examples"][0]["report_id"].startswith("r")
    assert b'"u"' not in msgspec.json.encode(case), "the ref is nowhere"
    (output,) = (output for output in batch.outputs if output.topic == "integrity-cases")
    assert output.key == key_of("u")
    assert len(stamps(batch)) == 3 * number, "nothing is dropped"
    later = [passed(n, START + 8 * DAY, channel=f"channel-{n}") for n in range(1_000, 1_000 + 2 * number)]
    assert len(of_topic(stamp_all(later, state), "integrity-cases")) == 1


def test_misuse_is_shown_with_its_factors_once_a_week():
    rules = rules_with(misuse=MisuseNeeds(3, 0.5))
    stage, state = reporter_stage(rules), new_state(rules)
    decisions = ["upheld", "manifestly_unfounded", "manifestly_unfounded", "dismissed"]

    def apply(*records):
        return stage.apply(state, list(records))

    for number, decision in enumerate(decisions):
        apply(credit(number, START, decision=decision, message=f"m{number}"))
    assert not of_topic(apply(passed(10, START + HOUR)), "integrity-cases"), "two are too few"
    hate = credit(11, START + HOUR, decision="manifestly_unfounded", message="m9", category="hate")
    apply(hate)
    (case,) = of_topic(apply(passed(12, START + 2 * HOUR)), "integrity-cases")
    factors = case["misuse"]
    assert (factors["decided"], factors["manifestly_unfounded"], factors["share"]) == (5, 3, 0.6)
    assert [(row["category"], row["reports"]) for row in factors["by_category"]] == [("hate", 1), ("spam", 2)]
    assert case["examples"] == [{"report_id": "r12", "ce_source": ""}]
    assert not of_topic(apply(passed(13, START + 3 * HOUR)), "integrity-cases"), "once a week"
    assert of_topic(apply(passed(14, START + 8 * DAY)), "integrity-cases")
    # An appeal takes one back.
    apply(credit(15, START + 9 * DAY, decision="upheld", removed="manifestly_unfounded", message="m1"))
    assert not of_topic(apply(passed(16, START + 16 * DAY)), "integrity-cases")


# --- the order alone decides


def _records(draws):
    records, now = [], START
    for number, (kind, minutes, who, what) in enumerate(draws):
        now += minutes * 60_000
        ref = f"u{who}"
        if kind == "report":
            records.append(
                passed(
                    what * 1_000 + who if what == 0 else number,
                    now,
                    ref,
                    number,
                    channel=f"c{what}",
                    message_ref=f"m{what}",
                )
            )
        elif kind == "credit":
            decision = ("upheld", "dismissed", "manifestly_unfounded")[what % 3]
            records.append(credit(number, now, ref, decision, message=f"m{what}", channel=f"c{what}"))
        else:
            records.append(reporter_tick(what, now, number))
    return records


_draws = st.lists(
    st.tuples(
        st.sampled_from(["report", "report", "credit", "tick"]),
        st.sampled_from([0, 1, 700, 9_000, 40_000]),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    max_size=30,
)


@settings(max_examples=150)
# A reporter who is forgotten, reports again and is forgotten again, all in one batch after the one that
# stored them.
@example([("report", 0, 0, 0), ("report", 40_000, 0, 1), ("report", 40_000, 1, 0)], [1], False)
@given(_draws, st.lists(st.integers(1, 30), max_size=6), st.booleans())
def test_any_cuts_and_restores_give_the_same_bytes(draws, cuts, restored):
    records = _records(draws)
    whole: dict[bytes, bytes] = {}
    batch = stamp_all(records)
    fold(whole, batch.changes)

    stored: dict[bytes, bytes] = {}
    outputs = []
    state = new_state()
    bounds = sorted({0, *(cut for cut in cuts if cut < len(records)), len(records)})
    for begin, end in zip(bounds, bounds[1:], strict=False):
        part = stamp_all(records[begin:end], state)
        outputs += part.outputs
        fold(stored, part.changes)
        if restored:
            state = restore_reporters(0, 1, RULES, stored.items())
    assert bundled.expanded(outputs) == bundled.expanded(batch.outputs)
    assert {key: value for key, value in stored.items() if key != b"T"} == {
        key: value for key, value in whole.items() if key != b"T"
    }


def test_who_is_forgotten_returns_and_is_forgotten_again_in_one_batch_is_deleted():
    stored: dict[bytes, bytes] = {}
    state = new_state()
    fold(stored, stamp_all([passed(1, START, "u")], state).changes)
    later = [passed(2, START + 30 * DAY, "u"), passed(3, START + 60 * DAY, "v")]
    fold(stored, stamp_all(later, state).changes)
    assert [key for key in stored if key[:1] == REPORTER] == [state_key(key_of("v"))]


def test_a_restored_state_is_as_large_as_the_one_it_comes_from():
    state, stored = new_state(), {}
    fold(stored, stamp_all(_records([("report", 1, who, who) for who in range(4)]), state).changes)
    again = restore_reporters(0, 1, RULES, stored.items())
    assert (len(again.reporters), again.reporters.size) == (4, state.reporters.size)


# --- forgetting


@pytest.mark.parametrize(("outcomes", "days"), [(0, QUIET_DAYS), (1, SILENT_DAYS)])
def test_who_is_silent_for_long_is_forgotten(outcomes, days):
    state, stored = new_state(), {}
    records = [passed(1, START), *(credit(2, START) for _ in range(outcomes))]
    fold(stored, stamp_all(records, state).changes)
    key = state_key(key_of("u"))
    assert key in stored
    assert state.next_due() == START + days * DAY
    applied = len(records)
    early = reporter_tick(applied, START + days * DAY - 1)
    fold(stored, stamp_all([early], state).changes)
    assert key in stored
    assert state.next_due() is not None
    assert STAGE.tick(state, START + days * DAY) is not None
    fold(stored, stamp_all([reporter_tick(applied, START + days * DAY)], state).changes)
    assert key not in stored
    assert (len(state.reporters), state.reporters.size, state.next_due()) == (0, 0, None)


@pytest.mark.parametrize("member", [True, False])
def test_forgetting_somebody_without_outcomes_changes_no_stamp(member):
    """The same record as if nobody had ever reported: after that time nothing of it matters any more."""

    def facts(time, number):
        target = KEY.target_hash("c", f"m{number}")
        return ReportFacts("user", time, time // 1000, CODES["spam"], target, number, member, False)

    reporter = Reporter()
    for number in range(40):
        reporter.note_report(RULES.trust, facts(START, number))
    time = START + QUIET_DAYS * DAY
    assert reporter.note_report(RULES.trust, facts(time, 99)) == Reporter().note_report(
        RULES.trust, facts(time, 99)
    )


def test_many_are_forgotten_in_slices():
    state = new_state()
    stamp_all([passed(n, START, f"u{n}") for n in range(50)], state)
    later = passed(99, START + 30 * DAY, "other")
    few = LIMITS._replace(slice_expiries=7)
    *slices, batch = STAGE.apply_in_slices(state, [later], few)
    assert len(slices) > 50 // 7
    assert sum(value is None for value in batch.changes.values()) == 50
    assert len(stamps(batch)) == 1


# --- time that was wrong


def test_time_that_is_set_back_takes_activity_and_targets_of_later_times_with_it():
    state, stored = new_state(), {}
    fold(stored, stamp_all([credit(1, START), passed(2, START)], state).changes)
    wrong = START + 200 * DAY
    limit = RULES.trust.reports_per_day["user"]
    for n in range(limit + 5):
        fold(stored, stamp_all([passed(10 + n, wrong, message_ref=f"m{n}")], state).changes)
    value, headers = encode_time_correction(TimeCorrection(wrong, START + HOUR, "a clock ran ahead", "op-1"))
    correction = Record(INTERNAL, 0, 99, START + HOUR, None, value, headers)
    fold(stored, stamp_all([correction], state).changes)
    assert state.time.now == START + HOUR
    again = restore_reporters(0, 1, RULES, stored.items())
    for one in (state, again):
        (stamp,) = stamps(stamp_all([passed(500, START + 2 * HOUR)], one))
        assert not stamp.over_limit
        assert stamp.outcomes == pytest.approx(1, abs=0.01), "the outcome counts as if time had been right"


# --- places


def test_a_reporter_of_another_partition_is_not_taken_in():
    ref = next(f"u{n}" for n in range(9) if home_partition(key_of(f"u{n}"), 2) == 1)
    with pytest.raises(NotAtHome, match="there were 1 partitions, and there are 2 now"):
        stamp_all([passed(1, START, ref)], new_state(partitions=2))


def test_a_reporters_state_moves_with_their_key():
    key = key_of("u1")
    assert record_key(state_key(key)) == key
    assert MOVES[REPORTER].home(state_key(key), 7) == home_partition(key, 7)
    assert gate([report(1, START)], ReportState(0, 7, dataclasses.replace(GATE))).outputs[
        0
    ].partition == home_partition(key, 7)


def test_what_no_worker_wrote_becomes_a_dead_letter():
    batch = stamp_all([Record(INTERNAL, 0, 1, START, b"0" * 16, b"{}", [])])
    assert [output.topic for output in batch.outputs] == ["dead-letters"]
    with pytest.raises(ValueError, match="a bundle has version"):
        stamp_all([credit(1, START)._replace(value=b"{}")])
    for garbage in (
        credit(1, START)._replace(value=b"\x01{}"),
        as_a_record(credit(1, START))._replace(value=b"{}"),
    ):
        batch = stamp_all([garbage])
        assert [output.topic for output in batch.outputs] == ["dead-letters"]


def test_credits_that_version_0_2_wrote_as_records_change_the_same():
    credits = [credit(n, START + n * DAY, ref=f"u{n % 3}", message=f"m{n}") for n in range(9)]
    states = []
    for records in (credits, [as_a_record(each) for each in credits]):
        state, stored = new_state(), {}
        batch = stamp_all([passed(0, START, "u1"), *records], state)
        fold(stored, batch.changes)
        states.append((batch.counters, stored, stamps(stamp_all([passed(9, START + 10 * DAY, "u1")], state))))
    assert states[0] == states[1]
    assert states[0][0].credits == 9


def test_the_dead_letter_of_a_credit_names_the_bundle_as_it_named_the_record():
    unknown = [credit(n, START, category="x_unheard_of") for n in (3, 7)]
    letters = stamp_all(unknown).outputs
    assert [dict(letter.headers)["tocsin-offset"] for letter in letters] == [b"3", b"7"]
    assert [dict(letter.headers)["tocsin-reason"] for letter in letters] == [b"unknown_category"] * 2
    assert letters == stamp_all([as_a_record(each) for each in unknown]).outputs


def test_hashes_of_targets_and_reporters_never_meet():
    assert KEY.target_hash("c", "m") != KEY.reporter_hash("cm")
    assert KEY.target_hash("c", "m") != KEY.target_hash("cm", "")
    assert KEY.channel_hash("c") != KEY.reporter_hash("c")
