"""Recognises e-mail addresses and telephone numbers where a pseudonym belongs."""

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.wire.nesting import MAX_DEPTH, is_deeper_than

# `something@something`, also percent-encoded as in a URI. A dot is not required: handles of federated services identify
# a person too. One character on each side keeps the search linear in the length of hostile input.
_EMAIL = re.compile(r"[^\s@](?:@|%40)[^\s@]", re.IGNORECASE)

# E.164 allows 15 digits; the shortest numbers in use with an area code have 7. `\d` also matches the digits of other
# scripts. Each repetition starts with a character that the previous one cannot end with, so matching is linear.
_SEPARATORS = r"[\s().-]*"
_PHONE = re.compile(
    rf"\s*(?:tel:)?{_SEPARATORS}(?:(?:\+|00){_SEPARATORS})?(?:\d{_SEPARATORS}){{7,15}}", re.IGNORECASE
)


class RefPaths(NamedTuple):
    """The paths of an event's refs.

    Refs at `counters` may be plain counters, so digits alone are not taken for a telephone number there.
    """

    pseudonyms: tuple[str, ...]
    counters: tuple[str, ...]


def looks_like_email(text: str) -> bool:
    """Whether `text` contains an e-mail address or a handle written like one."""
    return _EMAIL.search(text) is not None


def looks_like_phone(text: str) -> bool:
    """Whether the whole of `text` reads as a telephone number: optional + or 00, then 7 to 15 digits."""
    return _PHONE.fullmatch(text) is not None


def personal_data_in_envelope(attributes: Mapping[str, bytes | None]) -> str | None:
    """The name of the CloudEvents header that contains an e-mail address, or None."""
    for name in ("ce_source", "ce_id"):
        if looks_like_email((attributes.get(name) or b"").decode("utf-8", "replace")):
            return name
    return None


def personal_data_in_value(value: bytes, refs: RefPaths) -> str | None:
    """The path of the first ref in the JSON `value` that contains personal data, or None.

    Also searches a CloudEvent in structured mode. Returns None if `value` is not a JSON object or is nested more than
    MAX_DEPTH deep.
    """
    if is_deeper_than(MAX_DEPTH, value):
        return None
    try:
        document = msgspec.json.decode(value.decode("utf-8", "replace"))
    except msgspec.DecodeError:
        return None
    if not isinstance(document, dict):
        return None
    return _in_data(document, refs) or _in_structured_event(document, refs)


def _in_structured_event(event: Mapping[str, object], refs: RefPaths) -> str | None:
    if "specversion" not in event:
        return None
    for name in ("source", "id"):
        if looks_like_email(_text_at(event, name)):
            return f"ce_{name}"
    data, encoded = event.get("data"), event.get("data_base64")
    if isinstance(encoded, str):
        try:
            return personal_data_in_value(base64.b64decode(encoded, validate=True), refs)
        except ValueError:
            return None
    return _in_data(data, refs) if isinstance(data, dict) else None


def _in_data(data: Mapping[str, object], refs: RefPaths) -> str | None:
    for path in refs.pseudonyms + refs.counters:
        text = _text_at(data, path)
        if (
            looks_like_email(text)
            or text.startswith("+")
            or (path in refs.pseudonyms and looks_like_phone(text))
        ):
            return path
    return None


def _text_at(report: Mapping[str, object], path: str) -> str:
    found: object = report
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    # A JSON number in place of a string may still be a telephone number.
    return str(found) if isinstance(found, str | int) else ""
