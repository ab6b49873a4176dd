"""Reports escalations to Ozone: a report of each message, tags that follow, and the priority."""

from collections.abc import Callable, Iterator

import msgspec

from streams.contract.events.report import Category
from streams.contract.wire.ids import stable_id
from streams.contract.wire.records import SourceRecord
from streams.desk.adapters.escalation_reading import Escalated, event_id, read_escalation
from streams.desk.adapters.ozone.lexicon import (
    EMIT_EVENT,
    GET_RECORD,
    TOOL,
    ModTool,
    NewEvent,
    PriorityEvent,
    Record,
    RepoRef,
    ReportEvent,
    StrongRef,
    Subject,
    TagEvent,
)
from streams.desk.adapters.reported import Reported
from streams.running.clients.https.answer import Accepted, Answer, Failed
from streams.running.clients.https.xrpc import NamedError, Xrpc

_OPEN = "tocsin-open"

REASON_TYPE = "tools.ozone.report.defs#reason"
"""The type of a reason: com.atproto.moderation.defs#reasonType knows its values."""


class Reporting:
    """Sends escalations.

    `template` is the setting TOCSIN_OZONE_SUBJECT, `reason` gives the end of a category's reason type.
    """

    def __init__(self, xrpc: Xrpc, template: str, reason: Callable[[Category], str]) -> None:
        self._xrpc = xrpc
        self._template = template
        self._reason = reason

    async def send(self, record: SourceRecord) -> Answer:
        """Report an escalation.

        Sending it again changes nothing, because Ozone takes each of the events once.
        """
        try:
            escalated, identity = read_escalation(record.value or b""), event_id(record)
        except (ValueError, msgspec.DecodeError) as error:
            return Failed("not_sendable", type(error).__name__)
        about = list(self._reported(escalated))
        if not about:
            return Failed("not_sendable", "the escalation names no message, and the subject is one")
        for reported in about:
            answer = await self._send_about(reported, escalated, identity)
            if isinstance(answer, Failed):
                return answer
        return Accepted()

    def _reported(self, escalated: Escalated) -> Iterator[Reported]:
        refs = escalated.message_refs if "{message}" in self._template else (None,)
        for ref in refs:
            yield Reported(escalated.escalation_id, escalated.channel_ref, escalated.category, ref)

    async def _send_about(self, reported: Reported, escalated: Escalated, identity: str) -> Answer:
        created_by = await self._xrpc.did()
        if isinstance(created_by, Failed):
            return created_by
        subject = await self._subject(reported)
        if isinstance(subject, Failed):
            return subject
        reason = self._reason(escalated.category)
        for event, once in _events(escalated, identity, reason):
            # All records of one account share its ids.
            external_id = once if isinstance(subject, RepoRef) else stable_id("ozone", once, subject.uri)
            done = await self._xrpc.procedure(
                EMIT_EVENT, NewEvent(event, subject, created_by, ModTool(TOOL, reported), external_id)
            )
            # It was sent before.
            if isinstance(done, NamedError) and done.name != "DuplicateExternalId":
                return Failed("refused", f"Ozone refuses the event: {done.name}")
            if isinstance(done, Failed):
                return done
        return Accepted()

    async def _subject(self, reported: Reported) -> Subject | Failed:
        filled = self._template.replace("{channel}", reported.channel_ref)
        filled = filled.replace("{message}", reported.message_ref or "")
        if filled.startswith("did:"):
            return RepoRef(filled)
        # A record is reported in the version that Ozone knows.
        found = await self._xrpc.query(GET_RECORD, Record, [("uri", filled)])
        if isinstance(found, NamedError):
            return Failed("refused", f"Ozone does not know the record: {found.name}")
        return found if isinstance(found, Failed) else StrongRef(filled, found.cid)


def _events(
    escalated: Escalated, identity: str, reason: str
) -> Iterator[tuple[ReportEvent | TagEvent | PriorityEvent, str]]:
    """The events about one subject, each with an id that its repeats have, too."""
    level = f"tocsin-level-{escalated.level}"
    if escalated.type == "resolved":
        yield TagEvent((), (_OPEN,)), identity
        return
    # One report for all steps of an escalation; a message that joins it later is reported then.
    yield ReportEvent(REASON_TYPE + reason, _comment(escalated)), escalated.escalation_id
    yield TagEvent((_OPEN, level, f"tocsin-{escalated.category}"), ()), identity
    if escalated.priority is not None:
        yield PriorityEvent(escalated.priority.value), identity


def _comment(escalated: Escalated) -> str:
    due = f" It is due by {escalated.clock.due_at}." if escalated.clock else ""
    return (
        f"Tocsin escalation {escalated.escalation_id}: policy {escalated.policy}, level {escalated.level} "
        f"({escalated.level_name}).{due}"
    )
