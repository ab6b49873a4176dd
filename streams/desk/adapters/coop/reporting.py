"""Reports escalations to Coop: each message of an escalation when it opens, and those that join it later.

Coop has no id by which it could recognise a repeat. A report that is sent again after a crash is one more
entry in the history of the same job.
"""

from datetime import UTC, datetime

import msgspec

from streams.contract.wire.records import SourceRecord
from streams.desk.adapters.coop.item import item_id
from streams.desk.adapters.coop.mapping import Mapping
from streams.desk.adapters.escalation_reading import Escalated, read_escalation
from streams.running.clients.https.answer import Accepted, Answer, Failed, answer_of
from streams.running.clients.https.http_client import HttpClient

_PATH = "/api/v1/report"


class _Reporter(msgspec.Struct, rename="camel"):
    kind: str
    type_id: str
    id: str


class _Reason(msgspec.Struct, rename="camel", omit_defaults=True):
    reason: str
    policy_id: str | None = None


class _Item(msgspec.Struct, rename="camel"):
    id: str
    type_id: str
    data: dict[str, str]


class Report(msgspec.Struct, rename="camel"):
    """The body of a report.

    It never says `csam`: Coop would then prepare a report to an authority before anybody has looked.
    """

    reporter: _Reporter
    reported_at: str
    reported_for_reason: _Reason
    reported_item: _Item


class Reporting:
    """Sends escalations with an API key of Coop."""

    def __init__(self, client: HttpClient, api_key: str, mapping: Mapping) -> None:
        self._client = client
        self._headers = {"X-API-KEY": api_key, "Content-Type": "application/json"}
        self._mapping = mapping

    async def send(self, record: SourceRecord) -> Answer:
        """Report an escalation."""
        try:
            escalated = read_escalation(record.value or b"")
        except (UnicodeDecodeError, msgspec.DecodeError) as error:
            return Failed("not_sendable", type(error).__name__)
        # Coop's jobs end with a decision of its moderators.
        if escalated.type == "resolved":
            return Accepted()
        for message_ref in escalated.message_refs or (None,):
            answer = await self._send(self._report(escalated, message_ref))
            if isinstance(answer, Failed):
                return answer
        return Accepted()

    async def _send(self, report: Report) -> Answer:
        answer = await self._client.request(
            "POST", _PATH, body=msgspec.json.encode(report), headers=self._headers
        )
        if isinstance(answer, Failed):
            return answer
        return answer_of(answer.status, answer.headers, datetime.now(UTC))

    def _report(self, escalated: Escalated, message_ref: str | None) -> Report:
        mapping = self._mapping
        return Report(
            _Reporter("user", mapping.reporter.type, mapping.reporter.id),
            escalated.at,
            _Reason(
                f"Tocsin: {escalated.category}, policy {escalated.policy}, level {escalated.level} "
                f"({escalated.level_name})",
                mapping.policies.get(escalated.category),
            ),
            _Item(
                item_id(escalated.channel_ref, escalated.escalation_id, message_ref),
                mapping.item.type,
                mapping.data(escalated, message_ref),
            ),
        )
