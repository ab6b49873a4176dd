"""Reads the reports that a Nostr relay has (NIP-01, NIP-56).

A relay is a stranger: what it says counts only with the signature of an author, within the time that was
asked for, and in bounded amounts. It gives the newest events first, at most as many as it likes, and does not
say whether there are more. So the reader asks for a span of time, then for what is older than the oldest that
it got, until nothing is left, and for a shorter span if that is too much to hold.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import orjson

from streams.intake.polling.nostr_event import KIND, NotReport, ReportEvent, report_event
from streams.intake.polling.pages import FIRST_LOOK_MS, NoAnswer, Page, recalled
from streams.intake.polling.poll import Poll
from streams.running.clients.https.answer import NOT_DOCUMENTED, Failed
from streams.running.clients.https.websocket import Disconnected, WebSocket, websocket

# Relays take events of 64 to 512 KiB. A longer message ends the connection, and would end each one after it.
_MOST_BYTES: Final = 1024 * 1024

# A report has a kilobyte. Of an answer with more than this, fewer events are asked for the next time.
_MOST_ANSWER_BYTES: Final = 8 * 1024 * 1024
_LIMIT: Final = 100
_LEAST_LIMIT: Final = 5

# No relay is known that gives fewer than this although it has more.
_CERTAINLY_MORE: Final = 50

# Of one answer, with notices, and with events that came for an earlier question.
_MOST_MESSAGES: Final = 3 * _LIMIT

# Of one span of time.
_MOST_HELD: Final = 2_000

# An honest relay verifies what it takes. One that goes on after so many is asked again later.
_MOST_REFUSED: Final = 1_000

# Clocks of authors differ, and a phone sends what was signed while it had no network. An event whose time is
# longer than this before the newest one is not found.
_OVERLAP: Final = 15 * 60

# What a flood pushes out is read again, and counts once.
_MOST_SEEN: Final = 5_000

# Somebody who tries 2^32 ids has two own events that begin alike, of which one is not read.
_BEGINNING: Final = 16

_PAGE: Final = 100


class _Position(msgspec.Struct):
    """Read up to the time `at` (s); `seen` has beginnings of ids, with the times, of the last minutes."""

    at: int
    seen: dict[str, int]


class _Span:
    """What a relay has of a span of time, in seconds: signed reports by id, and hashes of what is none."""

    def __init__(self, begin: int, end: int) -> None:
        self.begin = begin
        self.end = end
        self.found: dict[str, ReportEvent] = {}
        self.refused: set[str] = set()


class NostrReports:
    """Reads the reports of one relay."""

    def __init__(self, poll: Poll) -> None:
        self._poll = poll
        self._limit = _LIMIT

    async def pages(self, position: bytes | None, now_ms: int) -> AsyncIterator[Page]:
        """What has been reported since a position, as `Reader` says."""
        now = now_ms // 1000
        kept = None if position is None else recalled(position, _Position)
        if kept is None:
            kept = _Position(now - FIRST_LOOK_MS // 1000, {})
        try:
            async with websocket(self._poll, self._poll.address, _MOST_BYTES) as relay:
                questions = _Questions(relay, self._poll.request_seconds, self._limit)
                async for span in _spans(questions, kept.at - _OVERLAP, now):
                    for page in _pages(span, kept):
                        yield page
        except Disconnected as error:
            raise NoAnswer(error.failed) from None
        except _TooMuch:
            self._limit = max(_LEAST_LIMIT, self._limit // 2)
            raise NoAnswer(Failed("unavailable", "it sends more than it was asked for")) from None
        self._limit = min(_LIMIT, self._limit * 2)


async def _spans(questions: "_Questions", begin: int, now: int) -> AsyncIterator[_Span]:
    width = now - begin
    while begin <= now:
        span = _Span(begin, min(now, begin + width))
        if not await questions.fill(span):
            width //= 2
            continue
        yield span
        begin, width = span.end + 1, max(1, width * 2)


class _TooMuch(Exception):
    """An answer has more bytes or messages than may be held."""


class _Questions:
    """Asks a relay one question after the other."""

    def __init__(self, relay: WebSocket, seconds: float, limit: int) -> None:
        self._relay = relay
        self._seconds = seconds
        self._limit = limit
        self._asked = 0
        self._refused = 0

    async def fill(self, span: _Span) -> bool:
        """Read a span; False if it has more than may be held and could be shorter. Raises NoAnswer."""
        until = span.end
        while until >= span.begin:
            known, oldest = len(span.found), until
            given = await self._ask(span.begin, until)
            for each in given:
                event = self._signed(each, span, until)
                if event is not None:
                    span.found[event.id] = event
                    oldest = min(oldest, event.created_at)
            if len(span.found) > _MOST_HELD:
                # What else a single second has stays there.
                return span.end == span.begin
            if len(given) < min(_CERTAINLY_MORE, self._limit):
                break
            # Nothing new of this second: what else it has, the relay does not give.
            until = oldest - 1 if oldest == until and len(span.found) == known else oldest
        return True

    def _signed(self, given: Any, span: _Span, until: int) -> ReportEvent | None:
        """The report, or None; raises NoAnswer if there were too many that are none."""
        try:
            event = report_event(given)
            if not span.begin <= event.created_at <= until:
                raise NotReport("it was not asked for")
            if event.id not in span.found:
                event.verify()
        except NotReport:
            span.refused.add(hashlib.sha256(orjson.dumps(given)).hexdigest()[:_BEGINNING])
            self._refused += 1
            if self._refused > _MOST_REFUSED:
                raise NoAnswer(Failed("unavailable", "it goes on with what is no signed report")) from None
            return None
        return event

    async def _ask(self, since: int, until: int) -> list[Any]:
        """What the relay gives of a span of time. Raises NoAnswer, Disconnected or _TooMuch."""
        self._asked += 1
        name = f"tocsin-{self._asked}"
        wanted = {"kinds": [KIND], "since": since, "until": until, "limit": self._limit}
        try:
            async with asyncio.timeout(self._seconds):
                await self._relay.send(orjson.dumps(["REQ", name, wanted]).decode())
                given = await self._answer(name)
                await self._relay.send(orjson.dumps(["CLOSE", name]).decode())
        except TimeoutError:
            raise NoAnswer(Failed("unavailable", "no answer in time")) from None
        return given

    async def _answer(self, name: str) -> list[Any]:
        given: list[Any] = []
        room = _MOST_ANSWER_BYTES
        for _ in range(_MOST_MESSAGES):
            text = await self._relay.receive()
            room -= len(text)
            if room < 0:
                break
            match _message(text):
                case ["EVENT", str(to), found] if to == name:
                    given.append(found)
                case ["EOSE", str(to)] if to == name:
                    return given
                case ["CLOSED", str(to), *_] if to == name:
                    raise NoAnswer(Failed("refused", "the relay refuses to say which reports it has"))
                case _:
                    # Notices, and events of questions before.
                    pass
        raise _TooMuch


def _message(text: str) -> list[Any]:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise NoAnswer(NOT_DOCUMENTED) from None
    if not isinstance(message, list):
        raise NoAnswer(NOT_DOCUMENTED)
    return message


def _pages(span: _Span, kept: _Position) -> list[Page]:
    """The reports of a span that were not read before; `kept` becomes the position after them."""
    fresh = sorted(
        (event for event in span.found.values() if event.id[:_BEGINNING] not in kept.seen),
        key=lambda event: (event.created_at, event.id),
    )
    refused = span.refused - kept.seen.keys()
    pages = []
    # One page at least if there is something to note.
    for start in range(0, max(len(fresh), min(1, len(refused))), _PAGE):
        taken = fresh[start : start + _PAGE]
        seen = kept.seen | {event.id[:_BEGINNING]: event.created_at for event in taken}
        number = 0
        if start == 0:
            # Noted as if they were of the end of the span: no later than that may they come again.
            seen |= dict.fromkeys(refused, span.end)
            number = len(refused)
        kept.at = max([kept.at, *(event.created_at for event in taken)])
        recent = [(each, time) for each, time in seen.items() if time >= kept.at - _OVERLAP]
        kept.seen = dict(recent[-_MOST_SEEN:])
        pages.append(Page([event.document() for event in taken], msgspec.json.encode(kept), number))
    return pages
