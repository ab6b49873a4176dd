"""A dead letter as an operator sees it: the original, its source, the problem and the attempt number."""

import hashlib
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from streams.contract.events.dead_letter import RedactedRecord
from streams.contract.wire.envelope import CE_ID, CE_SOURCE, CONTENT_TYPE
from streams.contract.wire.records import ATTEMPT_HEADER, OWN_PREFIX, Headers, SourceRecord

_IDS: Final = ("id", "report_id", "outcome_id", "request_id", "standing_id")

_decode_redacted = msgspec.json.Decoder(RedactedRecord).decode


class Letter(NamedTuple):
    """A dead letter.

    `partition`, `offset` and `appended_at` (ms) locate it in dead-letters; `source_*` locates the original.
    `headers` are the original's own. Of a `redacted` letter, the original's key, bytes and headers were not
    kept.
    """

    partition: int
    offset: int
    appended_at: int
    reason: str
    field: str
    detail: str
    source_topic: str
    source_partition: int
    source_offset: int
    attempt: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    redacted: bool

    @property
    def place(self) -> str:
        """The argument of `tocsin dead-letters show`: partition/offset."""
        return f"{self.partition}/{self.offset}"

    @property
    def source(self) -> str:
        """The original's topic/partition/offset."""
        return f"{self.source_topic}/{self.source_partition}/{self.source_offset}"

    @property
    def event(self) -> tuple[str, str]:
        """The original's ce_source and id, as its publisher gave them: `?` if not given or not kept."""
        found = {name: value.decode(errors="replace") for name, value in self.headers if value}
        body: Any = None
        if CE_SOURCE not in found or CE_ID not in found:
            # In structured mode the attributes are in the value; plain JSON has the id of its own form.
            with suppress(ValueError):
                body = orjson.loads(self.value or b"")
        body = body if isinstance(body, dict) else {}
        own_id = next((body[name] for name in _IDS if name in body), "?")
        return str(found.get(CE_SOURCE, body.get("source", "?"))), str(found.get(CE_ID, own_id))

    def identity(self) -> bytes:
        """A digest that is equal for originals with equal key, bytes and headers."""
        digest = hashlib.blake2b(digest_size=16)
        parts = [
            self.key,
            self.value,
            *(part for name, value in self.headers for part in (name.encode(), value)),
        ]
        for part in parts:
            digest.update(b"-" if part is None else b"%d:" % len(part))
            digest.update(part or b"")
        return digest.digest()


def letter_of(record: SourceRecord) -> Letter:
    """Read a record of dead-letters.

    A missing or unreadable header becomes `?` or -1, a missing attempt 1.
    """
    described = {name: value for name, value in record.headers if name.startswith(OWN_PREFIX)}
    kept = [header for header in record.headers if not header[0].startswith(OWN_PREFIX)]
    return Letter(
        record.partition,
        record.offset,
        record.timestamp,
        _text(described, "tocsin-reason"),
        _text(described, "tocsin-field"),
        _text(described, "tocsin-detail"),
        _text(described, "tocsin-topic"),
        _number(described, "tocsin-partition", -1),
        _number(described, "tocsin-offset", -1),
        _number(described, ATTEMPT_HEADER, 1),
        record.key,
        record.value,
        kept,
        _is_redacted(record.key, record.value, kept),
    )


def _text(described: dict[str, bytes], name: str) -> str:
    return (described.get(name) or b"?").decode(errors="replace")


def _number(described: dict[str, bytes], name: str, default: int) -> int:
    value = described.get(name) or b""
    return int(value) if value.isdigit() else default


def _is_redacted(key: bytes | None, value: bytes | None, headers: Headers) -> bool:
    # The reason does not tell: a letter that was too large to keep is redacted whatever was wrong with it.
    if key is not None or not value or [name for name, _ in headers] != [CONTENT_TYPE]:
        return False
    try:
        _decode_redacted(value)
    except msgspec.DecodeError:
        return False
    return True
