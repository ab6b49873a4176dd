"""Reads the reports of a Mastodon by its admin API, to catch up on what its webhook did not deliver."""

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

_PAGE: Final = 100

# Numbers are given when a report is written, and it appears when its transaction ends: one that was slow is
# found if no more than this many came after it. So is one that was reopened between two requests.
_OVERLAP: Final = 50


class _Position(msgspec.Struct):
    """Read up to the number `newest`; `seen` are those of the last ones. None is older than `since` (ms)."""

    newest: int
    seen: list[int]
    since: int


class _Row(msgspec.Struct):
    id: str
    created_at: str


class MastodonReports:
    """Reads reports that are open and those that are not; `token` has the scope admin:read:reports."""

    def __init__(self, client: HttpClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def pages(self, position: bytes | None, now_ms: int) -> AsyncIterator[Page]:
        """What has been reported since a position, as `Reader` says."""
        kept = None if position is None else recalled(position, _Position)
        # Kept, because a process may end in the middle of its first look.
        since = now_ms - FIRST_LOOK_MS if kept is None else kept.since
        newest, seen = (0, set[int]()) if kept is None else (kept.newest, set(kept.seen))
        after = newest - _OVERLAP
        while True:
            found: dict[int, Any] = {}
            # A full page says nothing of what comes after its last report.
            bounds = []
            for resolved in ("false", "true"):
                page = await self._ask(after, resolved)
                found |= page
                if len(page) >= _PAGE:
                    bounds.append(max(page))
            bound = min(bounds, default=max(found, default=0))
            fresh = [found[number] for number in sorted(found) if number <= bound and number not in seen]
            known, newest = newest, max(newest, bound)
            seen = {number for number in seen | found.keys() if newest - _OVERLAP < number <= newest}
            fresh = [each for each in fresh if read_time(read_as(each, _Row).created_at) >= since]
            # Also without a report: what is too old is not read again.
            if fresh or newest > known:
                # As its webhook sends them, so that one mapping reads both.
                documents = [{"event": "report.created", "object": each} for each in fresh]
                yield Page(documents, msgspec.json.encode(_Position(newest, sorted(seen), since)))
            if not bounds:
                return
            after = bound

    async def _ask(self, after: int, resolved: str) -> dict[int, Any]:
        """The reports after a number, by number."""
        # Without `resolved` Mastodon lists the open ones alone.
        query = {"min_id": str(max(0, after)), "limit": str(_PAGE)}
        if resolved == "true":
            query["resolved"] = resolved
        path = f"/api/v1/admin/reports?{urlencode(query)}"
        listed = await asked(self._client, path, self._headers, list[Any])
        try:
            return {int(read_as(each, _Row).id): each for each in listed}
        except ValueError:
            raise NoAnswer(NOT_DOCUMENTED) from None
