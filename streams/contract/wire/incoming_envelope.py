"""Unwraps the CloudEvent around an event: binary mode, structured mode, or none (plain JSON)."""

import base64
import re
from collections.abc import Mapping

import msgspec

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.envelope import (
    CE_ID,
    CE_PREFIX,
    CE_SOURCE,
    CE_SPECVERSION,
    CE_TYPE,
    CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    SPECVERSION,
)
from streams.contract.wire.personal_data import looks_like_email

Attributes = Mapping[str, bytes | None]

# A URI of a service is much shorter. The source is kept in state and in cases for review, whose topics take a
# megabyte, and a character may take six bytes in JSON.
MAX_SOURCE_BYTES = 1_024

_STRUCTURED = b"application/cloudevents"
_VERSION = re.compile(rb"v[0-9]+")


class _StructuredEvent(msgspec.Struct, gc=False):
    """The JSON event format. An attribute must be a string; null is the same as absent."""

    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    type: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str | None = None


_EVENT_DECODER = msgspec.json.Decoder(_StructuredEvent)


def open_envelope(value: bytes, attributes: Attributes, event_type: bytes) -> tuple[str, bytes]:
    """Return the `source` of the event (empty for plain JSON) and its data as JSON.

    The data is the same object as `value` unless the event is in structured mode. Raises Rejected if there is
    an envelope and its type is not `event_type` or an attribute is missing or wrong, and passes on what the
    JSON decoder raises for a structured event.
    """
    content_type = attributes.get(CONTENT_TYPE)
    if content_type is not None and content_type != JSON_CONTENT_TYPE and is_structured(content_type):
        return _open_structured(value, content_type, event_type)
    if attributes.get(CE_TYPE) is None and not any(name.startswith(CE_PREFIX) for name in attributes):
        return "", value
    return _checked_source(attributes, event_type), value


def is_structured(content_type: bytes | None) -> bool:
    """Whether a record with this content type is an event in structured mode, or means to be one."""
    return content_type is not None and content_type[: len(_STRUCTURED)].lower() == _STRUCTURED


def _open_structured(value: bytes, content_type: bytes, event_type: bytes) -> tuple[str, bytes]:
    if content_type.partition(b";")[0].strip().lower() not in (_STRUCTURED, _STRUCTURED + b"+json"):
        raise _bad(
            CONTENT_TYPE, "Must be application/cloudevents+json; batches and other formats are not read."
        )
    try:
        event = _EVENT_DECODER.decode(value)
    except msgspec.ValidationError as error:
        # The message may quote the value, but only before the path.
        name = str(error).rpartition("`$.")[2].rstrip("`")
        if name in ("specversion", "id", "source", "type"):
            raise _bad(CE_PREFIX + name, "Must be a string.") from None
        raise _bad("value", "Must be a JSON object; data_base64 must be a string or absent.") from None
    source = _checked_source(
        {
            CE_SPECVERSION: (event.specversion or "").encode(),
            CE_ID: (event.id or "").encode(),
            CE_SOURCE: (event.source or "").encode(),
            CE_TYPE: (event.type or "").encode(),
        },
        event_type,
    )
    return source, _data(event)


def _data(event: _StructuredEvent) -> bytes:
    data = bytes(event.data)
    if data == b"null":
        data = b""
    if event.data_base64 is not None:
        if data:
            raise _bad("data_base64", "Must not be present together with data.")
        try:
            data = base64.b64decode(event.data_base64, validate=True)
        except ValueError:
            raise _bad("data_base64", "Must be base64 as in RFC 4648, section 4.") from None
    if not data:
        raise Rejected("empty", "data", "Missing; a structured event must have data or data_base64.")
    return data


def _checked_source(attributes: Attributes, expected: bytes) -> str:
    if attributes.get(CE_SPECVERSION) != SPECVERSION:
        raise _bad(CE_SPECVERSION, 'Missing, or not "1.0".')
    if attributes.get(CE_TYPE) != expected:
        name, _, version = (attributes.get(CE_TYPE) or b"").rpartition(b".")
        if name == expected.rpartition(b".")[0] and _VERSION.fullmatch(version):
            raise Rejected(
                "unsupported_version", CE_TYPE, f"Must be {expected.decode()}; no other version is supported."
            )
        raise _bad(CE_TYPE, f'Missing, or not "{expected.decode()}".')
    event_id = _text(attributes, CE_ID)
    source = _text(attributes, CE_SOURCE)
    if len(attributes[CE_SOURCE] or b"") > MAX_SOURCE_BYTES:
        raise Rejected("oversized", CE_SOURCE, f"Must be at most {MAX_SOURCE_BYTES} bytes.")
    identity = source + event_id
    if "@" in identity or "%" in identity:
        for header, text in ((CE_SOURCE, source), (CE_ID, event_id)):
            if looks_like_email(text):
                raise Rejected("pii_detected", header, "Must not contain an e-mail address.")
    return source


def _text(attributes: Attributes, name: str) -> str:
    try:
        text = (attributes.get(name) or b"").decode()
    except UnicodeDecodeError:
        raise _bad(name, "Must be UTF-8.") from None
    if not text:
        raise _bad(name, "Missing or empty.")
    return text


def _bad(field: str, detail: str) -> Rejected:
    return Rejected("bad_envelope", field, detail)
