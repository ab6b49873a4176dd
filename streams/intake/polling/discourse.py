"""Reads the flags of a Discourse in its review queue.

A post that was flagged is one entry of the queue, however often it was. Entries are listed by when they were
made, so a later flag moves nothing. It makes an entry pending again, though. So the reader goes through those
that are new, and through all that are pending, and takes the flags that it has not seen.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from streams.intake.polling.pages import (
    FIRST_LOOK_MS,
    NoAnswer,
    Page,
    asked,
    read_as,
    read_time,
    recalled,
)
from streams.running.clients.https.answer import NOT_DOCUMENTED
from streams.running.clients.https.http_client import HttpClient

_TYPE: Final = "ReviewableFlaggedPost"

# As many entries as Discourse lists at once; there is no parameter for it.
_LISTED: Final = 10

# A server allows an API key 60 requests a minute (`max_admin_api_reqs_per_minute`).
_PAUSE_SECONDS: Final = 1.0

# A flag whose transaction ends late has an older time than others that were read. So has one of an entry that
# moved to another page while these were read, which the next round finds.
_OVERLAP_MS: Final = 10 * 60_000

_PAGE: Final = 100


class _Position(msgspec.Struct):
    """Read up to the time `at` (ms); `seen` has ids and times of the last minutes."""

    at: int
    seen: dict[int, int]


class _Entry(msgspec.Struct):
    created_at: str
    reviewable_score_ids: list[int] = []


class _Flag(msgspec.Struct):
    id: int
    created_at: str
    score_type_id: int | None = None


class _FlagType(msgspec.Struct):
    id: int
    type: str | None = None


class _Answer(msgspec.Struct):
    reviewables: list[Any]
    reviewable_scores: list[Any] = []
    score_types: list[Any] = []


class DiscourseFlags:
    """Reads flags of posts. `key` need do no more than read; `username` is of a moderator."""

    def __init__(self, client: HttpClient, key: str, username: str) -> None:
        self._client = client
        self._headers = {"Api-Key": key, "Api-Username": username}

    async def pages(self, position: bytes | None, now_ms: int) -> AsyncIterator[Page]:
        """What has been flagged since a position, as `Reader` says.

        Each document has a `flag`, with the name of its `type`, and the `reviewable` whose flag it is.
        """
        kept = None if position is None else recalled(position, _Position)
        at, seen = (now_ms - FIRST_LOOK_MS, dict[int, int]()) if kept is None else (kept.at, dict(kept.seen))
        since = at - _OVERLAP_MS
        found: dict[int, tuple[int, Any]] = {}
        for status, oldest in (("all", since), ("pending", None)):
            await self._read(status, oldest, since, found)
        # In the order of their times, so that each page has a position: the queue has another.
        fresh = sorted((time, number) for number, (time, _) in found.items() if number not in seen)
        for start in range(0, len(fresh), _PAGE):
            taken = fresh[start : start + _PAGE]
            at = max(at, taken[-1][0])
            seen |= {number: time for time, number in taken}
            seen = {number: time for number, time in seen.items() if time > at - _OVERLAP_MS}
            documents = [found[number][1] for _, number in taken]
            yield Page(documents, msgspec.json.encode(_Position(at, seen)))

    async def _read(
        self, status: str, oldest: int | None, since: int, found: dict[int, tuple[int, Any]]
    ) -> None:
        """Add to `found` the flags since a time (ms), of entries with a status; none made before `oldest`."""
        offset = 0
        while True:
            if offset:
                await asyncio.sleep(_PAUSE_SECONDS)
            answer = await self._ask(status, offset)
            flags = {
                flag.id: (flag, each) for each in answer.reviewable_scores for flag in [read_as(each, _Flag)]
            }
            types = {row.id: row.type for row in (read_as(each, _FlagType) for each in answer.score_types)}
            made = 0
            for document in answer.reviewables:
                entry = read_as(document, _Entry)
                made = read_time(entry.created_at)
                for number in entry.reviewable_score_ids:
                    if number not in flags:
                        raise NoAnswer(NOT_DOCUMENTED)
                    flag, said = flags[number]
                    time = read_time(flag.created_at)
                    if time > since:
                        named = types.get(flag.score_type_id or 0)
                        found[number] = time, {"flag": said | {"type": named}, "reviewable": document}
            if len(answer.reviewables) < _LISTED or (oldest is not None and made <= oldest):
                return
            offset += _LISTED

    async def _ask(self, status: str, offset: int) -> _Answer:
        """A part of the list, newest first, with what the site does not show for its low priority."""
        query = {
            "type": _TYPE,
            "status": status,
            "priority": "low",
            "sort_order": "created_at",
            "offset": str(offset),
        }
        return await asked(self._client, f"/review.json?{urlencode(query)}", self._headers, _Answer)
