import asyncio
import dataclasses
import gc
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.state_records import RulesMissing
from streams.contract.wire.topics import SourceTopics
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.running.alignment.alignment import Alignment
from streams.running.alignment.arrival import Arrival
from streams.running.cycle.cycle import Cycle
from streams.running.errors import OversizedRecord, OwnershipLost, WrongAppendTime
from streams.running.log import past_markers
from streams.running.log.append_times import check_append_times, clock_difference
from streams.running.log.connection import Connection
from streams.running.log.log import Appended
from streams.running.log.destinations import Troubles
from streams.running.log.position import SourcePosition, decode_position
from streams.running.partitions import partition_owner
from streams.running.partitions.loading import Loaded
from streams.running.partitions.observer import Observer
from streams.running.partitions.partition_owner import INTERNAL_FIRST_SECONDS, PartitionOwner
from streams.running.partitions.setback import FIRST_PAUSE, NotApplied
from streams.running.patches.fetched_range import FetchedRange
from streams.running.takeover.write_lock import WriteLock
from tests.unit.clock_traffic import clock_rules, duty
from tests.unit.traffic import DAY, EXTERNAL, INTERNAL, START, arriving, report, tick

ROOT = Path(__file__).parents[2]


class Writer:
    """A replacement for Writer that keeps the transactions."""

    prefix = ""

    def __init__(self):
        self.written = []
        self.troubles = Troubles()

    async def write(self, writes):
        self.written.append(writes)

    async def partition_count(self, _topic):
        return 1


@pytest.fixture
def owner():
    """An owner of one partition of two topics."""
    stage = SimpleNamespace(name="count", state_topic="state")
    made = PartitionOwner(stage, Connection("127.0.0.1:1"), Writer(), 3, Observer())
    made.position = {"in": SourcePosition(7, 4, 1_000), "in-internal": SourcePosition(9, 4, 1_000)}
    return made


def test_a_broker_restart_during_the_search_for_markers_does_not_stop_the_worker(owner, monkeypatch):
    async def away(*_):
        raise KafkaConnectionError

    monkeypatch.setattr(past_markers, "end_if_nothing_follows", away)
    before = dict(owner.position)
    assert asyncio.run(owner.past_markers()) == before


def test_all_topics_of_a_partition_are_requested_together(owner, monkeypatch):
    asked = []

    async def nothing_follows(_connection, tp, next_offset):
        asked.append(tp)
        # No request is answered before every request is sent.
        while len(asked) < 2:
            await asyncio.sleep(0)
        return next_offset

    monkeypatch.setattr(past_markers, "end_if_nothing_follows", nothing_follows)
    asyncio.run(asyncio.wait_for(owner.past_markers(), 5))
    assert {(tp.topic, tp.partition) for tp in asked} == {("in", 3), ("in-internal", 3)}


@pytest.fixture
def written(owner, monkeypatch):
    """The transactions that the owner writes. Its logs have no record after the position."""

    async def nothing_follows(_connection, _tp, next_offset):
        return next_offset

    monkeypatch.setattr(past_markers, "end_if_nothing_follows", nothing_follows)
    return owner._writer.written


@pytest.fixture
def applied(owner, written):
    """The offsets of `in` that the owner applied. Its position there is 7."""
    seen = []

    def apply_in_slices(_state, records, **_):
        records = records[: owner.stage.records_per_transaction]
        seen.extend(record.offset for record in records)
        yield SimpleNamespace(outputs=[], changes={}, finished_records=len(records), finished_entries=0)

    owner.stage = SimpleNamespace(
        name="count",
        state_topic="state",
        apply_in_slices=apply_in_slices,
        records_per_transaction=1_000,
        tripped=lambda _: {},
        paused_sources=lambda _: (),
        skipped_below=lambda *_: 0,
        for_state=lambda _: owner.stage,
    )
    owner.state = None
    return seen


def fetched(begin, *offsets, end=None):
    """Fetched records with these offsets, as a range from `begin` to `end` (default: the last record)."""
    records = [
        SimpleNamespace(topic="in", offset=offset, timestamp=1_000, timestamp_type=1) for offset in offsets
    ]
    return "in", FetchedRange(records, begin, offsets[-1] + 1 if end is None else end, 0)


