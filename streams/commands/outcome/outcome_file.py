"""Reads many outcomes from a file: a CSV table, or one JSON object per line."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import click
import orjson

from streams.commands.outcome.payload import COLUMNS, payload_of
from streams.wire.dead_letter import Rejected

Line = tuple[int, Mapping[str, Any] | Rejected]
"""The number of a line, from 1, and the payload in it, or why it has none."""


def read_lines(content: bytes) -> Iterator[Line]:
    """Yield the outcomes in a file; empty lines are skipped. A file that begins with `{` is JSON lines, any other CSV.

    Raises ClickException if it is neither: not UTF-8, or a table without the columns of COLUMNS.
    """
    try:
        # Spreadsheets write a byte order mark.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException("the file is not UTF-8: save it as CSV UTF-8 or as JSON lines.") from error
    return _json_lines(text) if text.lstrip().startswith("{") else _table_rows(text)


def _json_lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            payload = orjson.loads(line)
        except orjson.JSONDecodeError:
            payload = None
        if isinstance(payload, dict):
            yield number, payload
        else:
            yield number, Rejected("not_json", "value", "Must be one JSON object per line.")


def _table_rows(text: str) -> Iterator[Line]:
    table = csv.DictReader(io.StringIO(text, newline=""), restval="")
    columns = [name.strip() for name in table.fieldnames or ()]
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or not columns:
        raise click.ClickException(
            f"the first line names unknown columns: {', '.join(unknown) or 'none'}. "
            f"Valid are {', '.join(COLUMNS)}, separated by commas; or write one JSON object per line."
        )
    table.fieldnames = columns
    for row in table:
        number = table.line_num
        if None in row:
            yield number, Rejected("invalid_value", "value", f"Must have at most {len(columns)} cells.")
            continue
        try:
            yield number, payload_of({name: text.strip() for name, text in row.items()})
        except Rejected as rejected:
            yield number, rejected
