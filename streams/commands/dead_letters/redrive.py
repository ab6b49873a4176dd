"""Sends dead letters back to the topics they came from, or reports to another one, as they were published."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from streams.commands.dead_letters.letter import Letter
from streams.commands.dead_letters.selection import Selection, letters
from streams.contract.wire.records import ATTEMPT_HEADER
from streams.contract.wire.topics import MESSAGE_REPORTS, REPORT_SOURCES
from streams.deciding.reports.stage import SOURCES as REPORT_STAGE_SOURCES
from streams.deciding.requests.stage import SOURCES as REQUEST_STAGE_SOURCES
from streams.running.clients.kafka_writing import Pace, producer_for
from streams.running.worker.settings import Settings

# A dead letter has up to 2 MB, so a batch has up to 200 MB.
_MAX_BATCH = 100

RecordPosition = tuple[int, int]


@dataclass(slots=True)
class Plan:
    """`chosen`: places of the letters to send.

    The other selected letters are counted by why they are skipped.
    """

    chosen: set[RecordPosition] = field(default_factory=set)
    redacted: int = 0
    worn_out: int = 0
    repeated: int = 0


@dataclass(slots=True)
class _Original:
    """The newest letter of an original, and how many letters it has."""

    attempt: int
    place: RecordPosition
    selected: bool
    letters: int = 1

    @property
    def attempts(self) -> int:
        """How often it was refused and redriven.

        A letter's own number comes from a header of the original, which a publisher can forge. Each attempt
        left a letter, so their number bounds it.
        """
        return min(self.attempt, self.letters)


async def plan(settings: Settings, selection: Selection, max_attempts: int) -> Plan:
    """Choose what to send: of several letters of one original only the newest attempt, once.

    An older letter is not sent even if the newest one is outside the selection, because the record was
    already redriven and refused again. Reads all letters, also those before `selection.since`.
    """
    made = Plan()
    originals: dict[bytes, _Original] = {}
    selected = 0
    async for letter in letters(settings, None):
        holds = selection.holds(letter, settings.topic_prefix)
        selected += holds
        if letter.redacted:
            made.redacted += holds
            continue
        newest = _Original(letter.attempt, (letter.partition, letter.offset), holds)
        known = originals.setdefault(letter.identity(), newest)
        if known is newest:
            continue
        known.letters += 1
        # Letters of the same original and attempt are equal, so it does not matter which of them is sent.
        if newest.attempt >= known.attempt:
            known.attempt, known.place, known.selected = newest.attempt, newest.place, newest.selected
    for row in originals.values():
        if row.selected and row.attempts < max_attempts:
            made.chosen.add(row.place)
        elif row.selected:
            made.worn_out += 1
    made.repeated = selected - made.redacted - made.worn_out - len(made.chosen)
    return made


@dataclass(slots=True)
class RedriveProgress:
    """What has been done so far; correct at any time, also after an interruption.

    `too_large` holds places.
    """

    sent: int = 0
    too_large: list[str] = field(default_factory=list)


async def redrive(
    settings: Settings,
    since: int | None,
    chosen: set[RecordPosition],
    to: str | None,
    rate: float | None,
    progress: RedriveProgress,
) -> None:
    """Send the chosen letters, at most `rate` per second, in the order of each partition of dead-letters.

    Reports go to the topic `to` (without prefix), if given; everything else goes to where it came from.
    `progress` is updated as letters are written. A letter that its topic does not accept uncompressed is
    noted there.
    """
    prefix = settings.topic_prefix
    # A letter without a valid source topic was not written by a worker; it is taken for a report.
    default_topic = prefix + (to or MESSAGE_REPORTS)
    destinations = {
        prefix + topic: prefix + (to if to and topic in REPORT_SOURCES else topic)
        for topic in (*REPORT_STAGE_SOURCES.external, *REQUEST_STAGE_SOURCES.external)
    }
    pace = Pace(rate)
    waiting: list[Letter] = []
    async with producer_for(settings, default_topic) as producer:
        async for letter in letters(settings, since):
            if (letter.partition, letter.offset) not in chosen:
                continue
            waiting.append(letter)
            if len(waiting) >= min(pace.batch, _MAX_BATCH):
                await pace.turn(len(waiting))
                await _send(producer, destinations, default_topic, waiting, progress)
                waiting = []
        await pace.turn(len(waiting))
        await _send(producer, destinations, default_topic, waiting, progress)


async def _send(
    producer: AIOKafkaProducer,
    destinations: Mapping[str, str],
    default_topic: str,
    batch: list[Letter],
    progress: RedriveProgress,
) -> None:
    sending = [
        _send_one(producer, destinations.get(letter.source_topic, default_topic), letter) for letter in batch
    ]
    for letter, written in zip(batch, await asyncio.gather(*sending), strict=True):
        if written:
            progress.sent += 1
        else:
            progress.too_large.append(letter.place)


async def _send_one(producer: AIOKafkaProducer, topic: str, letter: Letter) -> bool:
    try:
        await producer.send_and_wait(topic, letter.value, letter.key, headers=list(_headers(letter)))
    except MessageSizeTooLargeError:
        # It fitted the topic when its publisher compressed it; this producer does not.
        return False
    return True


def _headers(letter: Letter) -> Iterator[tuple[str, bytes]]:
    yield from letter.headers
    # A worker that refuses the record again continues from this number.
    yield ATTEMPT_HEADER, b"%d" % letter.attempt