async def apply_and_commit(owner, *ranges):
    """Apply as a cycle does. Returns the number of ranges that are done."""
    prepared = await owner.apply(ranges)
    if prepared is None:
        return len(ranges)
    await owner._writer.write(prepared.writes)
    owner.committed(prepared, 0.01)
    return prepared.progress.ranges


def apply(owner, *ranges):
    return asyncio.run(apply_and_commit(owner, *ranges))


def apply_each(owner, *ranges):
    for each in ranges:
        assert apply(owner, each) == 1


def test_consecutive_ranges_are_applied(owner, applied):
    # A marker follows offset 8. An aborted transaction and compacted offsets precede 13.
    apply_each(owner, fetched(7, 7, 8, end=10), fetched(10, 13, 14))
    assert apply(owner, fetched(15, 15), fetched(16, 17, end=19), fetched(19, 19)) == 3
    assert applied == [7, 8, 13, 14, 15, 17, 19]
    assert owner.position["in"].next_offset == 20


def test_records_that_are_fetched_again_are_skipped(owner, applied):
    # A seek goes to the position, which is before a marker. A fetch may begin even earlier.
    apply_each(
        owner, fetched(7, 7, 8, end=10), fetched(7, 7, 8, end=10), fetched(9, 10), fetched(5, 5, 10, 11)
    )
    assert applied == [7, 8, 10, 11]


@pytest.mark.parametrize(
    "ranges",
    [
        [fetched(8, 8)],
        [fetched(7, 7, 8), fetched(10, 10)],
        # The missing records followed a marker.
        [fetched(7, 7, 8, end=10), fetched(11, 11)],
        # A repeated range counts only up to its own end.
        [fetched(7, 7, 8, end=10), fetched(7, 7), fetched(12, 12)],
    ],
)
def test_a_gap_is_refused(owner, applied, written, ranges):
    *before, last = ranges
    apply_each(owner, *before)
    done, writes, position = list(applied), len(written), dict(owner.position)
    expected = max([7, *(records.end for _, records in before)])
    with pytest.raises(
        OwnershipLost, match=f"in partition 3: .* begins at offset {last[1].begin}, .* apply is {expected}[.]"
    ):
        apply(owner, last)
    assert (applied, len(written), owner.position) == (done, writes, position)


def test_a_gap_within_a_cycle_is_refused(owner, applied, written):
    with pytest.raises(OwnershipLost, match="begins at offset 10, but the next offset to apply is 9[.]"):
        apply(owner, fetched(7, 7, 8), fetched(10, 10))
    assert (applied, written) == ([], [])


def own(owner, offset, records=1, timestamp=1_000, topic="in"):
    """Apply records that the owner's process has appended, and commit. Return whether it applied them."""
    rows = [(b"", b"", [])] * records

    async def apply_own():
        prepared = await owner.apply_own(topic, rows, [Appended(offset, records, timestamp)])
        if prepared is not None:
            owner.committed(prepared, 0.01)
        return prepared is not None

    return asyncio.run(apply_own())


def test_what_the_process_appends_next_is_applied_before_it_is_fetched(owner, applied):
    assert own(owner, 7, 2)
    # The marker of that transaction is at 9.
    assert own(owner, 10)
    assert applied == [7, 8, 10]
    assert owner.position["in"] == SourcePosition(11, 4, 1_000)
    # The fetches that follow have nothing new.
    for _, each in (fetched(7, 7, 8, end=10), fetched(10, 10, end=12)):
        assert owner.passes_over("in", each)
    assert not owner.passes_over("in", fetched(12, 12)[1])
    assert own(owner, 12)


def test_what_the_process_appends_waits_for_records_of_others(owner, applied):
    assert own(owner, 7)
    # 8 is the marker, 9 another's record.
    assert not own(owner, 10)
    assert apply(owner, fetched(8, 9, 10, end=12)) == 1
    assert own(owner, 12)
    assert applied == [7, 9, 10, 12]


def test_another_record_may_take_the_place_of_the_marker(owner, applied):
    assert own(owner, 7)
    # 8 is another's record, 9 the marker of ours: the next ones of ours do not begin at 9.
    assert not own(owner, 10)
    _, records = fetched(7, 7, 8, 10, end=12)
    assert not owner.passes_over("in", records)
    assert apply(owner, ("in", records)) == 1
    assert applied == [7, 8, 10]


