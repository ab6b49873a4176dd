"""Reads the bytes of one file as a table; tells what is wrong with its encoding, its CSV and its columns."""

import csv
import io
from collections.abc import Mapping
from difflib import get_close_matches

import msgspec

from streams.statutory.template import Part
from streams.statutory.validation.checks import Findings

# Headers of one part differ from each other by a few words, and a typing error changes a few letters.
_SIMILAR = 0.9
# Longer than every header; comparing takes time with the square of the length.
_LONGEST = 250

# Quotation marks, dashes and the blank that does not break.
_ALIKE = str.maketrans("\u2019\u2018\u2013\u2014\u00a0\u201c\u201d", "''-- \"\"")

# Annex II, part II, 1.5.1 calls the scope "Decisions omitted"; the template calls it "Decision omitted".
_SYNONYMS = {"decisions omitted": "decision omitted"}


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
        byte = f"byte {data[error.start]:#04x} is not UTF-8"
        findings.add("not-utf8", f"{byte}; the file seems to be in Windows-1252: save it as UTF-8", line)
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
        message = "a quotation mark is not closed, or stands inside a cell without being doubled"
        findings.add("quoting", f"{message}; what follows is not checked", begins)
    return records or [Line(1, ())]


def _complete(header: Line, lines: list[Line], findings: Findings) -> list[Line]:
    """The lines with as many cells as the header."""
    complete = []
    for line in lines:
        if not line.cells:
            findings.add("blank-line", "is blank", line.number)
        elif len(line.cells) != len(header.cells):
            numbers = f"has {len(line.cells)} cells, but the header has {len(header.cells)}"
            remedy = "put cells that contain a comma or a line break in quotation marks"
            findings.add("cell-count", f"{numbers}; {remedy}", line.number)
        else:
            complete.append(line)
    return complete


def match_columns(part: Part, header: tuple[str, ...], findings: Findings) -> Mapping[int, int]:
    """Give the place in the file of every column of the template that is there; both count from 0."""
    wanted = {plain(name): column for column, name in enumerate(part.columns)}
    places: dict[int, int] = {}
    unknown: list[int] = []
    for place, name in enumerate(header):
        column = wanted.get(plain(name))
        if column is None:
            unknown.append(place)
        elif column in places:
            findings.add("column-extra", f"has the column {name.strip()!r} twice", 1)
        else:
            places[column] = place
            if name != part.columns[column]:
                message = f"is {name!r}, but {part.columns[column]!r} in the template"
                findings.add("header-spacing", message, 1, column)
    for place in unknown:
        missing = [name for name, column in wanted.items() if column not in places]
        close = get_close_matches(plain(header[place][:_LONGEST]), missing, 1, _SIMILAR)
        if close:
            column = wanted[close[0]]
            places[column] = place
            message = f"is {header[place]!r}; it must be {part.columns[column]!r}"
            findings.add("header", message, 1, column)
        else:
            message = f"has a column {header[place]!r}, which the template does not have"
            findings.add("column-extra", message, 1)
    for column in range(len(part.columns)):
        if column not in places:
            findings.add("column-missing", "is missing", 1, column)
    order = [places[column] for column in sorted(places)]
    if order != sorted(order):
        moved = next(column for column, place in zip(sorted(places), order, strict=True) if place != column)
        message = f"is column {places[moved] + 1} of the file; it must be column {moved + 1}"
        findings.add("column-order", message, 1, moved)
    return places


def plain(text: str) -> str:
    """Give a text as it is compared with the template.

    Spreadsheets and people change case, quotation marks and blanks unnoticed.
    """
    words = " ".join(text.translate(_ALIKE).lower().split())
    return _SYNONYMS.get(words, words)
