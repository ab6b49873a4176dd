"""Bundles of reports: what is in one comes out of it, in its order, wherever work is cut."""

import dataclasses
from random import Random

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.contract.wire import bundle
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.forms.checked_report import checked_report, published_record, report_of
from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.forms.report_decoding import decode_report
from streams.contract.wire.forms.stamp import stamp_of
from streams.contract.events.internal.credit import CreditedOutcome, ReporterCredit
from streams.contract.events.internal.passed_report import PassedReport, StampedReport, StoredStamp
from streams.contract.wire.forms.credit import CREDITS, decode_credit
from streams.contract.wire.origin import NotAtHome, Origin, own_place
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.deciding.partition.home import HomePartitions
from streams.deciding.partition.limits import LIMITS, UNLIMITED, Limits
from streams.deciding.partition.passing import PassedOn
from streams.deciding.partition.partly_read import PARTLY_READ
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from tests import bundled
from tests.earlier_records import passed_on_singly
from tests.report_strategies import APPEND_TIME_MS, reports
from tests.unit.batch_cuts import results, takeovers, tiny
from tests.unit.crowd_traffic import STAMP, outcome
from tests.unit.reporter_traffic import (
    GATE,
    KEY,
    RULES,
    STAGE,
    credit,
    gate,
    new_state,
    passed,
    read_back,
    reporter_tick,
    stamp_all,
)
from tests.unit.reporter_traffic import INTERNAL as REPORTERS
from tests.unit.traffic import (
    DAY,
    HOUR,
    INTERNAL,
    MINUTE,
    START,
    Record,
    compiled,
    counted,
    fold,
    levels,
    of_topic,
    policy,
    report,
    tick,
)

PLACE = Origin("eu.verified-reports", 3, 42, APPEND_TIME_MS)
HOME = compiled(policy(levels=levels({"reports": 2}, {"distinct_reporters": 3}), min_clear_ms=MINUTE))
CHANNELS = report_stage(HOME)


def read(form, entries):
    found = form.read(form.record(2, 5, entries))
    assert found.partitions == 5
    return found.entries


# --- what is in an entry


@given(reports, st.sampled_from(["", "/app", "urn:ü", "a\0b"]))
def test_a_report_comes_out_of_both_bundles_as_it_was_published(report, source):
    """To the byte, in what is published of it: also its zone and parts of a millisecond."""
    value = encode(report)
    decoded = decode_report(value, [], APPEND_TIME_MS)._replace(ce_source=source)
    (there,) = read(PASSED_REPORTS, [PassedReport(checked_report(decoded, PLACE, []), 2**64 - 1, 7)])
    assert (there.reporter, there.earlier) == (2**64 - 1, 7)
    (home,) = read(STAMPED_REPORTS, [StampedReport(there.report, bundled.stored_stamp(STAMP))])
    assert encode(report_of(home.report)) == encode(decoded.event)
    assert (home.report.ce_source, home.report.occurred) == (source, decoded.time_ms)
    assert own_place(published_record(home.report)) == PLACE
    assert stamp_of(home.stamp) == STAMP


def test_a_stamp_says_what_is_proven_and_one_of_an_earlier_version_says_nothing():
    stamp = STAMP._replace(proof=(7, 2**32 - 1), paused=True)
    stored = bundled.stored_stamp(stamp)
    encoded = msgspec.msgpack.encode(stored)
    assert stamp_of(msgspec.msgpack.decode(encoded, type=StoredStamp)) == stamp
    earlier = msgspec.msgpack.encode(tuple(stored)[:9])
    assert stamp_of(msgspec.msgpack.decode(earlier, type=StoredStamp)) == STAMP


def test_a_credit_of_an_earlier_version_says_nothing_of_channel_and_proof():
    was = b'[1,2,1795839821,1795839941,"dismissed",null,[20785,"dismissed","fraud",100],0]'
    outcome = CreditedOutcome(20785, "dismissed", "fraud", 100, confirmed=False, reviewer=0, first=False)
    assert decode_credit(was) == ReporterCredit(
        1, 2, 1795839821, 1795839941, "dismissed", None, outcome, 0, channel=0
    )