def test_within_a_transaction_no_marker_comes_between_two_records(owner, applied):
    """So what is between them is another's record, which must not be passed over."""

    async def two_hops_of_one_transaction():
        rows = [(b"", b"", [])]
        first = await owner.apply_own("in", rows, [Appended(7, 1, 1_000)])
        second = await owner.apply_own("in", rows, [Appended(9, 1, 1_000)])
        owner.committed(first, 0.01)
        return second

    assert asyncio.run(two_hops_of_one_transaction()) is None
    assert apply(owner, fetched(8, 8, 9, end=11)) == 1
    assert applied == [7, 8, 9]


@pytest.mark.parametrize(
    "appended",
    [
        [Appended(7, 1, 1_000), Appended(9, 1, 1_000)],
        [Appended(7, 2, -1)],
    ],
    ids=["another's record between them", "no append time"],
)
def test_what_the_process_appends_is_fetched_if_it_cannot_be_told_what_it_is(owner, applied, appended):
    rows = [(b"", b"", [])] * 2
    assert asyncio.run(owner.apply_own("in", rows, appended)) is None
    assert applied == []
    assert apply(owner, fetched(7, 7, 8)) == 1


def test_of_what_the_process_appends_the_rest_is_fetched_if_it_is_too_much(owner, applied):
    owner.stage.records_per_transaction = 2
    assert own(owner, 7, 3)
    assert not own(owner, 11)
    assert apply(owner, fetched(7, 7, 8, 9, end=11)) == 1
    assert own(owner, 11)
    assert applied == [7, 8, 9, 11]


def test_a_range_may_begin_after_markers_that_were_stepped_over(owner, applied, monkeypatch):
    async def nothing_up_to_12(_connection, tp, next_offset):
        return 12 if tp.topic == "in" else next_offset

    apply_each(owner, fetched(7, 7, 8))
    monkeypatch.setattr(past_markers, "end_if_nothing_follows", nothing_up_to_12)
    owner.stepped_over_markers(asyncio.run(owner.past_markers()))
    # A seek goes past the markers. Without a seek the markers are added to the next range.
    apply_each(owner, fetched(12, 12), fetched(9, 13))
    assert applied == [7, 8, 12, 13]


def test_what_does_not_fit_into_a_transaction_is_continued_in_the_next(owner, applied, written):
    owner.stage.records_per_transaction = 3
    first, second = fetched(7, 7, 8, end=10), fetched(10, 10, 11, 12, end=14)
    assert apply(owner, first, second) == 1
    assert (applied, owner.position["in"].next_offset) == ([7, 8, 10], 11)
    ((_, value, _headers),) = written[0]["state", 3]
    assert decode_position(value) == owner.position
    # Another owner would fetch from the position; this one still has the range.
    assert apply(owner, second) == 1
    assert applied == [7, 8, 10, 11, 12]
    # Nothing is missing: offset 13 was a marker.
    assert apply(owner, fetched(14, 14)) == 1
    with pytest.raises(OwnershipLost, match="begins at offset 16, but the next offset to apply is 15"):
        apply(owner, fetched(16, 16))


def test_a_transaction_without_a_record_leaves_the_position(owner, applied, written):
    """The due steps before a record may fill a transaction of their own."""
    owner.stage.records_per_transaction = 0
    before = dict(owner.position)
    assert apply(owner, fetched(7, 7, 8)) == 0
    assert (owner.position, len(written)) == (before, 1)


def test_a_range_of_another_topic_waits_for_the_one_before_it(owner, applied):
    owner.stage.records_per_transaction = 1
    topic, ticks = (
        "in-internal",
        FetchedRange([SimpleNamespace(offset=9, timestamp=1, timestamp_type=1)], 9, 10, 0),
    )
    reports = fetched(7, 7, 8)
    assert apply(owner, reports, (topic, ticks)) == 0
    assert owner.position[topic].next_offset == 9
    assert apply(owner, reports, (topic, ticks)) == 1
    assert apply(owner, (topic, ticks)) == 1
    assert (applied, owner.position[topic].next_offset) == ([7, 8, 9], 10)


