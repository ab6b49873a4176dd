"""Reads the reports in Ozone's log of events: the adapter's way of reading decisions, turned round."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from streams.contract.wire.times import epoch_ms
from streams.intake.polling.pages import FIRST_LOOK_MS, NoAnswer, Page, read_as, recalled
from streams.running.clients.https.answer import Failed
from streams.running.clients.https.xrpc import NamedError, Xrpc

_QUERY: Final = "tools.ozone.moderation.queryEvents"
_REPORT: Final = "tools.ozone.moderation.defs#modEventReport"
_PAGE: Final = "100"

# As the adapter: an event whose transaction took longer has an older time than others that were read.
_OVERLAP_MS: Final = 5 * 60_000


class _Position(msgspec.Struct):
    """Read up to the time `at` (ms); `seen` has numbers and times of the last minutes."""

    at: int
    seen: dict[int, int]


class _Subject(msgspec.Struct):
    did: str | None = None
    uri: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    id: int
    created_at: datetime
    subject: _Subject


class _Events(msgspec.Struct):
    events: list[dict[str, Any]]
    cursor: str | None = None


class OzoneReports:
    """Reads report events. To each it adds `account`: the DID of whose account or record was reported."""

    def __init__(self, xrpc: Xrpc) -> None:
        self._xrpc = xrpc

    async def pages(self, position: bytes | None, now_ms: int) -> AsyncIterator[Page]:
        """What has been reported since a position, as `Reader` says."""
        kept = None if position is None else recalled(position, _Position)
        at, seen = (now_ms - FIRST_LOOK_MS, dict[int, int]()) if kept is None else (kept.at, dict(kept.seen))
        since = datetime.fromtimestamp((at - _OVERLAP_MS) / 1000, UTC)
        asked = [
            ("types", _REPORT),
            ("createdAfter", since.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
            ("sortDirection", "asc"),
            ("limit", _PAGE),
        ]
        cursor: str | None = ""
        while cursor is not None:
            page = await self._xrpc.query(
                _QUERY, _Events, [*asked, *([("cursor", cursor)] if cursor else [])]
            )
            if isinstance(page, NamedError):
                raise NoAnswer(Failed("refused", f"Ozone does not answer: {page.name}"))
            if isinstance(page, Failed):
                raise NoAnswer(page)
            fresh = []
            for document in page.events:
                event = read_as(document, _Event)
                if event.id not in seen:
                    fresh.append(document | {"account": _account(event.subject)})
                    seen[event.id] = epoch_ms(event.created_at)
                at = max(at, epoch_ms(event.created_at))
            seen = {number: time for number, time in seen.items() if time > at - _OVERLAP_MS}
            if fresh:
                yield Page(fresh, msgspec.json.encode(_Position(at, seen)))
            cursor = page.cursor if page.events else None


def _account(subject: _Subject) -> str | None:
    """Whose account or record it is; None, which the mapping refuses, for what is neither."""
    did = subject.did or (subject.uri or "").removeprefix("at://").partition("/")[0]
    return did if did.startswith("did:") else None
