"""Tables in plain text, the same on a terminal, in a pipe and in a log."""

from collections.abc import Sequence
from itertools import zip_longest


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with columns as wide as their content.

    A cell may hold several lines; columns of numbers align right.
    """
    cells = [[[name] for name in header], *([cell.split("\n") for cell in row] for row in rows)]
    widths = [max(len(line) for row in cells for line in row[column]) for column in range(len(header))]
    numeric = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))]
    lines = [_joined(line, widths, numeric) for row in cells for line in zip_longest(*row, fillvalue="")]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _joined(line: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    aligned = (
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(line, widths, numeric, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _is_number(cell: str) -> bool:
    return cell in ("", "-") or cell.replace(",", "").replace(".", "").isdigit()