@given(reports, st.sampled_from(["", "/app"]), st.integers(0, 3))
def test_a_dead_letter_of_an_entry_can_be_published_again(report, source, attempts):
    headers = [("traceparent", b"00-1-2-01"), ("tocsin-attempt", b"%d" % attempts), ("other", b"x")]
    decoded = decode_report(encode(report), headers, APPEND_TIME_MS)._replace(ce_source=source)
    (there,) = read(PASSED_REPORTS, [PassedReport(checked_report(decoded, PLACE, headers), 7)])
    record = published_record(there.report)
    again = decode_report(record.value, record.headers, APPEND_TIME_MS)
    assert (encode(again.event), again.ce_source) == (encode(decoded.event), source)
    kept = dict(record.headers)
    assert kept["traceparent"] == b"00-1-2-01"
    assert kept.get("tocsin-attempt") == (b"%d" % attempts if attempts else None)
    assert record.key == decoded.event.channel.ref.encode()


@pytest.mark.parametrize("traceparent", [b"x" * 129, b"\xff", b"", None])
def test_a_header_that_is_no_traceparent_stays_behind(traceparent):
    value = report(1, START).value
    decoded = decode_report(value, [], START)
    assert checked_report(decoded, PLACE, [("traceparent", traceparent)]).traceparent is None


@settings(max_examples=300)
@given(st.data())
def test_what_no_worker_wrote_is_refused(data):
    written = gate([report(n, START) for n in range(3)]).outputs[0].value
    garbage = data.draw(
        st.binary(max_size=60)
        | st.integers(0, len(written)).map(lambda end: written[:end])
        | st.tuples(st.integers(1, len(written) - 1), st.integers(0, 255)).map(
            lambda at: written[: at[0]] + bytes([at[1]]) + written[at[0] + 1 :]
        )
    )
    record = Record(REPORTERS, 0, 1, START, None, garbage, PASSED_REPORTS.record(0, 1, []).headers)
    try:
        found = PASSED_REPORTS.read(record)
    except Rejected as rejected:
        assert rejected.reason == "invalid_value"
        (letter,) = stamp_all([record]).outputs
        assert letter.topic == "dead-letters"
        assert dict(letter.headers)["tocsin-reason"] == b"invalid_value"
    except ValueError:
        assert garbage[:1] > bundle.BUNDLE_VERSION
    else:
        # A changed byte may give another number or letter.
        assert isinstance(found.entries, list)


def test_a_bundle_of_a_newer_version_stops_its_partition():
    (there,) = read_back(gate([report(1, START)]).outputs, REPORTERS)
    with pytest.raises(ValueError, match="a bundle has version"):
        stamp_all([there._replace(value=b"\x02" + there.value[1:])])


def test_publishers_cannot_send_bundles():
    (there,) = read_back(gate([report(1, START)]).outputs, REPORTERS)
    for topic in ("message-reports", "verified-reports"):
        batch = gate([there._replace(topic=topic)])
        assert [output.topic for output in batch.outputs] == ["dead-letters"]


# --- limits, order


def test_a_bundle_is_limited_in_entries_and_bytes():
    (first, second) = gate(
        [report(n, START, reporter={"kind": "user", "ref": "u"}) for n in range(1_200)]
    ).outputs
    assert len(list(bundled.entries([first]))) == bundle.MOST_ENTRIES
    assert len(list(bundled.entries([second]))) == 200
    filler = {"country": "DE", "basis": "channel", "confidence": 0.5}
    large = [
        report(n, START, reporter={"kind": "user", "ref": "u"}, evidence=[filler] * 32, x="y" * 50_000)
        for n in range(9)
    ]
    outputs = gate(large).outputs
    assert [len(list(bundled.entries([output]))) for output in outputs] == [5, 4]
    assert all(len(output.value) < bundle.MOST_BYTES for output in outputs)


def test_what_waits_in_bundles_counts_for_the_size_of_a_batch():
    stage = report_stage(GATE)
    records = [report(n, START, channel=f"c{n}") for n in range(300)]
    limits = LIMITS._replace(slice_records=10, batch_bytes=20_000)
    *_, batch = stage.apply_in_slices(ReportState(0, 1, GATE), records, limits)
    assert (
        20_000 / len(records[0].value) - 10 <= batch.finished_records <= 20_000 / len(records[0].value) + 30
    )


_rows = st.lists(
    st.tuples(
        st.sampled_from(["of reporter", "of channel", "plain", "plain of reporter"]), st.integers(0, 5)
    ),
    max_size=40,
)


