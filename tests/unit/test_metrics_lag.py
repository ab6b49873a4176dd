from hypothesis import given, settings
from hypothesis import strategies as st

from streams.running.cycle.lag import SourceLag, source_lag
from streams.running.log.position import SourcePosition
from streams.running.operations.lag_watch import LagWatch
from streams.running.operations.standstill import IdleTime
from streams.running.log.fetched import Fetched

# --- records


def lag(next_offset, *fetched):
    found = source_lag("t", 0, SourcePosition(next_offset, 4, 1_000), Fetched(*fetched) if fetched else None)
    return found.records, found.readable


def test_the_lag_is_unknown_before_the_first_fetch():
    assert lag(5) == (None, 0)


def test_records_fetched_but_not_applied_count():
    # Records 0 to 9 are in the log, 0 to 4 applied, all fetched.
    assert lag(5, 10, 9, 10, 10) == (5, 5)


def test_records_not_fetched_count():
    assert lag(5, 5, 4, 100, 100) == (95, 95)


def test_markers_at_the_end_of_the_log_do_not_count():
    # Record 9 is applied, and the fetch position is past a marker at 10.
    assert lag(10, 11, 9, 11, 11) == (0, 0)


def test_markers_after_a_restored_position_do_not_count_before_the_first_record():
    assert lag(12, 12, -1, 12, 12) == (0, 0)


def test_records_behind_an_open_transaction_are_waiting_but_not_readable():
    assert lag(10, 10, 9, 10, 14) == (4, 0)


def test_records_of_a_source_at_rest_are_waiting_but_not_readable():
    """Otherwise the watchdog would end the worker, because nothing of them is applied."""
    found = source_lag("t", 0, SourcePosition(5, 4, 1_000), Fetched(10, 9, 10, 10), rests=True)
    assert (found.records, found.readable) == (5, 0)


@settings(max_examples=300)
@given(
    log=st.lists(st.booleans(), max_size=20),  # True is a record, False is a transaction marker.
    fetched=st.integers(0, 20),
    applied=st.integers(0, 20),
)
def test_lag_is_zero_only_when_every_record_is_applied(log, fetched, applied):
    fetched = min(fetched, len(log))
    records = [offset for offset, is_record in enumerate(log) if is_record]
    came = [offset for offset in records if offset < fetched]
    done = came[: min(applied, len(came))]
    next_offset = done[-1] + 1 if done else 0
    found, readable = lag(next_offset, fetched, came[-1] if came else -1, len(log), len(log))
    waiting = len(records) - len(done)
    markers = log.count(False)
    assert found == readable
    assert waiting <= found <= waiting + markers
    if fetched == len(log) and not waiting:
        assert found == 0


# --- seconds and standstill


class Clock:
    def __init__(self):
        self.now = 1_000_000.0
        self.source = SourceLag("t", 0, 0, 0, 0, None)

    def watch(self):
        return LagWatch(lambda: [self.source], lambda: self.now, lambda: self.now)

    def state(self, next_offset, waiting, applied_at=None, readable=None):
        time_ms = None if applied_at is None else int(applied_at * 1000)
        self.source = SourceLag(
            "t", 0, next_offset, waiting, waiting if readable is None else readable, time_ms
        )


def test_seconds_are_zero_when_every_record_is_applied():
    clock = Clock()
    watch = clock.watch()
    clock.state(7, 0, clock.now - 3_600)
    assert watch.sample()[0].seconds == 0


def test_a_record_after_a_quiet_hour_waits_only_since_it_came():
    clock = Clock()
    watch = clock.watch()
    clock.state(7, 0, clock.now - 3_600)
    watch.sample()
    clock.now += 1
    clock.state(7, 1, clock.now - 3_601)
    assert watch.sample()[0].seconds == 1


