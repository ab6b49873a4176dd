"""Checks figures of several parts against each other."""

from collections.abc import Mapping

from streams.statutory.template import TOTAL, VALUE, Part
from streams.statutory.validation.check_cells import CheckedRow
from streams.statutory.validation.findings import Findings, column_name


def check_parts(parts: Mapping[int, Part], rows: Mapping[int, list[CheckedRow]], findings: Findings) -> None:
    """Compare part 8 with the totals of parts 4, 5 and 6. `findings` are those of part 8.

    Part 8 has no figure for what was done partly by automated means, so its figures may be smaller, but not greater.
    """
    if 8 not in rows:
        return
    value = parts[8].columns.index(VALUE)
    notices = _total(parts, rows, 4, "Number of notices received")
    trusted = _total(parts, rows, 4, "Number of notices received from Trusted flaggers")
    own = [
        _total(parts, rows, number, "Number of measures taken at the provider's own initiative")
        for number in (5, 6)
    ]
    automated = [
        _total(parts, rows, number, "Number of measures taken after detection with solely automated means")
        for number in (5, 6)
    ]
    _compare(
        parts[8], rows[8], value, ("Number of notices",), "NAM Total", notices, "notices in part 4", findings
    )
    _compare(
        parts[8],
        rows[8],
        value,
        ("Number of notices",),
        "NAM Trusted Flagger",
        trusted,
        "notices of trusted flaggers in part 4",
        findings,
    )
    _compare(
        parts[8],
        rows[8],
        value,
        ("Number of measures",),
        "Own-initiative",
        _sum(own),
        "measures in parts 5 and 6",
        findings,
    )
    _compare(
        parts[8], rows[8], value, ("Number of measures solely",), "Own-initiative", _sum(automated),
        "measures after automated detection in parts 5 and 6", findings,
    )  # fmt: skip


def _total(
    parts: Mapping[int, Part], rows: Mapping[int, list[CheckedRow]], number: int, header: str
) -> float | None:
    if number not in rows:
        return None
    column = next(index for index, name in enumerate(parts[number].columns) if name.strip() == header)
    return next((row.figures.get(column) for row in rows[number] if row.match.row.category == TOTAL), None)


def _sum(figures: list[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def _compare(
    part: Part, rows: list[CheckedRow], value: int, labels: tuple[str, ...], scope: str, most: float | None, what: str,
    findings: Findings,
) -> None:  # fmt: skip
    counted = [
        row
        for row in rows
        if row.match.row.label.startswith(labels)
        and row.match.row.scope.strip() == scope
        and value in row.figures
    ]
    figure = sum(row.figures[value] for row in counted)
    if most is not None and counted and figure > most:
        findings.add(
            "automated-means",
            f"{scope}: {figure:.0f} are more than the {most:.0f} {what}",
            counted[0].match.line,
            column_name(part, value),
        )
