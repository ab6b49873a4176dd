"""Reads the rows of a CSV that somebody made elsewhere; what is wrong with one row does not end it."""

import csv
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final

import click

from streams.commands.shared.terminal import printable
from streams.commands.shared.text_lines import NOT_UTF8, is_utf8, text_lines

# How far a quotation mark that is not closed is followed. A text in a report is far shorter: its own lines
# must never be read as rows.
_MOST_CELL: Final = 16 * 1024 * 1024

_QUOTATION: Final = (
    "a quotation mark is not closed in it, or is inside of a cell and not doubled; "
    'a cell with such a mark is written as "one "" two"'
)

# Enough to recognise a header.
_MOST_SHOWN: Final = 300

Row = tuple[int, dict[str, str] | str]
"""The line where a row begins, counted from 1, and its cells by column, or why it has none."""


def table_rows(file: BinaryIO, check: Callable[[Sequence[str]], str | None]) -> Iterator[Row]:
    """Return the rows below the header of a CSV, without empty cells.

    `check` says what is wrong with the columns, if anything. Raises UsageError for a header that cannot be
    used, before there is a row.
    """
    records = _records(text_lines(file, newline=""))
    names = next(records, (1, []))[1]
    if isinstance(names, str):
        raise click.UsageError(f"the header of {file.name}: {names}")
    problem = _twice(names) or check(names) if names else None
    if problem:
        raise click.UsageError(f"{file.name}: {problem}. Its columns are: {_shown(names)}")
    return _rows(names, records)


def _twice(names: Sequence[str]) -> str | None:
    twice = [name for name, number in Counter(names).items() if name and number > 1]
    return f"each column must be there once, and {_shown(twice)} is there more often" if twice else None


def _shown(names: Sequence[str]) -> str:
    text = ", ".join(names)
    return printable(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")


def _rows(names: Sequence[str], records: Iterator[tuple[int, list[str] | str]]) -> Iterator[Row]:
    for line, cells in records:
        if isinstance(cells, str):
            yield line, cells
        elif len(cells) > len(names):
            # Its cells are probably one column further than they should be.
            which = f"has {len(cells)} cells, and the header {len(names)}"
            yield line, f"{which}: a cell with a comma must be in quotation marks"
        else:
            yield line, {name: cell for name, cell in zip(names, cells, strict=False) if name and cell}


class _Lines:
    """Lines for the csv module, of which those of a record can be read again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self.record: list[str] = []
        self.begins = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.record.append(line)
        return line

    def begin(self) -> None:
        """A record begins where the one before has ended."""
        self.begins += len(self.record)
        self.record.clear()

    def keep_first(self) -> None:
        """End the record after its first line."""
        self._again.extendleft(reversed(self.record[1:]))
        del self.record[1:]


def _records(text: Iterator[str]) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the line where each record begins, and its cells or why it has none."""
    csv.field_size_limit(_MOST_CELL)
    lines = _Lines(text)
    # Strict, as otherwise a mark that is not closed takes the rows up to the next one into its cell.
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.keep_first()
            yield lines.begins, _QUOTATION
            continue
        if not all(map(is_utf8, lines.record)):
            yield lines.begins, NOT_UTF8
        elif cells:
            yield lines.begins, cells
