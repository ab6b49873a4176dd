"""Acts of several people on cases, and the records that consoles write of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from streams.contract.events.case_activity import CaseActivity, ProposedOutcome
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import TermsGround
from streams.contract.wire.encoding import encode
from streams.running.clients.published_event import published_event
from tests.unit.traffic import START, Record

CHANNEL = "c"
BEGIN = datetime.fromtimestamp(START / 1000, UTC)
# Two of the desk, so that they get in each other's way, and a lead, who may step in.
PEOPLE = (DeskMember("ada", "desk"), DeskMember("ben", "desk"), DeskMember("cho", "lead"))
REASONS = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}


def proposed(decision: str = "dismissed", **fields: Any) -> ProposedOutcome:
    """An outcome by the platform's terms."""
    values: dict[str, Any] = {
        "decision": decision,
        "category": "spam",
        "ground": TermsGround("scams-2.1"),
        "reason": REASONS[decision],
        **fields,
    }
    return ProposedOutcome(**values)


def act(
    number: int, kind: str, actor: DeskMember, version: int, minutes: int = 0, **fields: Any
) -> CaseActivity:
    """An act so many minutes after the first one; `number` sets its id. It has what its kind needs."""
    at = BEGIN + timedelta(minutes=minutes)
    values: dict[str, Any] = {"escalation_id": "e", "channel_ref": CHANNEL, **fields}
    if kind == "noted":
        values.setdefault("note", "context_checked")
    if kind == "snoozed":
        values.setdefault("until", at + timedelta(hours=1))
    if kind in ("decided", "outcome_proposed"):
        values.setdefault("proposed", proposed())
    return CaseActivity(
        activity_id=f"a{number}", kind=kind, actor=actor, at=at, expected_version=version, **values
    )


def act_record(
    activity: CaseActivity,
    offset: int,
    partition: int = 0,
    appended: int | None = None,
    source: str = "tocsin-console",
) -> Record:
    """The record of an act as a console writes it."""
    at = int(activity.at.timestamp() * 1000)
    event = published_event("case-activity", encode(activity), source, at)
    return Record(
        "case-activity",
        partition,
        offset,
        at if appended is None else appended,
        event.key,
        event.value,
        event.headers,
    )
