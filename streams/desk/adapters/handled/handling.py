"""Marks a report as handled in the system where it was made, once people have decided about it.

The notices to reporters say what was decided about a report, by the id that the system gave it. Nothing else
is done there: what the decision means for a message or an account is for the platform to carry out.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from streams.contract.events.reporter_notice import REPORTER_NOTICE_TYPE
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.records import SourceRecord
from streams.desk.adapters.handled.settings import Service
from streams.running.clients.https.answer import NOT_DOCUMENTED, Accepted, Answer, Failed, answer_of
from streams.running.clients.https.http_client import HttpAnswer, HttpClient

_SYNAPSE: Final[Mapping[Service, str]] = {
    "synapse-rooms": "/_synapse/admin/v1/event_reports/",
    "synapse-accounts": "/_synapse/admin/v1/user_reports/",
}
_MASTODON: Final = "/api/v1/admin/reports/"


class _Notice(msgspec.Struct):
    report_id: str
    ce_source: str
    state: str


class _Error(msgspec.Struct):
    errcode: str = ""
    error: str = ""


class _Report(msgspec.Struct):
    action_taken: bool


def is_wanted(record: SourceRecord, ce_source: str) -> bool:
    """Whether a notice says that a report of this source was decided. `send` refuses what cannot be read."""
    if dict(record.headers).get(CE_TYPE) != REPORTER_NOTICE_TYPE.encode():
        return False
    try:
        notice = msgspec.json.decode(record.value or b"", type=_Notice)
    except (UnicodeDecodeError, msgspec.DecodeError):
        return True
    # A decision in the place of an earlier one: the report may be open again there.
    return notice.ce_source == ce_source and notice.state in ("decided", "superseded")


class Handling:
    """Has reports marked in one system, with its access token."""

    def __init__(self, client: HttpClient, token: str, service: Service) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._service = service

    async def send(self, record: SourceRecord) -> Answer:
        """Mark the report of a notice. Doing it again changes nothing."""
        try:
            notice = msgspec.json.decode(record.value or b"", type=_Notice)
        except (UnicodeDecodeError, msgspec.DecodeError) as error:
            return Failed("not_sendable", type(error).__name__)
        # It becomes a part of the address, and any publisher with the rights could have written it.
        if not (notice.report_id.isascii() and notice.report_id.isdecimal()):
            return Failed("not_sendable", "the id of the report is no number of this system")
        if self._service == "mastodon":
            return await self._resolve(notice.report_id)
        return await self._delete(_SYNAPSE[self._service] + notice.report_id)

    async def _delete(self, path: str) -> Answer:
        """Synapse knows reports that are there, and those that are not."""
        answer = await self._client.request("DELETE", path, headers=self._headers)
        if isinstance(answer, Failed):
            return answer
        if answer.status == 404 and _error(answer).errcode == "M_NOT_FOUND":
            return Accepted()
        return answer_of(answer.status, answer.headers, datetime.now(UTC))

    async def _resolve(self, number: str) -> Answer:
        """Of a report that a moderator has resolved, resolving would change who did."""
        answer = await self._client.request("GET", _MASTODON + number, headers=self._headers)
        if isinstance(answer, Failed):
            return answer
        if answer.status == 404 and _error(answer).error == "Record not found":
            return Accepted()
        meaning = answer_of(answer.status, answer.headers, datetime.now(UTC))
        if isinstance(meaning, Failed):
            return meaning
        try:
            if msgspec.json.decode(answer.body, type=_Report).action_taken:
                return Accepted()
        except (UnicodeDecodeError, msgspec.DecodeError):
            return NOT_DOCUMENTED
        done = await self._client.request("POST", f"{_MASTODON}{number}/resolve", headers=self._headers)
        return done if isinstance(done, Failed) else answer_of(done.status, done.headers, datetime.now(UTC))


def _error(answer: HttpAnswer) -> _Error:
    try:
        return msgspec.json.decode(answer.body, type=_Error)
    except (UnicodeDecodeError, msgspec.DecodeError):
        return _Error()