def test_a_record_that_its_topic_does_not_take_is_refused_before_anything_is_written(owner, applied, written):
    """The broker would refuse it with everything else in the transaction, at every restart again."""

    def too_large(_state, records, **_):
        large = OutputRecord("escalations", 0, b"c1", bytes(1_048_576), ())
        yield SimpleNamespace(outputs=[large], changes={}, finished_records=len(records), finished_entries=0)

    owner.stage.apply_in_slices = too_large
    with pytest.raises(NotApplied) as failed:
        apply(owner, fetched(7, 7))
    assert isinstance(failed.value.__cause__, OversizedRecord)
    assert "partition 3: a record for escalations" in str(failed.value.__cause__)
    assert written == []


def as_fetched(record):
    return SimpleNamespace(**record._asdict(), timestamp_type=1)


@pytest.mark.slow
def test_the_loop_turns_while_a_large_batch_is_applied(owner, written):
    """Heartbeats and probes must not wait for a whole cycle of reports, nor for 7,500 steps of clocks."""
    rules = clock_rules(duty())
    owner.stage = report_stage(rules)
    owner.state = ReportState(0, 1, rules)
    owner.position = {INTERNAL: SourcePosition(0, 1, None)}
    count = 2_500
    reports = arriving(rules, [report(number, START, channel=f"c{number}") for number in range(count)])
    for records, expected in ((reports, count), ([tick(count, START + DAY, count)], 3 * count)):

        async def turns_during(records=records):
            turns = 0
            begin, end = records[0].offset, records[-1].offset + 1
            fetched = FetchedRange([as_fetched(record) for record in records], begin, end, 0)
            applying = asyncio.ensure_future(apply_and_commit(owner, (INTERNAL, fetched)))
            while not applying.done():
                turns += 1
                await asyncio.sleep(0)
            return turns, applying.result()

        turns, done = asyncio.run(turns_during())
        assert done == 1
        outputs = sum(len(rows) for (topic, _), rows in written[-1].items() if topic == "escalations")
        assert outputs == expected
        # A turn for about 85 reports that arm a clock, and for 64 steps.
        assert turns >= outputs / 128


NOW = 1_790_000_000_000


def stamped(timestamp, timestamp_type=1):
    return SimpleNamespace(
        topic="in", partition=3, offset=9, timestamp=timestamp, timestamp_type=timestamp_type
    )


def test_append_times_up_to_five_minutes_ahead_are_accepted():
    check_append_times([stamped(0), stamped(NOW), stamped(NOW + 300_000)], NOW)


def test_an_append_time_further_ahead_is_refused_and_both_clocks_are_named():
    with pytest.raises(WrongAppendTime) as refused:
        check_append_times([stamped(NOW), stamped(NOW + 365 * 86_400_000)], NOW)
    message = str(refused.value)
    assert "in partition 3 offset 9: the broker appended this record at 2027-09-21T" in message
    assert "this machine's clock shows 2026-09-21T" in message
    assert "the broker's clock is ahead by 365 days, 0:00:00, or this machine's is behind" in message
    assert "tocsin source skip" in message


@pytest.mark.parametrize("timestamp_type", [0, None])
def test_a_time_that_the_publisher_chose_is_refused_with_the_setting_to_change(timestamp_type):
    with pytest.raises(WrongAppendTime, match="--entity-name in --add-config message.timestamp.type=LogApp"):
        check_append_times([stamped(NOW), stamped(NOW, timestamp_type)], NOW)


@pytest.mark.parametrize("fault", [{"timestamp_type": 0}, {"timestamp": 2**53}])
def test_nothing_of_a_batch_with_a_wrong_append_time_is_applied(owner, applied, written, fault):
    records = fetched(7, 7, 8, 9)
    vars(records[1][1]).update(fault, topic="in", partition=3)
    position = dict(owner.position)
    with pytest.raises(WrongAppendTime, match="offset 8"):
        apply(owner, records)
    assert (applied, written, owner.position) == ([], [], position)


def test_a_record_that_was_applied_before_is_not_refused(owner, applied):
    topic, records = fetched(5, 5, 7)
    records[0].timestamp = 2**53
    apply(owner, (topic, records))
    assert applied == [7]


@pytest.mark.parametrize(
    ("appended", "difference"), [(1_000, 0), (1_200, 0), (1_500, 0), (1_501, 1), (999, -1), (400, -600)]
)
def test_the_difference_of_clocks_is_what_the_time_of_the_request_does_not_explain(appended, difference):
    assert clock_difference(appended, 1_000, 1_500) == difference


# --- a partition that is set aside


