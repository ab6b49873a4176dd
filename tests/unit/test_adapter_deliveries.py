"""What adapters make of answers, in which order they send, and when they give up."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from streams.desk.adapters import deliveries
from streams.running.clients.https.answer import Accepted, Failed, answer_of
from streams.desk.adapters.deliveries import CONCURRENT, Deliveries, wait_before
from streams.desk.adapters.intake import Unfinished
from streams.desk.adapters.metrics import AdapterMetrics

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REFUSED = Failed("refused", "HTTP 400")


class Record(NamedTuple):
    key: bytes
    offset: int
    topic: str = "escalations"
    partition: int = 0


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (200, None),
        (204, None),
        (301, "refused"),
        (307, "refused"),
        (400, "refused"),
        (401, "refused"),
        (410, "refused"),
    ]
    + [(status, "unavailable") for status in (408, 425, 429, 500, 503)],
)
def test_the_meaning_of_a_status(status, failure):
    answer = answer_of(status, {}, NOW)
    assert (answer.failure if isinstance(answer, Failed) else None) == failure


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("999999999", 3600),
        ("-5", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_after(text, seconds):
    assert answer_of(503, {"Retry-After": text}, NOW).wait_seconds == seconds


def test_attempts_wait_longer_and_longer_up_to_a_minute():
    for attempt, most in ((2, 1), (3, 2), (4, 4), (8, 60), (10_000, 60)):
        waits = [wait_before(attempt) for _ in range(200)]
        assert most / 2 <= min(waits) < max(waits) <= most


def test_only_what_is_finished_without_a_gap_may_be_committed():
    row = Unfinished(10)
    assert (row.committable, row.oldest_ms, len(row)) == (10, None, 0)
    # Offsets may have gaps, where transactions were aborted.
    for offset in (10, 11, 14, 15):
        row.begin(offset, offset * 1000)
    row.finish(11)
    row.finish(15)
    assert (row.committable, row.oldest_ms) == (10, 10_000)
    row.finish(10)
    assert (row.committable, row.oldest_ms) == (14, 14_000)
    row.finish(14)
    assert (row.committable, row.oldest_ms, len(row)) == (16, None, 0)


class Desk:
    """Answers as told per event: a list of answers, the last one for ever; otherwise it accepts."""

    def __init__(self, patience, **answers):
        self.answers = {name.encode(): list(texts) for name, texts in answers.items()}
        self.sent, self.aside, self.finished = [], [], []
        self.under_way, self.most = defaultdict(int), 0
        self.deliveries = Deliveries(
            self.send, self.set_aside, self.finished.append, AdapterMetrics(["escalations"]), patience
        )

    async def send(self, record):
        lane = (record.partition, record.key)
        assert not self.under_way[lane], "two events of a channel at the same time"
        self.under_way[lane] = 1
        self.most = max(self.most, sum(self.under_way.values()))
        await asyncio.sleep(0.002)
        self.under_way[lane] = 0
        self.sent.append((record.key, record.offset))
        answers = self.answers.get(record.key, [Accepted()])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def set_aside(self, found):
        self.aside.append((found.record.key, found.record.offset, found.attempts))

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self.deliveries.check()
                await asyncio.sleep(0.002)


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(deliveries, "wait_before", lambda attempt: 0.001)


@pytest.fixture
def clock(monkeypatch):
    """A clock of deliveries that only the test moves, so that a busy machine takes no time."""
    moved = [0.0]
    monkeypatch.setattr(deliveries, "monotonic", lambda: moved[0])
    return moved


def test_channels_go_side_by_side_and_each_in_order(no_waiting):
    async def run():
        desk = Desk(60, c3=[REFUSED, REFUSED, Accepted()])
        records = [Record(b"c%d" % (number % 20), number) for number in range(200)]
        for record in records:
            desk.deliveries.add(record)
        await desk.until(lambda: len(desk.finished) == 200)
        assert 1 < desk.most <= CONCURRENT
        for key in {record.key for record in records}:
            offsets = [record.offset for record in desk.finished if record.key == key]
            assert offsets == sorted(offsets)
        assert desk.aside == []
        # The first event of the channel that failed was tried again before its next one.
        assert [offset for key, offset in desk.sent if key == b"c3"][:4] == [3, 3, 3, 23]

    asyncio.run(run())


def test_an_event_is_set_aside_only_while_others_are_taken(no_waiting):
    async def run():
        desk = Desk(0.1, bad=[REFUSED])
        for offset in (1, 2):
            desk.deliveries.add(Record(b"bad", offset))
        await asyncio.sleep(0.4)
        assert desk.aside == [] and desk.finished == []
        for offset in range(3, 1000):
            desk.deliveries.add(Record(b"good", offset))
        await desk.until(lambda: len(desk.aside) == 2)
        # The second one of a channel that fails gets a few attempts, and not as long again.
        assert [(key, offset) for key, offset, _ in desk.aside] == [(b"bad", 1), (b"bad", 2)]
        assert desk.aside[0][2] > 10
        assert desk.aside[1][2] == 3

    asyncio.run(run())


def test_a_receiver_that_was_away_for_long_and_is_slow_at_first_loses_nothing(no_waiting, clock):
    async def run():
        away, away_no_longer = Failed("unavailable", "no answer in time"), asyncio.Event()
        desk = Desk(60)

        async def recovering(record):
            await asyncio.sleep(0)
            clock[0] += 0.1 if away_no_longer.is_set() else 1
            # Of those that come at once it takes one in three.
            taken = away_no_longer.is_set() and len(desk.sent) % 3 == 0
            desk.sent.append((record.key, record.offset))
            return Accepted() if taken else away

        desk.deliveries._send = recovering
        for offset in range(20):
            desk.deliveries.add(Record(b"c%d" % offset, offset))
        await desk.until(lambda: len(desk.sent) > 200)
        assert desk.finished == []
        away_no_longer.set()
        await desk.until(lambda: len(desk.finished) == 20)
        assert desk.aside == []

    asyncio.run(run())


def test_what_no_request_can_be_made_from_is_set_aside_at_once():
    async def run():
        desk = Desk(60, odd=[Failed("not_sendable", "no message")])
        desk.deliveries.add(Record(b"odd", 1))
        await desk.until(lambda: desk.finished)
        assert desk.aside == [(b"odd", 1, 1)]

    asyncio.run(run())


def test_a_receiver_is_left_alone_for_as_long_as_it_asks(no_waiting):
    async def run():
        desk = Desk(60, busy=[Failed("unavailable", "HTTP 429", 0.5), Accepted()])
        desk.deliveries.add(Record(b"busy", 1))
        await desk.until(lambda: desk.sent)
        began = asyncio.get_running_loop().time()
        desk.deliveries.add(Record(b"other", 2))
        await desk.until(lambda: len(desk.finished) == 2)
        assert asyncio.get_running_loop().time() - began >= 0.45

    asyncio.run(run())


def test_partitions_that_are_gone_are_no_longer_sent(no_waiting):
    async def run():
        desk = Desk(60, stuck=[REFUSED])
        desk.deliveries.add(Record(b"stuck", 1))
        desk.deliveries.add(Record(b"stuck", 2, partition=1))
        await desk.until(lambda: len(desk.sent) > 4)
        await desk.deliveries.drop({("escalations", 0)})
        desk.sent.clear()
        await desk.until(lambda: len(desk.sent) > 4)
        assert {offset for _, offset in desk.sent} == {2}

    asyncio.run(run())


def test_a_mistake_in_sending_one_event_does_not_end_the_others(no_waiting):
    async def run():
        desk = Desk(0.1)
        send = desk.deliveries._send

        async def mistaken(record):
            return await send(record) if record.key == b"good" else {}["key"]

        desk.deliveries._send = mistaken
        desk.deliveries.add(Record(b"odd", 1))
        for offset in range(2, 1000):
            desk.deliveries.add(Record(b"good", offset))
        await desk.until(lambda: desk.aside)
        assert [offset for _, offset, _ in desk.aside] == [1]

    asyncio.run(run())


def test_an_error_of_the_broker_ends_the_adapter():
    async def run():
        desk = Desk(None, odd=[Failed("not_sendable", "no message")])

        async def fails(_):
            raise OSError("no broker")

        desk.deliveries._set_aside = fails
        desk.deliveries.add(Record(b"odd", 1))
        with pytest.raises(OSError, match="no broker"):
            await desk.until(lambda: False)
        assert desk.finished == []

    asyncio.run(run())
