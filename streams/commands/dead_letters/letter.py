"""A dead letter as an operator thinks of it: the original, where it stood, what is wrong with it, how often it came."""

import hashlib
from typing import NamedTuple

import msgspec

from streams.events.dead_letter import RedactedRecord
from streams.wire.dead_letter import ATTEMPT_HEADER
from streams.wire.envelope import CONTENT_TYPE
from streams.wire.records import Headers, SourceRecord

_PREFIX = "tocsin-"

_decode_redacted = msgspec.json.Decoder(RedactedRecord).decode


class Letter(NamedTuple):
    """`partition`, `offset` and `appended_at` (ms) are its place in dead-letters; `source_*` that of the original.

    `headers` are the original's own. `redacted`: neither key, bytes nor headers were kept.
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
        """What `tocsin dead-letters show` takes: partition/offset."""
        return f"{self.partition}/{self.offset}"

    @property
    def source(self) -> str:
        """Where the original stands: topic/partition/offset."""
        return f"{self.source_topic}/{self.source_partition}/{self.source_offset}"

    def identity(self) -> bytes:
        """The same for letters whose originals had the same key, bytes and headers."""
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
    """The letter in a record of dead-letters. What a header should say and does not is `?` or -1."""
    told = {name: value for name, value in record.headers if name.startswith(_PREFIX)}
    kept = [header for header in record.headers if not header[0].startswith(_PREFIX)]
    return Letter(
        record.partition,
        record.offset,
        record.timestamp,
        _text(told, "tocsin-reason"),
        _text(told, "tocsin-field"),
        _text(told, "tocsin-detail"),
        _text(told, "tocsin-topic"),
        _number(told, "tocsin-partition", -1),
        _number(told, "tocsin-offset", -1),
        _number(told, ATTEMPT_HEADER, 1),
        record.key,
        record.value,
        kept,
        _is_redacted(record.key, record.value, kept),
    )


def _text(told: dict[str, bytes], name: str) -> str:
    return (told.get(name) or b"?").decode(errors="replace")


def _number(told: dict[str, bytes], name: str, otherwise: int) -> int:
    value = told.get(name) or b""
    return int(value) if value.isdigit() else otherwise


def _is_redacted(key: bytes | None, value: bytes | None, headers: Headers) -> bool:
    # By its form and not by its reason: one that was too large to keep is redacted whatever was wrong with it.
    if key is not None or not value or [name for name, _ in headers] != [CONTENT_TYPE]:
        return False
    try:
        _decode_redacted(value)
    except msgspec.DecodeError:
        return False
    return True
