"""Reads the reports of a Synapse by its admin API: of events in rooms, or of accounts (MSC4260).

The API counts: reports are asked for from the n-th on, in the order of their times. If one is deleted, those
after it move up, and a reader that only counts would miss as many. So a page must begin at or before a
report that is known; if it does not, the reader goes back until it does.
"""

from collections.abc import AsyncIterator
from typing import Any, Final, Literal
from urllib.parse import urlencode

import msgspec

from streams.intake.polling.pages import FIRST_LOOK_MS, Page, asked, read_as, recalled
from streams.running.clients.https.http_client import HttpClient

_PAGE: Final = 100

# A report whose transaction ends late, or whose process has a clock that is behind, appears before others
# that were read already. It is found if it is not older than this.
_OVERLAP_MS: Final = 60_000


class _Position(msgspec.Struct):
    """Read up to the time `at` (ms); `offset` is near it. `seen` has ids and times of the last minute."""

    offset: int
    at: int
    seen: dict[int, int]


class _Row(msgspec.Struct):
    id: int
    received_ts: int


class _Answer(msgspec.Struct):
    total: int
    event_reports: list[Any] = []
    user_reports: list[Any] = []


class SynapseReports:
    """Reads one of the two lists: `event_reports` or `user_reports`. `token` is an administrator's."""

    def __init__(
        self, client: HttpClient, token: str, listed: Literal["event_reports", "user_reports"]
    ) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._listed = listed

    async def pages(self, position: bytes | None, now_ms: int) -> AsyncIterator[Page]:
        """What has been reported since a position, as `Reader` says."""
        kept = None if position is None else recalled(position, _Position)
        if kept is None:
            _, total = await self._ask(0, 1)
            kept = _Position(total, now_ms - FIRST_LOOK_MS, {})
        at, seen, offset = kept.at, dict(kept.seen), kept.offset
        # A page must begin here or earlier, or at the first report of all.
        begins, step = at - _OVERLAP_MS, _PAGE // 2
        while True:
            documents, total = await self._ask(offset, _PAGE)
            rows = [read_as(each, _Row) for each in documents]
            if offset > 0 and (not rows or rows[0].received_ts > begins):
                offset = max(0, min(offset, total) - step)
                step *= 2
                continue
            step = _PAGE // 2
            fresh = []
            for row, document in zip(rows, documents, strict=True):
                if row.id not in seen and row.received_ts > at - _OVERLAP_MS:
                    fresh.append(document)
                    seen[row.id] = row.received_ts
            if rows:
                begins = rows[-1].received_ts
                at = max(at, begins)
            if fresh:
                seen = {number: time for number, time in seen.items() if time > at - _OVERLAP_MS}
                yield Page(fresh, msgspec.json.encode(_Position(offset, at, seen)))
            if offset + _PAGE >= total:
                return
            # The next page begins with the last report of this one.
            offset += _PAGE - 1

    async def _ask(self, offset: int, limit: int) -> tuple[list[Any], int]:
        """A part of the list, oldest first, and how long the list is."""
        query = urlencode({"dir": "f", "from": offset, "limit": limit})
        path = f"/_synapse/admin/v1/{self._listed}?{query}"
        answer = await asked(self._client, path, self._headers, _Answer)
        documents = answer.event_reports if self._listed == "event_reports" else answer.user_reports
        return documents, answer.total
