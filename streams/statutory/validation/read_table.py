"""Reads the bytes of one file as a table, and tells what is wrong with its encoding and its CSV."""

import csv
import io

import msgspec

from streams.statutory.validation.findings import Findings


class Line(msgspec.Struct, frozen=True):
    """A record of a CSV file; `number` is the line on which it begins, from 1."""

    number: int
    cells: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """A CSV file: its header and its records."""

    header: tuple[str, ...]
    lines: tuple[Line, ...]


_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_table(data: bytes, findings: Findings) -> Table | None:
    """Read a file. Where it can be understood although it is wrong, it is, so that other checks can go on.

    None if there is nothing to check.
    """
    text = _decode(data, findings)
    if text.startswith("\ufeff"):
        findings.add("byte-order-mark", "begins with a byte order mark; save it as UTF-8 without one", 1)
        text = text.removeprefix("\ufeff")
    if not text.strip():
        findings.add("part-unfilled", "is empty")
        return None
    if "\r" in text.replace("\r\n", ""):
        findings.add("line-end", "has lines that end with CR alone; end them with CR LF or LF")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = _delimiter(text, findings)
    header, *lines = _records(text, delimiter, findings)
    return Table(header.cells, tuple(_complete(header, lines, findings)))


def _decode(data: bytes, findings: Findings) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        findings.add("not-utf8", "is in UTF-16; save it as UTF-8")
        return data.decode("utf-16", errors="replace").removeprefix("\ufeff")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.add(
            "not-utf8",
            f"byte {data[error.start]:#04x} is not UTF-8; the file seems to be in Windows-1252: save it as UTF-8",
            line,
        )
        return data.decode("cp1252", errors="replace")


def _delimiter(text: str, findings: Findings) -> str:
    header = text.splitlines()[0]
    for delimiter, name in _DELIMITERS.items():
        if header.count(delimiter) > header.count(","):
            findings.add("delimiter", f"separates cells with {name}; use commas", 1)
            return delimiter
    return ","


def _records(text: str, delimiter: str, findings: Findings) -> list[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[Line] = []
    begins = 1
    try:
        for cells in reader:
            records.append(Line(begins, tuple(cells)))
            begins = reader.line_num + 1
    except csv.Error:
        findings.add(
            "quoting",
            "a quotation mark is not closed, or stands inside a cell without being doubled; what follows is not checked",
            begins,
        )
    return records or [Line(1, ())]


def _complete(header: Line, lines: list[Line], findings: Findings) -> list[Line]:
    """The lines with as many cells as the header."""
    complete = []
    for line in lines:
        if not line.cells:
            findings.add("blank-line", "is blank", line.number)
        elif len(line.cells) != len(header.cells):
            findings.add(
                "cell-count",
                f"has {len(line.cells)} cells, but the header has {len(header.cells)}; put cells that contain a "
                "comma or a line break in quotation marks",
                line.number,
            )
        else:
            complete.append(line)
    return complete
