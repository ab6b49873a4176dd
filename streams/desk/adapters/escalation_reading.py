"""Reads of an escalation what adapters tell a desk about it."""

from typing import Literal

import msgspec

from streams.contract.events.report import Category
from streams.contract.wire.envelope import CE_ID
from streams.contract.wire.records import SourceRecord


class _Clock(msgspec.Struct, frozen=True):
    due_at: str


class _Priority(msgspec.Struct, frozen=True):
    value: int


class Escalated(msgspec.Struct, frozen=True):
    """The fields of an escalation's event that adapters use."""

    escalation_id: str
    type: Literal["opened", "updated", "resolved"]
    at: str
    policy: str
    level: int
    level_name: str
    channel_ref: str
    category: Category
    message_refs: tuple[str, ...]
    clock: _Clock | None = None
    priority: _Priority | None = None


read_escalation = msgspec.json.Decoder(Escalated).decode


def event_id(record: SourceRecord) -> str:
    """The CloudEvents id of a record. Raises ValueError if it has none."""
    text = dict(record.headers).get(CE_ID)
    if not text:
        raise ValueError("the record is not a CloudEvent in binary mode")
    return text.decode()
