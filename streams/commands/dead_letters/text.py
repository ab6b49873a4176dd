"""Dead letters as text and as JSON."""

import base64
from typing import Any

import orjson

from streams.commands.dead_letters.letter import Letter
from streams.commands.shared.terminal import printable
from streams.contract.events.dead_letter import REMEDIES
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import DEAD_LETTERS
from streams.running.topics.topic_catalogue import load_catalogue


def in_one_line(letter: Letter) -> str:
    """Place, time, reason, field and attempt number; then the original's place, size, publisher and id."""
    source, event_id = (_printable(text.encode()) for text in letter.event)
    return (
        f"{letter.place:<10} {rfc3339(letter.appended_at)}  {letter.reason:<19} {letter.field:<20} "
        f"attempt {letter.attempt}  {letter.source}  {_size(letter)}  {source}  {event_id}"
    ).rstrip()


def in_full(letter: Letter) -> str:
    """Several lines: what is wrong, what that means, what to do, and the original."""
    meaning = load_catalogue()[DEAD_LETTERS].reasons.get(letter.reason)
    rows = [
        ("reason", letter.reason),
        ("field", letter.field),
        ("detail", letter.detail),
        *([("meaning", meaning)] if meaning else []),
        *([("remedy", REMEDIES[letter.reason])] if letter.reason in REMEDIES else []),
        ("refused at", rfc3339(letter.appended_at)),
        ("attempt", str(letter.attempt)),
        ("original at", letter.source),
        ("key", "none" if letter.key is None else _printable(letter.key)),
        *(("header", f"{_printable(name.encode())}: {_printable(value)}") for name, value in letter.headers),
        ("value", f"{_size(letter)}\n{_printable(letter.value or b'')}".rstrip()),
    ]
    return "\n".join(f"{name:<12} {text}" for name, text in rows)


def as_json(letter: Letter) -> str:
    """One line.

    `value` is the original as text; if it is not UTF-8, `value` is null and `value_base64` holds it.
    """
    row: dict[str, Any] = letter._asdict()
    row["appended_at"] = rfc3339(letter.appended_at)
    row["ce_source"], row["ce_id"] = letter.event
    row["key"] = None if letter.key is None else letter.key.decode(errors="replace")
    row["headers"] = {name: (value or b"").decode(errors="replace") for name, value in letter.headers}
    try:
        row["value"] = None if letter.value is None else letter.value.decode()
    except UnicodeDecodeError:
        row |= {"value": None, "value_base64": base64.b64encode(letter.value or b"").decode()}
    return orjson.dumps(row).decode()


def _size(letter: Letter) -> str:
    return "redacted" if letter.redacted else f"{len(letter.value or b'')} bytes"


def _printable(value: bytes | None) -> str:
    # A line break too: the original must not look like a row of its own.
    return printable((value or b"").decode(errors="backslashreplace")).replace("\n", "\\n")
