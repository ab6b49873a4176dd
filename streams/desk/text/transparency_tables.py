"""Builds a transparency report: sections of reports and requests, each broken down in tables.

Santa Clara Principles 2.0 (Numbers) and Ranking Digital Rights F6 require numbers by category, source and
country, with reports by state actors through the users' channel counted separately. DSA art. 15(1) requires
orders by category and Member State, notices by category with those of trusted flaggers, and the use of
automated means; art. 24 refers to it.

The tables of a section share only its total. No table has a row that is a sum of another table's rows, so a
number hidden in one table cannot be calculated from another.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from streams.contract.events.transparency import TransparencyCounter
from streams.desk.text.suppression import shown_rows, shown_total

# One value per dimension.
Row = tuple[str, ...]

REPORT_DIMENSIONS = ("date", "country", "category", "source", "kind", "automated", "late", "escalated")
REQUEST_DIMENSIONS = (
    "date",
    "country",
    "category",
    "kind",
    "legal_basis",
    "authority",
    "decision",
    "refusal",
)

STATE_ACTOR = "state_actor"

LEGEND = (
    "<5: fewer than five.\n"
    "*: fewer than five, or withheld because such a number could be calculated from it.\n"
    "Each table is safe to publish alone. Before you publish several, check that none is part of another."
)
"""What the marks in a table mean."""


class SectionKind(NamedTuple):
    """A kind of section: the counts that it adds up (those that `holds`) and its default tables."""

    name: str
    title: str
    stage: str
    holds: Callable[[Mapping[str, str]], bool]
    dimensions: tuple[str, ...]
    tables: tuple[tuple[str, ...], ...]


SECTIONS = (
    SectionKind(
        "reports",
        "Reports, excluding state actors",
        "reports",
        lambda cell: cell["source"] != STATE_ACTOR,
        REPORT_DIMENSIONS,
        (("category",), ("source", "automated"), ("country",), ("escalated",)),
    ),
    SectionKind(
        "state_actors",
        "Reports by state actors through the users' channel",
        "reports",
        lambda cell: cell["source"] == STATE_ACTOR,
        REPORT_DIMENSIONS,
        (("category",), ("country",)),
    ),
    SectionKind(
        "requests",
        "Requests of authorities",
        "requests",
        lambda _: True,
        REQUEST_DIMENSIONS,
        (("country", "kind", "decision", "refusal"), ("category",), ("authority",)),
    ),
)


class Table(NamedTuple):
    """Rows with their counts as they may be shown, the largest first; None if every row is hidden."""

    by: tuple[str, ...]
    rows: list[tuple[Row, int | str]] | None


class Section(NamedTuple):
    """A section's numbers.

    `automated_share` is the share of automated reports, None where it would reveal a small number.
    """

    kind: SectionKind
    total: int | str
    automated_share: float | None
    tables: list[Table]


def sections(counters: Iterable[TransparencyCounter], group_by: tuple[str, ...]) -> list[Section]:
    """Add up the counters.

    With `group_by`, each section has one table by these dimensions; sections that lack one of them are left
    out.
    """
    cells: dict[str, Counter[Row]] = {kind.name: Counter() for kind in SECTIONS}
    for counter in counters:
        for cell, count in _cells(counter):
            for kind in SECTIONS:
                if kind.stage == counter.stage and kind.holds(cell):
                    cells[kind.name][tuple(cell[name] for name in kind.dimensions)] += count
    return [
        _section(kind, cells[kind.name], (group_by,) if group_by else kind.tables)
        for kind in SECTIONS
        if set(group_by) <= set(kind.dimensions)
    ]


def as_document(section: Section) -> dict[str, Any]:
    """The section as JSON; `rows` is null in a table with every row hidden."""
    return {
        "name": section.kind.name,
        "total": section.total,
        "automated_share": section.automated_share,
        "tables": [
            {
                "by": list(table.by),
                "rows": table.rows
                and [dict(zip(table.by, row, strict=True)) | {"count": count} for row, count in table.rows],
            }
            for table in section.tables
        ],
    }


def _cells(counter: TransparencyCounter) -> Iterator[tuple[dict[str, str], int]]:
    place = {"date": counter.date, "country": counter.country, "category": counter.category}
    for row in (*counter.reports, *counter.requests):
        values: dict[str, Any] = msgspec.structs.asdict(row)
        count: int = values.pop("count")
        yield place | {name: _text(value) for name, value in values.items()}, count


def _text(value: str | bool | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else "yes" if value else "no"


def _section(kind: SectionKind, cells: Counter[Row], tables: tuple[tuple[str, ...], ...]) -> Section:
    made = [_table(kind, cells, by) for by in tables]
    shares = [_automated_share(table, cells.total()) for table in made if "automated" in table.by]
    return Section(kind, shown_total(cells.total()), shares[0] if shares else None, made)


def _table(kind: SectionKind, cells: Counter[Row], by: tuple[str, ...]) -> Table:
    places = [kind.dimensions.index(name) for name in by]
    counts: Counter[Row] = Counter()
    for row, count in cells.items():
        counts[tuple(row[place] for place in places)] += count
    rows = shown_rows(counts)
    if rows is None:
        return Table(by, None)
    shown = list(rows.items())
    # Hidden numbers come last, ordered by name, because an order by size would reveal which is larger.
    shown.sort(key=lambda entry: (-entry[1] if isinstance(entry[1], int) else 0, entry[0]))
    return Table(by, shown)


def _automated_share(table: Table, total: int) -> float | None:
    """The share of automated reports, calculated only from the rows that the table shows."""
    if not table.rows:
        return None
    place = table.by.index("automated")
    for automated in (True, False):
        counts = [count for row, count in table.rows if (row[place] == "yes") == automated]
        visible = [count for count in counts if isinstance(count, int)]
        if len(visible) == len(counts):
            share = sum(visible) / total
            return round(share if automated else 1 - share, 4)
    return None
