"""Reads outcomes and escalations, from Kafka or from a file that `tocsin tail --json` wrote."""

import asyncio
from collections.abc import Collection, Iterator
from typing import BinaryIO, NamedTuple

import click
import msgspec

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.terminal import echo
from streams.contract.events.escalation import Escalation
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.moderation_outcome_decoding import FORM
from streams.contract.wire.reading import event_reader
from streams.contract.wire.records import DetachedRecord, SourceRecord
from streams.contract.wire.topics import ESCALATIONS, MODERATION_OUTCOMES
from streams.desk.text.record_text import decode_escalation
from streams.running.clients.kafka_reading import committed_records
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import load_settings
from streams.statutory.statements.draft import DecidedContent


class _Line(msgspec.Struct):
    """One line of `tocsin tail --json`."""

    value: msgspec.Raw
    headers: dict[str, str] = {}


class _Placed(NamedTuple):
    """A record, and in words where it was read."""

    place: str
    record: SourceRecord


_LINE = msgspec.json.Decoder(_Line)


def read_outcomes(file: BinaryIO | None, categories: Collection[Category]) -> list[DecidedContent]:
    """Read moderation-outcomes from a file, or from Kafka without one.

    Warns of records that workers would refuse.
    """
    found = []
    read_outcome = event_reader(FORM, categories)
    for place, record in _records(file, MODERATION_OUTCOMES):
        try:
            decoded = read_outcome(record.value, record.headers, record.timestamp)
        except Rejected as rejected:
            echo(f"Warning: {place} is not read: {rejected.field}: {rejected.detail}", err=True)
        else:
            found.append(DecidedContent(decoded.event, decoded.ce_source))
    return found


def read_escalations(file: BinaryIO | None) -> list[Escalation]:
    """Read escalations from a file, or from Kafka without one.

    Warns of records that are none of this version.
    """
    found = []
    for place, record in _records(file, ESCALATIONS):
        try:
            found.append(decode_escalation(record))
        except msgspec.DecodeError as error:
            echo(f"Warning: {place} is not read: {error}", err=True)
    return found


def _records(file: BinaryIO | None, topic: str) -> Iterator[_Placed]:
    return iter(_of_topic(topic)) if file is None else _of_file(file, topic)


def _of_topic(topic: str) -> list[_Placed]:
    settings = load_settings()

    async def read() -> list[_Placed]:
        return [
            _Placed(f"{record.topic} partition {record.partition} offset {record.offset}", record)
            async for record in committed_records(settings.connection(), settings.topic_prefix + topic)
        ]

    with broker_errors_explained(settings):
        return asyncio.run(read())


def _of_file(file: BinaryIO, topic: str) -> Iterator[_Placed]:
    now = clock_ms()
    for number, text in enumerate(file, start=1):
        if text.strip():
            try:
                line = _LINE.decode(text)
            except msgspec.DecodeError as error:
                raise click.ClickException(
                    f"line {number} for {topic} is no record as `tocsin tail {topic} --json` prints it: "
                    f"{error}"
                ) from error
            headers = [(name, value.encode()) for name, value in line.headers.items()]
            record = DetachedRecord(topic, 0, number, now, None, bytes(line.value), headers)
            yield _Placed(f"line {number} for {topic}", record)
