"""Recognises e-mail addresses and telephone numbers where a pseudonym belongs."""

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.wire.nesting import MAX_DEPTH, is_deeper_than

# `something@something`, also percent-encoded as in a URI. No dot is asked for: handles of federated services name a
# person too. One character on each side keeps the search linear in the length of hostile input.
_EMAIL = re.compile(r"[^\s@](?:@|%40)[^\s@]", re.IGNORECASE)

# E.164 allows 15 digits; the shortest numbers in use with an area code have 7. `\d` also takes the digits of other
# scripts. Each repetition starts with another character than the one before ends with, so matching is linear.
_SEPARATORS = r"[\s().-]*"
_PHONE = re.compile(
    rf"\s*(?:tel:)?{_SEPARATORS}(?:(?:\+|00){_SEPARATORS})?(?:\d{_SEPARATORS}){{7,15}}", re.IGNORECASE
)


class RefPaths(NamedTuple):
    """Where an event holds refs.

    Plain counters are legitimate among `counters`, so that only what looks like nothing but an address or a number is
    refused there.
    """

    pseudonyms: tuple[str, ...]
    counters: tuple[str, ...]


REPORT_REFS = RefPaths(
    ("channel.ref", "message_ref", "reporter.ref"), ("report_id", "classifier.name", "classifier.version")
)


def looks_like_email(text: str) -> bool:
    """Whether an e-mail address or a handle written like one stands anywhere in `text`."""
    return _EMAIL.search(text) is not None


def looks_like_phone(text: str) -> bool:
    """Whether the whole of `text` reads as a telephone number: optional + or 00, then 7 to 15 digits."""
    return _PHONE.fullmatch(text) is not None


def personal_data_in_envelope(attributes: Mapping[str, bytes | None]) -> str | None:
    """Name of the CloudEvents header that holds an e-mail address, None if none does."""
    for name in ("ce_source", "ce_id"):
        if looks_like_email((attributes.get(name) or b"").decode("utf-8", "replace")):
            return name
    return None


def personal_data_in_value(value: bytes, refs: RefPaths = REPORT_REFS) -> str | None:
    """Path of the first ref in the JSON `value` that holds personal data, None if none does or it cannot be read.

    Also looks into a CloudEvent in structured mode. What is nested too deep to be an event of ours counts as unreadable.
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
    # A number where a string belongs may be a telephone number all the same.
    return str(found) if isinstance(found, str | int) else ""
