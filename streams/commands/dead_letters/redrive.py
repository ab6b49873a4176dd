"""Dead letters back to the topics from which they came, as they first came."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from streams.commands.dead_letters.letter import Letter
from streams.commands.dead_letters.selection import Selection, letters
from streams.commands.shared.writing import Pace, producer_for
from streams.reports.stage import SOURCES as REPORT_SOURCES
from streams.requests.stage import SOURCES as REQUEST_SOURCES
from streams.wire.dead_letter import ATTEMPT_HEADER
from streams.wire.topics import MESSAGE_REPORTS
from streams.worker.settings import Settings

# A dead letter may have 2 MB.
_AT_ONCE = 100

Place = tuple[int, int]


@dataclass(slots=True)
class Plan:
    """`chosen`: places of the letters to be sent. The others that were selected are counted by why they stay."""

    chosen: set[Place] = field(default_factory=set)
    redacted: int = 0
    worn_out: int = 0
    repeated: int = 0


class _Newest(NamedTuple):
    attempt: int
    place: Place
    selected: bool


async def plan(settings: Settings, selection: Selection, max_attempts: int) -> Plan:
    """Choose what to send: of letters of the same original only the newest attempt, once.

    An older letter of a record that was driven in again and refused again is not sent a second time: the newest one
    stands for it, even if it is not among the selected.
    """
    made = Plan()
    newest: dict[bytes, _Newest] = {}
    selected = 0
    async for letter in letters(settings, selection.since):
        holds = selection.holds(letter, settings.topic_prefix)
        selected += holds
        if letter.redacted:
            made.redacted += holds
            continue
        identity = letter.identity()
        known = newest.get(identity)
        # Copies of one attempt are equal; which of them is sent does not matter, so that a later run may choose
        # another.
        if known is None or letter.attempt >= known.attempt:
            newest[identity] = _Newest(letter.attempt, (letter.partition, letter.offset), holds)
    for row in newest.values():
        if row.selected and row.attempt < max_attempts:
            made.chosen.add(row.place)
        elif row.selected:
            made.worn_out += 1
    made.repeated = selected - made.redacted - made.worn_out - len(made.chosen)
    return made


@dataclass(slots=True)
class Progress:
    """How far it has come; right at any time, also when it is interrupted."""

    sent: int = 0
    too_large: list[str] = field(default_factory=list)


async def redrive(
    settings: Settings, since: int | None, chosen: set[Place], rate: float | None, progress: Progress
) -> None:
    """Send the chosen letters, at most `rate` a second, in the order of each partition of dead-letters."""
    sources = frozenset(
        settings.topic_prefix + topic for topic in (*REPORT_SOURCES.external, *REQUEST_SOURCES.external)
    )
    otherwise = settings.topic_prefix + MESSAGE_REPORTS
    pace = Pace(rate)
    waiting: list[Letter] = []
    async with producer_for(settings, otherwise) as producer:
        async for letter in letters(settings, since):
            if (letter.partition, letter.offset) not in chosen:
                continue
            waiting.append(letter)
            if len(waiting) >= min(pace.batch, _AT_ONCE):
                await pace.turn(len(waiting))
                await _send(producer, sources, otherwise, waiting, progress)
                waiting = []
        await pace.turn(len(waiting))
        await _send(producer, sources, otherwise, waiting, progress)


async def _send(
    producer: AIOKafkaProducer,
    sources: frozenset[str],
    otherwise: str,
    batch: list[Letter],
    progress: Progress,
) -> None:
    # Where a letter comes from is lost only to somebody who wrote it by hand.
    sending = [
        _send_one(producer, letter.source_topic if letter.source_topic in sources else otherwise, letter)
        for letter in batch
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
        # It fitted while its publisher compressed it.
        return False
    return True


def _headers(letter: Letter) -> Iterator[tuple[str, bytes]]:
    yield from letter.headers
    # The next dead letter of this record counts on from here.
    yield ATTEMPT_HEADER, b"%d" % letter.attempt
