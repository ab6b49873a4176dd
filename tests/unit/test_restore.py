"""Unreadable state is refused with a message, and no decoder's exception propagates."""

import asyncio
import struct
from types import SimpleNamespace

import msgspec
import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.state_records import UnknownCategory, UnknownHashKey
from streams.contract.wire.state_records import STATE_VERSION
from streams.counting.store import CountStore, UnreadableCounts
from streams.deciding.reports.state import ReportState, restore_reports
from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log import source_logs, state_log
from streams.running.log.position import POSITION_KEY, POSITION_VERSION, SourcePosition, encode_position
from streams.running.log.restore import UnreadableState, build_state
from streams.running.log.source_logs import take_position
from streams.running.log.state_log import read_entries
from tests.model.memory_log import Brokers
from tests.unit.traffic import START, compiled, fold, policy, report, run

RULES = compiled(policy())
ENTRIES = {b"Asecret": b"1", b"Bsecret": b"2", b"Csecret": b"3"}


def restore_that_fails_at(key, error):
    def restored(entries):
        for found, _ in entries:
            if found == key:
                raise error
        return "never"

    return restored


def stored():
    """The content of the state topic after some reports."""
    state, entries = ReportState(0, 1, RULES), {}
    fold(
        entries,
        run(state, RULES, [report(number, START, channel=f"c-{number % 3}") for number in range(9)]).changes,
    )
    return entries


def test_state_is_built_from_its_records():
    assert build_state(dict, ENTRIES) == ENTRIES


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), struct.error("x"), TypeError("x"), msgspec.DecodeError("x")]
)
def test_the_message_names_the_type_of_the_key_and_not_the_key(error):
    with pytest.raises(
        UnreadableState, match=r"^a state record of key type b'B' cannot be read \(.*x"
    ) as raised:
        build_state(restore_that_fails_at(b"Bsecret", error), ENTRIES)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is error


def test_a_failure_after_the_last_record_concerns_the_state_as_a_whole():
    def restored(entries):
        list(entries)
        raise ValueError("they do not fit together")

    with pytest.raises(UnreadableState, match="^the state as a whole cannot be read"):
        build_state(restored, ENTRIES)


def test_a_bug_is_not_reported_as_unreadable_state():
    with pytest.raises(AssertionError):
        build_state(restore_that_fails_at(b"Asecret", AssertionError()), ENTRIES)


@settings(max_examples=150)
@given(damage=st.data())
def test_a_damaged_record_is_refused_by_its_key_type_or_read(damage):
    entries = stored()
    key = damage.draw(st.sampled_from(sorted(entries)))
    value = bytearray(entries[key])
    if damage.draw(st.booleans()):
        del value[damage.draw(st.integers(1, len(value) - 1)) :]
    else:
        value[damage.draw(st.integers(1, len(value) - 1))] ^= damage.draw(st.integers(1, 255))
    entries[key] = bytes(value)
    try:
        state = build_state(lambda found: restore_reports(0, 1, RULES, found), entries)
        for name in entries:
            state.counts.find(name)
    except UnreadableState as error:
        assert repr(key[:1]) in str(error) or "as a whole" in str(error)
    except UnknownHashKey:
        # The id of another key is damage that only looks like a change of the key.
        assert key[:1] == b"H"
    except UnreadableCounts as error:
        assert repr(key[:1]) in str(error)
        assert "tocsin state check" in str(error)
    except UnknownCategory:
        # A damaged category of an open escalation is the name of another one.
        assert key[:1] == b"C"


def test_damaged_counts_are_reported_when_they_are_needed():
    store = CountStore()
    key = b"N" + b"secret"
    store.restore(key, STATE_VERSION + b"\xc1" * 20)
    with pytest.raises(UnreadableCounts, match="counts of state key type b'N' cannot be read") as raised:
        store.find(key)
    assert "secret" not in str(raised.value)


def test_the_size_of_the_counts_equals_that_of_their_records():
    state, entries = ReportState(0, 1, RULES), {}
    number = 0
    for day in (0, 0, 1, 20, 60, 95):
        batch = [
            report(number + n, START + day * 86_400_000, channel=f"c-{day % 7}-{n % 5}") for n in range(12)
        ]
        number += len(batch)
        fold(entries, run(state, RULES, batch).changes)
        kept = {key: value for key, value in entries.items() if state.counts.find(key)}
        assert len(kept) == len(state.counts)
        assert state.counts.size == sum(len(key) + len(value) for key, value in kept.items())
        restored = restore_reports(0, 1, RULES, entries.items())
        assert restored.counts.size == state.counts.size


