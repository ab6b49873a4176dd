"""What a validation found."""

from collections.abc import Iterator

import msgspec

from streams.statutory.template import Part
from streams.statutory.validation.checks import CHECKS, Severity

# Room for two of the longest headers; a cell of the file may be as long as its author likes.
_LONGEST_MESSAGE = 500


class Finding(msgspec.Struct, frozen=True):
    """One failure of a check.

    `line` counts from 1 and is where the record begins in the file; None for the file as a whole. `more` is the number
    of further lines with the same failure. `column` is the letter of a column with its header; empty for the line as a
    whole. `rule` is what the instructions say, in our words, and `source` is where.
    """

    severity: Severity
    check: str
    file: str
    line: int | None
    more: int
    column: str
    message: str
    rule: str
    source: str


class Findings:
    """Collects the findings about one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        # The lines of each failure, by check, column and message.
        self._lines: dict[tuple[str, str, str], list[int | None]] = {}

    def add(self, check: str, message: str, line: int | None = None, column: str = "") -> None:
        """Add a failure of `check`, a key of CHECKS."""
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]}..."
        self._lines.setdefault((check, column, message), []).append(line)

    def __iter__(self) -> Iterator[Finding]:
        """Give what was found, by line."""
        for (check, column, message), lines in sorted(self._lines.items(), key=lambda each: each[1][0] or 0):
            what = CHECKS[check]
            yield Finding(
                what.severity,
                check,
                self._file,
                lines[0],
                len(lines) - 1,
                column,
                message,
                what.rule,
                what.source,
            )


def column_name(part: Part, column: int) -> str:
    """Give the letter and the header of a column, as spreadsheets show them."""
    letter = chr(ord("A") + column) if column < 26 else "A" + chr(ord("A") + column - 26)
    return f"{letter} ({part.columns[column].strip()})"
