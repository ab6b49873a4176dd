"""Cuts the rows of a file into requests to an intake."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from streams.commands.shared.report_rows import ReportRow, Unusable, as_json
from streams.contract.wire.reading import MAX_EVENT_BYTES

# A fifth of what the intake takes. A source may send some hundred reports a minute, so larger requests would
# wait longer for their turn, and show no progress meanwhile.
MOST_REPORTS: Final = 200

# Half of what the intake, and many a proxy before it, takes.
MOST_BYTES: Final = 512 * 1024


class Part(NamedTuple):
    """A request: its reports, with their lines in the file, and its body."""

    rows: list[ReportRow]
    body: bytes


def parts(rows: Iterable[ReportRow | Unusable]) -> Iterator[Part | Unusable]:
    """Yield requests in the order of the rows, and the rows that can be in none."""
    taken: list[ReportRow] = []
    texts: list[bytes] = []
    size = 0
    for row in rows:
        if isinstance(row, Unusable):
            yield row
            continue
        try:
            text = as_json(row.report)
        except ValueError as error:
            yield Unusable(row.line, str(error))
            continue
        if len(text) >= MOST_BYTES:
            yield Unusable(row.line, f"value: Must be at most {MAX_EVENT_BYTES} bytes.")
            continue
        if len(taken) == MOST_REPORTS or size + len(text) >= MOST_BYTES:
            yield _part(taken, texts)
            taken, texts, size = [], [], 0
        taken.append(row)
        texts.append(text)
        # With a comma or a bracket.
        size += len(text) + 1
    if taken:
        yield _part(taken, texts)


def _part(rows: list[ReportRow], texts: list[bytes]) -> Part:
    return Part(rows, b"[%s]" % b",".join(texts))