def test_a_truncated_position_is_refused_with_its_partition():
    whole = encode_position({"reports": SourcePosition(7, 4, 1_000)})
    for end in range(len(bytes([POSITION_VERSION])), len(whole)):
        with pytest.raises(
            RefusedToStart, match=r"state partition 3: the position is damaged .*operations-emergencies\.md"
        ):
            take_position(TopicPartition("state", 3), {POSITION_KEY: whole[:end]})


class Log:
    """A consumer of one partition whose brokers answer a fetch with nothing for the first `silent` times.

    `records` are (offset, append time). What is between them, and up to `end`, are markers.
    """

    def __init__(self, records, *, end, silent=0, start=0):
        self._records = records
        self._end = end
        self._silent = silent
        self._start = start
        self._position = 0

    def assign(self, tps):
        assert tps == [SOURCE]

    def seek(self, _tp, offset):
        self._position = offset

    async def getmany(self, tp, **_):
        self._silent -= 1
        if self._silent >= 0:
            return {}
        self._position = max(self._position, self._start)
        rows = [SimpleNamespace(offset=n, timestamp=at) for n, at in self._records if n >= self._position]
        self._position = rows[0].offset + 1 if rows else self._end
        return {tp: rows[:1]} if rows else {}

    async def position(self, _tp):
        return self._position

    async def beginning_offsets(self, _tps):
        return {SOURCE: self._start}


SOURCE = TopicPartition("reports", 3)
APPLIED = SourcePosition(7, 4, 1_000)


def check(log):
    asyncio.run(source_logs.require_same_log(log, SOURCE, APPLIED))


@pytest.mark.parametrize("silent", [0, 1, 5])
def test_the_log_is_asked_until_it_answers(silent):
    check(Log([(6, 1_000)], end=7, silent=silent))
    with pytest.raises(RefusedToStart, match="reports partition 3: offset 6 does not hold the record"):
        check(Log([(6, 2_000)], end=7, silent=silent))


@pytest.mark.parametrize("records", [[], [(8, 1_000)]])
def test_a_log_without_the_applied_record_is_another_one(records):
    with pytest.raises(RefusedToStart, match="offset 6 does not hold the record"):
        check(Log(records, end=9))


def test_a_record_that_retention_deleted_meanwhile_is_no_sign_of_another_log():
    check(Log([(8, 3_000)], end=9, start=8))


def test_an_unanswered_question_ends_the_takeover_with_a_remedy(monkeypatch):
    monkeypatch.setattr(source_logs, "ANSWER_SECONDS", 0.05)
    with pytest.raises(OwnershipLost, match="unknown whether the state belongs to this log. Check that"):
        check(Log([(6, 1_000)], end=7, silent=10**9))


STATE = TopicPartition("state", 0)


def state_of(*keys):
    """Brokers with a log of these keys, of which each fetch returns two, whatever end was asked for before."""
    brokers = Brokers({"state": 1}, fetched_records=2)
    brokers.append(STATE, [(key, b"%d" % n, []) for n, key in enumerate(keys)])
    return brokers


async def entries_of(brokers, end, **options):
    async with brokers.log().reader() as reader:
        return (await read_entries(reader, STATE, end, **options))[0]


def test_what_is_written_meanwhile_is_left_out_as_a_whole():
    # The transaction of offsets 3 and 4 was committed after the end was asked for.
    brokers = state_of(b"a", b"b", b"a", b"a", b"c")
    assert asyncio.run(entries_of(brokers, 3)) == {b"a": b"2", b"b": b"1"}


@pytest.mark.parametrize("status", ["open", "committed"])
def test_an_open_transaction_that_holds_up_the_reading_is_reported_but_not_a_slow_broker(monkeypatch, status):
    monkeypatch.setattr(state_log, "GRACE_SECONDS", 0.01)
    reported = []

    async def read():
        brokers = state_of(b"0", b"1")
        brokers.begin("somebody", STATE)
        brokers.append(STATE, [(b"2", b"", []), (b"3", b"", [])], "somebody", status)

        async def blocked(end):
            reported.append(end)
            # Somebody was fenced: the transaction is ended, and the log is longer than it seemed.
            brokers.end("somebody", "committing")
            return 4

        if status == "committed":
            # The records are there, but come late.
            brokers.partitions[STATE].has_leader = False
            asyncio.get_running_loop().call_later(
                0.05, setattr, brokers.partitions[STATE], "has_leader", True
            )
        return await entries_of(brokers, 3, blocked=blocked)

    entries = asyncio.run(asyncio.wait_for(read(), 5))
    assert (reported, len(entries)) == (([3], 4) if status == "open" else ([], 3))