def test_a_record_found_after_an_outage_waits_at_most_since_the_outage_began():
    clock = Clock()
    watch = clock.watch()
    applied_at = clock.now - 3_600
    clock.state(7, 0, applied_at)
    watch.sample()
    for _ in range(3):
        clock.now += 1
        clock.state(7, None, applied_at)
        assert watch.sample() == []
    clock.now += 1
    clock.state(7, 1, applied_at)
    assert watch.sample()[0].seconds == 4


def test_a_backlog_found_at_the_start_is_as_old_as_the_last_record_applied():
    clock = Clock()
    clock.state(7, 50_000, clock.now - 600)
    assert clock.watch().sample()[0].seconds == 600


def test_seconds_grow_while_nothing_is_applied_and_never_below_zero():
    clock = Clock()
    watch = clock.watch()
    clock.state(7, 5, clock.now + 60)
    assert watch.sample()[0].seconds == 0
    clock.now += 100
    assert watch.sample()[0].seconds == 40


def test_a_partition_with_an_unknown_lag_is_not_shown():
    clock = Clock()
    clock.state(7, None)
    assert clock.watch().sample() == []


def test_silence_counts_while_every_owned_partition_has_an_unknown_lag():
    clock = Clock()
    watch = clock.watch()
    found = []
    for records in (0, None, None, 5, None):
        clock.now += 1
        clock.state(7, records)
        watch.sample()
        found.append(watch.silence)
    clock.now += 1
    watch.sample(restoring=True)
    assert [*found, watch.silence] == [0, 1, 2, 0, 1, 1]
    without = LagWatch(list, lambda: clock.now, lambda: clock.now)
    clock.now += 1
    without.sample()
    assert without.silence == 0


def run(clock, watch, seconds, **options):
    for _ in range(seconds):
        clock.now += 1
        (found,) = watch.sample(**options)
    return found.stalled


def test_a_partition_is_stalled_while_readable_records_are_not_applied():
    clock = Clock()
    watch = clock.watch()
    clock.state(7, 5)
    watch.sample()
    assert run(clock, watch, 30) == 30
    clock.state(8, 4)
    assert run(clock, watch, 1) == 0
    assert run(clock, watch, 10) == 10
    # A publisher's open transaction is not the worker's fault.
    clock.state(8, 4, readable=0)
    assert run(clock, watch, 30) == 0


def test_a_restore_is_not_a_standstill():
    clock = Clock()
    watch = clock.watch()
    clock.state(7, 5)
    watch.sample()
    assert run(clock, watch, 10) == 10
    assert run(clock, watch, 100, restoring=True) == 10
    assert run(clock, watch, 5) == 15


def test_a_pause_of_the_process_is_not_a_standstill():
    clock = Clock()
    watch = clock.watch()
    clock.state(7, 5)
    watch.sample()
    clock.now += 3_600
    assert watch.sample()[0].stalled <= 2


def test_a_partition_that_returns_starts_again_from_zero():
    clock = Clock()
    watch = clock.watch()
    clock.state(7, 5)
    watch.sample()
    assert run(clock, watch, 10) == 10
    kept, clock.source = clock.source, SourceLag("t", 0, 7, None, 0, None)
    watch.sample()
    clock.source = kept
    assert run(clock, watch, 1) == 0


# --- a number that should change


def samples(standstill, clock, numbers, seconds=1):
    found = []
    for number in numbers:
        clock.now += seconds
        found.append(standstill.sample(number))
    return found


def test_a_standstill_is_measured_from_the_last_change():
    clock = Clock()
    standstill = IdleTime(lambda: clock.now)
    assert samples(standstill, clock, [5, 5, 5, 6, 6, 5]) == [0, 1, 2, 0, 1, 0]


def test_a_number_that_need_not_change_is_not_a_standstill():
    clock = Clock()
    standstill = IdleTime(lambda: clock.now)
    assert samples(standstill, clock, [None, None, 5, 5, None, 5]) == [0, 0, 0, 1, 0, 0]


def test_a_paused_process_adds_little_to_a_standstill():
    clock = Clock()
    standstill = IdleTime(lambda: clock.now)
    assert samples(standstill, clock, [5, 5, 5], seconds=3_600) == [0, 2, 4]