@given(_rows)
def test_nothing_overtakes_what_was_passed_on_before_to_the_same_partition(rows):
    partitions = 3
    passing = PassedOn(HomePartitions(partitions))
    expected = {n: [] for n in range(partitions)}
    value = report(1, START).value
    for number, (kind, where) in enumerate(rows):
        hashed = where * 0x9E3779B97F4A7C15 % 2**64
        home = home_partition(b"%016x" % hashed, partitions)
        decoded = decode_report(value, [], START)
        entry = PassedReport(checked_report(decoded, PLACE._replace(offset=number), []), hashed)
        plain = OutputRecord(REPORTERS, None, b"k", b"%d" % number, [])
        if kind == "of reporter":
            passing.entry(PASSED_REPORTS, hashed, 100, entry)
        elif kind == "of channel":
            ref = "channel"[: where + 1]
            home = home_partition(ref.encode(), partitions)
            passing.entry(PASSED_REPORTS, ref, 100, entry)
        elif kind == "plain":
            passing.record(plain._replace(partition=home))
        else:
            passing.record(plain, hashed)
        expected[home].append(number)
    assert bool(passing.size) == bool(rows)
    found = {n: [] for n in range(partitions)}
    for written in passing.drain():
        for output in written:
            here = [entry.report.offset for entry in bundled.entries([output])] or [int(output.value)]
            found[output.partition] += here
    assert found == expected
    assert passing.size == 0
    assert not list(passing.drain())


def test_a_credit_comes_after_the_reports_that_were_passed_on_before_it():
    """In one batch: reports of two, a decision about a message of one of them, a report of that one."""
    state = ReportState(0, 1, GATE)
    message = {"message_ref": "m1"}
    home = stamp_all(read_back(gate([report(1, START, **message)]).outputs, REPORTERS))
    report_stage(GATE).apply(state, read_back(home.outputs, INTERNAL))
    batch = gate(
        [report(2, START + MINUTE), outcome(3, "upheld", START + HOUR), report(4, START + HOUR)], state
    )
    kinds = [
        next(form for form in (PASSED_REPORTS, CREDITS) if form.is_bundle(output))
        for output in batch.outputs
        if output.topic == REPORTERS
    ]
    assert kinds == [PASSED_REPORTS, CREDITS, PASSED_REPORTS]


# --- reading


def bundles(records, sizes, stamped):
    """Published reports as bundles of these sizes in turn, at the home of reporters or of channels."""
    found, begin, number = [], 0, 0
    while begin < len(records):
        size = sizes[number % len(sizes)]
        (written,) = read_back(gate(records[begin : begin + size]).outputs, REPORTERS)
        if stamped:
            (written,) = read_back(stamp_all([written]).outputs, INTERNAL)
        found.append(written._replace(offset=number, timestamp=records[begin].timestamp))
        begin, number = begin + size, number + 1
    return found


_sizes = st.lists(st.sampled_from([1, 2, 3, 7, 40]), min_size=1, max_size=5)
_minutes = st.lists(st.sampled_from([0, 0, 1, 70, 1_500, 60_000]), min_size=1, max_size=40)


