"""Reads many outcomes from a file: a CSV table, or one JSON object per line."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
import orjson

from streams.commands.outcome.payload import COLUMNS, payload_of
from streams.contract.wire.dead_letter import Rejected

# The csv module's own default: far more than an outcome's longest text. The limit is one for the process, so
# whoever reads a table sets it.
_MOST_CELL: Final = 128 * 1024

Line = tuple[int, Mapping[str, Any] | Rejected]
"""The number of a line, from 1, and the payload in it, or why it has none."""


def read_lines(content: bytes) -> Iterator[Line]:
    """Yield the outcomes in a file; empty lines are skipped.

    A file that begins with `{` is JSON lines, any other CSV. Raises ClickException if it is neither: not
    UTF-8, a table without the columns of COLUMNS, or one whose cells cannot be told apart.
    """
    try:
        # Spreadsheets write a byte order mark.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException("the file is not UTF-8: save it as CSV UTF-8 or as JSON lines.") from error
    if text.lstrip().startswith("{"):
        return _json_lines(text)
    # Strict: a quotation mark that is not closed would make one cell of all the lines that follow.
    return _table_rows(csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True))


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


def _table_rows(table: "csv.DictReader[str]") -> Iterator[Line]:
    csv.field_size_limit(_MOST_CELL)
    begins = 1
    try:
        _name_columns(table)
        for row in table:
            begins = table.line_num + 1
            yield table.line_num, _payload_of_row(row)
    except csv.Error as error:
        raise click.ClickException(
            f"line {begins}: the cells cannot be told apart ({error}). A quotation mark must be closed, and "
            f"doubled inside a cell; a cell has at most {_MOST_CELL:,} characters."
        ) from error


def _name_columns(table: "csv.DictReader[str]") -> None:
    columns = [name.strip() for name in table.fieldnames or ()]
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or not columns:
        raise click.ClickException(
            f"the first line names unknown columns: {', '.join(unknown) or 'none'}. "
            f"Valid are {', '.join(COLUMNS)}, separated by commas; or write one JSON object per line."
        )
    table.fieldnames = columns


def _payload_of_row(row: Mapping[str, str]) -> Mapping[str, Any] | Rejected:
    if None in row:
        return Rejected("invalid_value", "value", f"Must have at most {len(row) - 1} cells.")
    try:
        return payload_of({name: text.strip() for name, text in row.items()})
    except Rejected as rejected:
        return rejected
