"""Reads what was published, from Kafka or from a file that `tocsin tail --json` wrote."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import click
import msgspec

from streams.clients.kafka_reading import committed_records
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.events.escalation import Escalation
from streams.runtime.wall_clock import clock_ms
from streams.statutory.statements.draft import Decided
from streams.text.record_text import decode_escalation
from streams.wire.dead_letter import Rejected
from streams.wire.moderation_outcome_decoding import decode_moderation_outcome
from streams.wire.records import Headers, SourceRecord
from streams.wire.topics import ESCALATIONS, MODERATION_OUTCOMES
from streams.worker.settings import load_settings


class _Line(msgspec.Struct):
    """One line of `tocsin tail --json`."""

    value: msgspec.Raw
    headers: dict[str, str] = {}


@dataclass
class _FileRecord:
    """A line of a file as a record. Files do not say when records were written, so it is now."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


_LINE = msgspec.json.Decoder(_Line)


class Published(NamedTuple):
    """What was read, and a message for each record that could not be."""

    outcomes: list[Decided]
    escalations: list[Escalation]
    unread: list[str]


def published(outcomes: BinaryIO | None, escalations: BinaryIO | None) -> Published:
    """Read outcomes and escalations from the files; from Kafka if neither is given.

    Raises click.ClickException if Kafka cannot be read, or a line is no record.
    """
    records: Mapping[str, list[tuple[str, SourceRecord]]]
    if outcomes is None and escalations is None:
        records = _from_kafka()
    else:
        records = {
            MODERATION_OUTCOMES: _lines(outcomes, MODERATION_OUTCOMES),
            ESCALATIONS: _lines(escalations, ESCALATIONS),
        }
    decided: list[Decided] = []
    events: list[Escalation] = []
    unread: list[str] = []
    for place, record in records[MODERATION_OUTCOMES]:
        try:
            decoded = decode_moderation_outcome(record.value, record.headers, record.timestamp)
            decided.append(Decided(decoded.event, decoded.ce_source))
        except Rejected as rejected:
            unread.append(f"{place} is not read: {rejected.field}: {rejected.detail}")
    for place, record in records[ESCALATIONS]:
        try:
            events.append(decode_escalation(record))
        except msgspec.DecodeError as error:
            unread.append(f"{place} is not read: {error}")
    return Published(decided, events, unread)


def _from_kafka() -> Mapping[str, list[tuple[str, SourceRecord]]]:
    settings = load_settings()

    async def read() -> dict[str, list[tuple[str, SourceRecord]]]:
        return {
            topic: [
                (f"{record.topic} partition {record.partition} offset {record.offset}", record)
                async for record in committed_records(settings.connection(), settings.topic_prefix + topic)
            ]
            for topic in (MODERATION_OUTCOMES, ESCALATIONS)
        }

    with broker_errors_explained(settings):
        return asyncio.run(read())


def _lines(file: BinaryIO | None, topic: str) -> list[tuple[str, SourceRecord]]:
    found: list[tuple[str, SourceRecord]] = []
    now = clock_ms()
    for number, line in enumerate(file or (), start=1):
        if line.strip():
            try:
                decoded = _LINE.decode(line)
            except msgspec.DecodeError as error:
                raise click.ClickException(
                    f"line {number} for {topic} is no record as `tocsin tail {topic} --json` prints it: {error}"
                ) from error
            headers = [(name, value.encode()) for name, value in decoded.headers.items()]
            record = _FileRecord(topic, 0, number, now, None, bytes(decoded.value), headers)
            found.append((f"line {number} for {topic}", record))
    return found