class Watching(Observer):
    def __init__(self):
        self.seen = []

    def set_aside(self, partition, records, error):
        self.seen.append(("set aside", partition, records, error))

    def read_again(self, partition, state):
        self.seen.append(("read again", partition, state))

    def recovered(self, partition):
        self.seen.append(("recovered", partition))


@pytest.fixture
def clock(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def failing(owner, applied):
    """An owner whose stage fails on offset 9 of `in` as long as `bad` says so. Its state is the list of
    applied offsets.
    """
    made = SimpleNamespace(owner=owner, bad={9}, applied=applied)
    fine = owner.stage.apply_in_slices

    def apply_in_slices(state, records, **options):
        for record in records:
            if record.offset in made.bad:
                raise ValueError("a bug")
            state.append(record.offset)
        yield from fine(state, records)

    owner.stage.apply_in_slices = apply_in_slices
    owner.stage.sources = SourceTopics(("in",), "in-internal")
    owner.stage.tick = lambda *_: None
    owner.state = []
    owner._observer = Watching()
    return made


def set_aside(owner, *ranges):
    with pytest.raises(NotApplied) as failed:
        apply(owner, *ranges)
    owner.set_aside(failed.value)


def read_again(owner):
    owner.try_again(Loaded(owner.stage, [], dict(owner.position), True, 0, 0))


def test_a_partition_that_is_set_aside_has_no_state_and_takes_nothing(failing, written, clock):
    owner = failing.owner
    with capture_logs() as logs:
        set_aside(owner, fetched(7, 7, 8, 9, 10))
    assert (written, owner.position["in"].next_offset) == ([], 7)
    assert not hasattr(owner, "state")
    assert not owner.takes("in", fetched(7, 7)[1])
    assert owner.rests("in")
    assert owner.rests("in-internal")
    (log,) = logs
    assert (log["log_level"], log["stage"], log["partition"]) == ("error", "count", 3)
    assert log["records"] == "in offset 7 to 10"
    assert (log["error"], str(log["exc_info"])) == ("ValueError('a bug')", "a bug")
    assert (ROOT / log["runbook"]).is_file()
    assert owner._observer.seen == [("set aside", 3, "in offset 7 to 10", "ValueError")]


def test_what_comes_before_the_record_that_fails_is_applied_and_it_is_named(failing, clock):
    owner, waiting = failing.owner, list(range(7, 300))
    with capture_logs() as logs:
        for _ in range(100):
            ranges = fetched(waiting[0], *waiting)
            if not owner.attempts.is_due(Troubles()) and owner.attempts.is_set_aside:
                break
            if owner.attempts.is_set_aside:
                read_again(owner)
            try:
                apply(owner, ranges)
            except NotApplied as failed:
                owner.set_aside(failed)
            waiting = list(range(owner.position["in"].next_offset, 300))
    assert owner.position["in"].next_offset == 9
    assert failing.applied == [7, 8]
    failures = [log for log in logs if log["event"].startswith("partition set aside")]
    assert failures[-1]["records"] == "in offset 9"
    assert failures[-1]["next_attempt_in_seconds"] == FIRST_PAUSE
    # The traceback once.
    assert [log["exc_info"] is not None for log in failures] == [True] + [False] * (len(failures) - 1)

    failing.bad.clear()
    clock[0] += FIRST_PAUSE - 1
    assert not owner.attempts.is_due(Troubles())
    clock[0] += 1
    assert owner.attempts.is_due(Troubles())
    read_again(owner)
    assert apply(owner, fetched(9, *range(9, 20))) == 0
    assert owner._observer.seen[-1] == ("recovered", 3)
    assert apply(owner, fetched(9, *range(9, 20))) == 1
    assert failing.applied == list(range(7, 20))


def test_the_internal_topic_is_read_first_when_a_partition_is_tried_again(failing, clock):
    owner = failing.owner
    set_aside(owner, fetched(7, 9))
    assert owner.wake() == []
    read_again(owner)
    assert owner.wake() == [("in-internal", 9)]
    assert owner.rests("in")
    # Nobody need know of that.
    assert [kind for kind, *_ in owner._observer.seen] == ["set aside", "read again"]
    clock[0] += INTERNAL_FIRST_SECONDS
    assert owner.wake() == [("in", 7)]
    # What was fetched before is dropped until what was sought arrives.
    assert not owner.takes("in", fetched(12, 12)[1])
    assert owner.takes("in", fetched(7, 7)[1])


def test_a_tick_that_cannot_be_made_sets_the_partition_aside(failing, clock):
    def broken(*_):
        raise ValueError("a bug")

    failing.owner.stage.tick = broken
    with pytest.raises(NotApplied) as failed:
        asyncio.run(failing.owner.tick(0))
    failing.owner.set_aside(failed.value)
    assert failing.owner._observer.seen == [("set aside", 3, "", "ValueError")]
    assert failing.owner.attempts.is_due


@pytest.mark.parametrize("error", [OwnershipLost("lost"), NotAtHome("moved"), MemoryError()])
def test_an_error_of_the_process_does_not_set_a_partition_aside(failing, error):
    def broken(*_, **__):
        raise error

    failing.owner.stage.apply_in_slices = broken
    with pytest.raises(type(error)):
        apply(failing.owner, fetched(7, 7))


def test_the_state_of_a_partition_that_is_set_aside_takes_no_memory(owner, written):
    """At every attempt another one would stay, as a worker collects little garbage."""
    rules = clock_rules(duty())

    def broken(batch, record, origin):
        raise ValueError("a bug")

    def states():
        return sum(type(each) is ReportState for each in gc.get_objects())

    owner.stage = dataclasses.replace(report_stage(rules), handlers={EXTERNAL: broken})
    owner.position = {name: SourcePosition(0, 1, None) for name in (EXTERNAL, INTERNAL)}
    worker = SimpleNamespace(owners={owner.place: owner}, write_lock=WriteLock())
    app = SimpleNamespace(rebalancing_count=0, should_stop=False, has_queued=lambda: False)

    async def rest(_tp):
        pass

    app.consumer = SimpleNamespace(rest=rest)
    alignment = Alignment(lambda: app.consumer, lambda: worker.owners, owner._writer)
    cycle = Cycle(app, worker, owner._writer, alignment)
    record = as_fetched(report(0, START, channel="c"))
    message = SimpleNamespace(topic=EXTERNAL, partition=3)
    event = SimpleNamespace(message=message, ack=lambda: None)
    arrival = Arrival(owner.place, EXTERNAL, FetchedRange([record], 0, 1, 0), 0, event)
    # So that `states` goes through none of the objects of other tests.
    gc.freeze()
    gc.disable()
    try:
        before = states()
        owner.state = ReportState(0, 1, rules)
        asyncio.run(cycle._apply([arrival], 0))
        assert owner.attempts.is_set_aside
        assert states() == before
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_partition_whose_rules_are_not_ready_is_set_aside_at_its_takeover_and_goes_on_when_they_are(
    owner, monkeypatch
):
    told = []

    class Seen(Observer):
        def set_aside(self, partition, records, error):
            told.append((partition, records, error))

        def recovered(self, partition):
            told.append(("recovered", partition))

    owner._observer, owner.position = Seen(), {}

    async def not_ready(*_):
        raise RulesMissing("a" * 64)

    monkeypatch.setattr(partition_owner, "load", not_ready)
    with capture_logs() as logs:
        assert asyncio.run(owner.restore(None, None, 0, None)) is None
        # And once more, two seconds later.
        owner.attempts.wait_for_rules(RulesMissing("a" * 64))
    assert [log["error"] for log in logs] == ["the set of rules aaaaaaaaaaaaaaaa is not ready here"]
    assert owner.attempts.is_set_aside
    assert not owner.attempts.are_under_way
    assert told == [(3, "", "RulesMissing")]
    other, position = SimpleNamespace(name="count"), {"in": SourcePosition(7, 4, 1_000)}
    owner.stage.sources = SourceTopics(("in",), "in-internal")
    monkeypatch.setattr(other, "sources", owner.stage.sources, raising=False)
    other.tripped, other.paused_sources = (lambda _: {}), (lambda _: ())
    loaded = Loaded(other, "state", position | {"in-internal": SourcePosition(9, 4, 1_000)}, True, 1, 1)
    owner.try_again(loaded)
    assert (owner.stage, owner.state, owner.attempts.is_set_aside) == (other, "state", False)
    with capture_logs() as logs:
        assert owner.attempts.have_succeeded(owner.position, None)
    assert [log["event"] for log in logs] == ["partition goes on: what it waited for is there"]
