"""The types of the lexicons `tools.ozone.moderation` and `com.atproto` that the adapter writes and reads."""

from datetime import datetime
from typing import Any

import msgspec

from streams.desk.adapters.reported import Reported

EMIT_EVENT = "tools.ozone.moderation.emitEvent"
QUERY_EVENTS = "tools.ozone.moderation.queryEvents"
GET_RECORD = "tools.ozone.moderation.getRecord"

_DEFS = "tools.ozone.moderation.defs#modEvent"

# How Ozone marks what follows from something else, and is no decision about this subject: it acknowledges
# what is open of an account that was acted on, and ends a takedown that was for a time only. No field says
# so.
_CONSEQUENCES = ("[AUTO_RESOLVE_ON_ACCOUNT_ACTION]", "[SCHEDULED_REVERSAL]")

TOOL = "tocsin"
"""The name by which events of the adapter are recognised in Ozone."""


class RepoRef(msgspec.Struct, frozen=True, tag_field="$type", tag="com.atproto.admin.defs#repoRef"):
    """An account."""

    did: str


class StrongRef(msgspec.Struct, frozen=True, tag_field="$type", tag="com.atproto.repo.strongRef"):
    """A version of a record."""

    uri: str
    cid: str


Subject = RepoRef | StrongRef


class ReportEvent(msgspec.Struct, frozen=True, rename="camel", tag_field="$type", tag=f"{_DEFS}Report"):
    """Somebody reports a subject."""

    report_type: str
    comment: str


class TagEvent(msgspec.Struct, frozen=True, tag_field="$type", tag=f"{_DEFS}Tag"):
    """Adds tags to a subject, and removes others."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


class PriorityEvent(msgspec.Struct, frozen=True, tag_field="$type", tag=f"{_DEFS}PriorityScore"):
    """Sets the priority of a subject, 0 to 100."""

    score: int


class ModTool(msgspec.Struct, frozen=True):
    """The program that emits an event."""

    name: str
    meta: Reported


class NewEvent(msgspec.Struct, frozen=True, rename="camel"):
    """The input of emitEvent.

    Of one `external_id`, Ozone takes one event of a type about an account, whichever record of it is the
    subject.
    """

    event: ReportEvent | TagEvent | PriorityEvent
    subject: Subject
    created_by: str
    mod_tool: ModTool
    external_id: str


class SeenTool(msgspec.Struct, frozen=True):
    """The program that emitted an event; `meta` is ours if `name` is."""

    name: str
    meta: Any = None


class SeenDetails(
    msgspec.Struct,
    frozen=True,
    rename={"type": "$type", "labels": "createLabelVals", "policies": "policies", "comment": "comment"},
):
    """What of an event the adapter reads.

    Comments may be about people: only Ozone's own mark at their beginning is looked for.
    """

    type: str
    labels: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    comment: str = ""


class SeenSubject(msgspec.Struct, frozen=True):
    """An account (`did`) or a record (`uri`)."""

    did: str | None = None
    uri: str | None = None


class SeenEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event in Ozone's log."""

    id: int
    event: SeenDetails
    subject: SeenSubject
    created_by: str
    created_at: datetime
    mod_tool: SeenTool | None = None

    @property
    def kind(self) -> str:
        """The type without its namespace, such as Takedown; the whole type if it is none of a moderator."""
        return self.event.type.removeprefix(_DEFS)

    @property
    def of_itself(self) -> bool:
        """Whether Ozone emitted it as a consequence of another event, in the name of that one's moderator."""
        return self.event.comment.startswith(_CONSEQUENCES)


class EventPage(msgspec.Struct, frozen=True):
    """The output of queryEvents."""

    events: tuple[SeenEvent, ...]
    cursor: str | None = None


class Record(msgspec.Struct, frozen=True):
    """What of a record the adapter reads: its version."""

    cid: str


def event_type(kind: str) -> str:
    """The type of a moderator's event, such as Takedown, for queryEvents."""
    return _DEFS + kind
