"""Searches the refs of a refused event for personal data, as far as its shape shows which they are."""

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from streams.contract.wire.nesting import is_too_nested
from streams.contract.wire.personal_data import (
    RefPaths,
    as_text,
    looks_like_email,
    looks_like_phone,
    names_a_person,
)
from streams.contract.wire.suspicion import may_name_a_person

# The longest ref. A longer string is searched like any text.
_LONGEST_REF = 128
# A JSON number with more characters is not a telephone number. Python refuses to convert numbers of 4,300
# digits.
_LONGEST_NUMBER = 64

_EVENT_FIELDS = ("specversion", "source", "id", "data", "data_base64")

_WHITESPACE = str.maketrans("", "", " \t\r\n")


def personal_data_in_value(value: bytes, refs: RefPaths) -> str | None:
    """The path of the first ref in the JSON `value` that contains personal data, or None.

    Also searches a CloudEvent in structured mode. What is not a string where a ref belongs is searched as
    text. Returns None if `value` is not a JSON object or is nested too deep.
    """
    tops = {path.partition(".")[0] for path in refs.pseudonyms + refs.counters}
    found = _members(value, (*sorted(tops), *_EVENT_FIELDS))
    if found is None:
        return None
    path = _in_data(found, refs)
    if path is not None or not any(found[name] for name in ("specversion", "data", "data_base64")):
        return path
    for name in ("source", "id"):
        if looks_like_email(_string(found[name])):
            return f"ce_{name}"
    for data in (found["data"], _from_base64(_string(found["data_base64"]))):
        inner = _members(data, tuple(sorted(tops)))
        path = None if inner is None else _in_data(inner, refs)
        if path is not None:
            return path
    return None


def _in_data(members: Mapping[str, bytes], refs: RefPaths) -> str | None:
    for path in refs.pseudonyms + refs.counters:
        top, _, rest = path.partition(".")
        place, text = path, members[top]
        inner = _members(text, (rest,)) if rest else None
        if inner is not None:
            text = inner[rest]
        elif rest:
            # Not an object: the ref may be anywhere in it.
            place = top
        if text and _names_a_person(text, counter=path in refs.counters):
            return place
    return None


def _names_a_person(text: bytes, *, counter: bool) -> bool:
    if text.startswith(b'"'):
        ref = _string(text)
        if len(ref) <= _LONGEST_REF:
            return names_a_person(ref, counter=counter)
    elif not counter and text[:1] in b"-0123456789" and len(text) <= _LONGEST_NUMBER:
        # A number in place of a string may still be a telephone number, also one with an exponent.
        number = f"{float(text):.0f}"
        return looks_like_phone(number) or names_a_person(text.decode())
    return may_name_a_person(text, numbers=not counter)


def _members(text: bytes, names: tuple[str, ...]) -> dict[str, bytes] | None:
    """The JSON of some members of an object, empty if absent or null; None if `text` is not a JSON object."""
    if is_too_nested(text):
        return None
    try:
        found = _decoder(names).decode(as_text(text))
    except msgspec.DecodeError:
        return None
    members = {name: bytes(getattr(found, name)) for name in names}
    return {name: b"" if member == b"null" else member for name, member in members.items()}


@cache
def _decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    # Skips everything else without making objects of it.
    fields = [(name, msgspec.Raw, msgspec.Raw(b"")) for name in names]
    return msgspec.json.Decoder(msgspec.defstruct("Members", fields))


def _string(text: bytes) -> str:
    """The string of a JSON text; empty if it is something else."""
    try:
        return msgspec.json.decode(text, type=str)
    except msgspec.DecodeError:
        return ""


def _from_base64(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.translate(_WHITESPACE), validate=True)
    except ValueError:
        return b""
