"""The moment at which the state is saved: what is in no state waits in an internal log of the file, and what
must not come twice is in one of the two alone.
"""

import asyncio
import random

import pytest
from aiokafka import TopicPartition

from streams.commands.state import save
from streams.commands.state.moved_records import NewInternalLog
from streams.commands.state.save_file import WaitingRecord, waiting_row
from streams.commands.shared.progress import Progress
from streams.contract.events.internal.credit import CREDIT_TYPE
from streams.contract.wire.forms.credit import CREDITS
from streams.contract.events.internal.source_decision import SOURCE_DECISION_TYPE
from streams.contract.wire.envelope import CE_TYPE
from streams.deciding.partition.partly_read import PARTLY_READ, PartlyRead
from streams.deciding.partition.admission.source_controls import SourceControl, control_record
from streams.running.log.log import Appended
from streams.running.log.position import SourcePosition
from streams.running.log.transaction import write_transaction
from tests.model.memory_log import Brokers

STATES = [TopicPartition("reporter-state", n) for n in range(2)]
INTERNAL = [TopicPartition("reporters-internal", n) for n in range(2)]
# In bundles, and as version 0.2 wrote them.
CREDIT_HEADERS = [[(CE_TYPE, name.encode())] for name in (CREDITS.event_type, CREDIT_TYPE)]


class Workers:
    """Two workers, each the owner of a partition, that write until they are stopped."""

    def __init__(self, chance, credits):
        self.brokers = Brokers(dict.fromkeys(("reporter-state", "reporters-internal"), 2))
        self.written = [0, 0]
        self._chance, self._credits = chance, credits
        self._going = True

    async def step(self, _name):
        await asyncio.sleep(self._chance.random() * 0.001)

    async def write(self, own):
        """Each transaction changes the worker's state and passes something on to the other one."""
        producer = self.brokers.log(self.step).producer(f"worker-{own}")
        await producer.start()
        while self._going:
            name = b"%d-%d" % (own, self.written[own])
            is_credit = self._chance.random() < self._credits
            headers = self._chance.choice(CREDIT_HEADERS) if is_credit else []
            await write_transaction(
                producer, {STATES[own]: [(b"K", name, [])], INTERNAL[1 - own]: [(b"k", name, headers)]}, 0
            )
            self.written[own] += 1
            await self.step("")

    async def until_more(self, number):
        """Wait until each worker has written so many transactions more."""
        wanted = [each + number for each in self.written]
        while any(found < least for found, least in zip(self.written, wanted, strict=True)):
            await asyncio.sleep(0.001)

    async def moments(self, number):
        """What is found at so many moments while they write."""
        tasks = [asyncio.create_task(self.write(own)) for own in range(2)]
        found = []
        for _ in range(number):
            await self.until_more(10)
            found.append(await save.find_moment(self.brokers.log(self.step), STATES, INTERNAL))
        await self.until_more(10)
        self._going = False
        await asyncio.gather(*tasks)
        return found


def test_what_is_in_no_state_waits_and_credits_are_in_one_place(monkeypatch):
    monkeypatch.setattr(save, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(save, "_ATTEMPTS", 1_000)
    workers = Workers(random.Random(7), credits=0.3)
    moments = asyncio.run(workers.moments(30))
    brokers = workers.brokers
    passed = [(tp, row) for tp in INTERNAL for row in brokers.committed(tp)]
    credits = {row.value for _, row in passed if row.headers}
    repeated = 0
    for moment in moments:
        assert not moment.unsure
        states = {
            row.value for tp in STATES for row in brokers.committed(tp) if row.offset < moment.states[tp]
        }
        waits = {row.value for tp, row in passed if row.offset < moment.internal[tp]}
        assert states <= waits
        assert credits & states == credits & waits
        assert credits & states
        assert credits - states
        repeated += len(waits - states)
    # Others are passed on again: otherwise this shows nothing of credits.
    assert repeated


def test_a_moment_between_credits_that_is_not_found_is_said_to_be_unsure(monkeypatch):
    monkeypatch.setattr(save, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(save, "_ATTEMPTS", 3)
    monkeypatch.setattr(save, "_any_not_twice", lambda *_: asyncio.sleep(0, True))
    (moment,) = asyncio.run(Workers(random.Random(1), credits=1).moments(1))
    assert moment.unsure
    assert all(moment.states.values())


# --- the internal log of a partition in its new place

PLACE = INTERNAL[0]


class Written:
    """A writer to a log that holds 40 records; appends begin there."""

    def __init__(self):
        self.rows = []

    async def write(self, writes, follow):
        (rows,) = writes.values()
        begin = 40 + len(self.rows)
        self.rows += rows
        assert await follow.follow(writes, {PLACE: [Appended(begin, len(rows), 777)]}) == {}

    async def ends(self, tps):
        return {tp: 40 + len(self.rows) for tp in tps}


def waiting(*records):
    return [waiting_row(number, record) for number, record in enumerate(records)]


def partly_read(offset, appended, entries):
    partly = PartlyRead()
    partly.offset, partly.appended, partly.entries = offset, appended, entries
    partly._changed = True
    return partly.drain_change()


def moved(rows, *state, same_sources=False):
    writer = Written()
    log = NewInternalLog(writer, PLACE, same_sources=same_sources)
    kept = list(log.state_rows(state))
    asyncio.run(log.write(rows, Progress("records")))
    return writer.rows, kept, log.last_state_rows(), asyncio.run(log.position(3))


BUNDLE = WaitingRecord(9, 500, None, b"bundle", [("ce_type", b"tocsin.passed-reports.v1")])
PLAIN = WaitingRecord(11, 501, b"k", None, [("a", b"b")])


def test_records_that_wait_are_appended_as_they_were_and_reading_begins_at_them():
    rows, kept, last, position = moved(waiting(BUNDLE, PLAIN), (b"Kx", b"1"))
    assert rows == [(None, b"bundle", BUNDLE.headers), (b"k", None, PLAIN.headers)]
    assert (kept, last) == ([(b"Kx", b"1")], [])
    assert position == SourcePosition(40, 3, None)


def test_a_bundle_that_was_applied_in_part_goes_on_at_its_new_place():
    rows, kept, last, _ = moved(waiting(BUNDLE), partly_read(9, 500, 3))
    assert kept == []
    assert last == [(*partly_read(40, 777, 3), [])]
    assert last[0][0] == PARTLY_READ
    # Of another bundle than the first one: all of its entries are read again.
    assert moved(waiting(BUNDLE), partly_read(7, 500, 3))[2] == []
    assert moved([], partly_read(9, 500, 3))[2] == []


def test_without_records_that_wait_reading_begins_at_the_end():
    assert moved([])[3] == SourcePosition(40, 3, None)


def test_offsets_of_the_old_logs_that_operators_named_are_forgotten():
    decision = WaitingRecord(9, 500, None, b"{}", [("ce_type", SOURCE_DECISION_TYPE.encode())])
    controls = [
        control_record("clock-outcomes", SourceControl(False, 12)),
        control_record("message-reports", SourceControl(True, 12)),
    ]
    rows, kept, _, _ = moved(waiting(decision, PLAIN), *controls)
    assert [row[0] for row in rows] == [b"k"]
    assert kept == [control_record("message-reports", SourceControl(True))]
    # But not where the logs are the same.
    rows, kept, _, _ = moved(waiting(decision, PLAIN), *controls, same_sources=True)
    assert [row[0] for row in rows] == [None, b"k"]
    assert kept == controls
