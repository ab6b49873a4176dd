"""CSV for people who open it as a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

# What makes a spreadsheet take a cell for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A header and rows as CSV. A cell that would be taken for a formula begins with an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(header)
    for cells in rows:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return written.getvalue()