def course(minutes):
    """Reports of a few reporters in three channels, some of them repeated."""
    records, now = [], START
    for number, each in enumerate(minutes):
        now += each * MINUTE
        reporter = {"kind": "user", "ref": f"u{number % 5}"}
        if number % 7 == 6:
            records.append(records[number // 2]._replace(offset=number, timestamp=now))
        else:
            where = {"channel": f"c{number % 3}", "message_ref": f"m{number % 4}"}
            records.append(report(number, now, reporter=reporter, **where))
    return records


def with_plain(found, records, plain, seed):
    """Plain records in between, as they may stand in the log."""
    mixed, rng = [], Random(seed)
    for each in found:
        if rng.random() < 0.4:
            mixed.append(plain(len(mixed), each.timestamp))
        mixed.append(each._replace(offset=len(mixed)))
    return mixed


@settings(max_examples=60, deadline=None)
@example([0] * 40, [40], 0, UNLIMITED._replace(slice_records=3, batch_bytes=1), {0, 3})
@given(_minutes, _sizes, st.integers(0, 9), tiny, takeovers)
def test_reports_in_bundles_lead_to_the_same_wherever_they_are_cut_at_home(
    minutes, sizes, seed, limits, after
):
    records = course(minutes)
    found = with_plain(
        bundles(records, sizes, stamped=True), records, lambda n, time: tick(n, time, offset=n), seed
    )
    assert results(CHANNELS, found, limits, after) == results(CHANNELS, found, UNLIMITED)


@settings(max_examples=60, deadline=None)
# The last report comes after its reporter, silent for weeks, was forgotten.
@example([0] * 7 + [60_000], [7], 9, Limits(*[1] * len(Limits._fields)), set())
@given(_minutes, _sizes, st.integers(0, 9), tiny, takeovers)
def test_reports_in_bundles_get_the_same_stamps_wherever_they_are_cut(minutes, sizes, seed, limits, after):
    records = course(minutes)
    found = with_plain(
        bundles(records, sizes, stamped=False),
        records,
        lambda n, time: credit(n, time, f"u{n % 5}") if n % 2 else reporter_tick(n, time, n),
        seed,
    )
    assert results(STAGE, found, limits, after) == results(STAGE, found, UNLIMITED)


@settings(max_examples=40, deadline=None)
@given(_minutes, _sizes)
def test_bundles_of_any_size_and_records_of_0_2_are_the_same_to_their_readers(minutes, sizes):
    records = course(minutes)
    each = [passed_on_singly(one, KEY) for one in records]
    ways = (bundles(records, sizes, stamped=False), bundles(records, [40], stamped=False), each)
    first, second, third = (stamp_all(way) for way in ways)
    assert (
        bundled.expanded(first.outputs) == bundled.expanded(second.outputs) == bundled.expanded(third.outputs)
    )
    assert first.changes == second.changes == third.changes


def test_a_batch_ends_inside_of_a_bundle_and_the_next_goes_on_there():
    stored, state = {}, ReportState(0, 1, HOME)
    (there,) = bundles([report(n, START) for n in range(10)], [10], stamped=True)
    limits = UNLIMITED._replace(slice_records=3, batch_bytes=1)
    ids = []
    for place in (3, 6, 9, None):
        *_, batch = CHANNELS.apply_in_slices(state, [there], limits)
        assert batch.finished_records == (place is None)
        assert (PARTLY_READ in batch.changes) is True
        fold(stored, batch.changes)
        assert (PARTLY_READ in stored) == (place is not None)
        ids += [event["report"]["report_id"] for event in of_topic(batch, "enriched-reports")]
        state = CHANNELS.restore(0, 1, stored.items())
    assert ids == [f"r{number}" for number in range(10)]


def test_other_records_may_come_before_the_rest_of_a_bundle():
    """After a takeover a source topic may be read first."""
    state = ReportState(0, 1, HOME)
    (there,) = bundles(course([0] * 4), [4], stamped=True)
    *_, first = CHANNELS.apply_in_slices(state, [there], UNLIMITED._replace(slice_records=2, batch_bytes=1))
    direct = [report(90 + n, START, reporter=None) for n in range(2)]
    rest = CHANNELS.apply(state, [*direct, there])
    ids = [
        event["report"]["report_id"]
        for batch in (first, rest)
        for event in of_topic(batch, "enriched-reports")
    ]
    assert ids == ["r0", "r1", "r90", "r91", "r2", "r3"]
    assert rest.changes[PARTLY_READ] is None


def test_another_record_at_the_same_offset_is_read_from_its_beginning():
    """An operator made the topic anew, and decided to go on."""
    state = ReportState(0, 1, HOME)
    (there,) = bundles(course([0] * 4), [4], stamped=True)
    *_, _ = CHANNELS.apply_in_slices(state, [there], UNLIMITED._replace(slice_records=2, batch_bytes=1))
    (other,) = bundles([report(50 + n, START) for n in range(4)], [4], stamped=True)
    batch = CHANNELS.apply(state, [other._replace(timestamp=there.timestamp + 1)])
    assert len(of_topic(batch, "enriched-reports")) == 4


def test_steps_that_fall_due_end_a_batch_inside_of_a_bundle():
    """The first entry moves time far ahead: the steps take several batches, and it is applied after them."""
    many = [report(n, START, channel=f"c{n}", reporter={"kind": "user", "ref": "u"}) for n in range(40)]
    many += [
        report(100 + n, START, channel=f"c{n}", reporter={"kind": "user", "ref": "v"}) for n in range(40)
    ]
    later = [report(200 + n, START + DAY + n, channel="d") for n in range(3)]
    records = bundles(many, [80], stamped=True) + [
        each._replace(offset=1) for each in bundles(later, [3], stamped=True)
    ]
    limits = UNLIMITED._replace(slice_steps=4, batch_steps=9)
    whole = results(CHANNELS, records, UNLIMITED)
    assert results(CHANNELS, records, limits, {0, 1, 2, 3}) == whole
    assert whole[4]["applied"] == 83


# --- what fails


def test_an_unknown_category_is_refused_alone():
    others = dataclasses.replace(
        RULES, categories={k: v for k, v in RULES.categories.items() if k != "fraud"}
    )
    three = [report(1, START), report(2, START, category="fraud"), report(3, START)]
    (there,) = read_back(gate(three).outputs, REPORTERS)
    batch = reporter_stage(others).apply(new_state(others), [there])
    assert [entry.report.report_id for entry in bundled.entries(batch.outputs)] == ["r1", "r3"]
    (letter,) = [output for output in batch.outputs if output.topic == "dead-letters"]
    headers = dict(letter.headers)
    assert headers["tocsin-reason"] == b"unknown_category"
    assert (headers["tocsin-topic"], headers["tocsin-offset"]) == (b"message-reports", b"2")
    assert decode_report(letter.value, letter.headers, START).event.category == "fraud"


def test_a_claim_that_is_not_allowed_at_home_is_refused_alone():
    rights = dataclasses.replace(HOME.registry.sources["message-reports"], kinds=frozenset({"user_report"}))
    registry = dataclasses.replace(
        HOME.registry, sources={**HOME.registry.sources, "message-reports": rights}
    )
    rules = dataclasses.replace(HOME, registry=registry)
    two = [report(1, START), report(2, START, kind="automated_detection")]
    (there,) = bundles(two, [2], stamped=True)
    batch = report_stage(rules).apply(ReportState(0, 1, rules), [there])
    assert [event["report"]["report_id"] for event in of_topic(batch, "enriched-reports")] == ["r1"]
    assert counted(batch)["dead_letter:not_allowed_here"] == 1


def test_an_error_names_the_bundle_the_entry_and_where_it_was_published(monkeypatch):
    first, second = bundles(course([0] * 6), [4, 2], stamped=True)
    apply = HOME.resolver.resolve

    def fails(report):
        if report.report_id == "r5":
            raise RuntimeError("bug")
        return apply(report)

    monkeypatch.setattr(type(HOME.resolver), "resolve", lambda _, report: fails(report))
    with pytest.raises(StageFailed) as raised:
        CHANNELS.apply(ReportState(0, 1, HOME), [first, second])
    assert isinstance(raised.value.__cause__, RuntimeError)
    assert str(raised.value.place) == (
        "entry 1 of message-reports-internal partition 0 offset 1, published as message-reports partition 0 "
        "offset 5"
    )


@pytest.mark.parametrize("last_entries", range(8))
def test_a_batch_ends_inside_of_its_last_bundle_where_it_is_told_to(last_entries):
    """Before an entry that fails, and if what is before it is applied already, after the next one."""
    state = ReportState(0, 1, HOME)
    there = bundles([report(n, START) for n in range(9)], [3, 6], stamped=True)
    ids = []
    for reached in (max(last_entries, 1), max(last_entries, 1) + 1):
        *_, batch = CHANNELS.apply_in_slices(state, there, UNLIMITED, last_entries=last_entries)
        ids += [event["report"]["report_id"] for event in of_topic(batch, "enriched-reports")]
        inside = reached if reached < 6 else 0
        assert (batch.finished_records, batch.finished_entries) == (len(there) - bool(inside), inside)
        assert ids == [f"r{number}" for number in range(3 + min(reached, 6))]
        there = there[batch.finished_records :]
        if not there:
            break


def test_a_bundle_for_another_number_of_partitions_stops_the_worker():
    (there,) = bundles(course([0] * 3), [3], stamped=True)
    with pytest.raises(NotAtHome, match="there were 1 partitions, and there are 2 now"):
        CHANNELS.apply(ReportState(0, 2, HOME), [there])
