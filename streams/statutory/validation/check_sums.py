"""Checks figures of one part against each other."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from streams.statutory.template import OTHER, TOTAL, CellKind, Part
from streams.statutory.validation.check_cells import CheckedRow
from streams.statutory.validation.findings import Findings, column_name

# A notice that names more items than this is likelier a count of something else: views, or items that were removed.
_MANY_ITEMS = 1000


def check_sums(part: Part, rows: list[CheckedRow], findings: Findings) -> None:
    """Check sums over rows, and comparisons within a row."""
    if 3 <= part.number <= 6:
        _check_categories(part, rows, findings)
    if part.number == 3:
        _check_states(part, rows, findings)
    for row in rows:
        if part.number == 3:
            _check_orders(part, row, findings)
        elif part.number == 4:
            _check_notices(part, row, findings)
        elif part.number in (5, 6):
            _check_measures(part, row, findings)
    if part.number == 7:
        _check_complaints(part, rows, findings)
    if part.number == 8:
        _check_accuracy(part, rows, findings)


def _counts(part: Part) -> Iterator[int]:
    return (column for column, kind in enumerate(part.column_kinds) if kind is CellKind.COUNT)


def _check_categories(part: Part, rows: list[CheckedRow], findings: Findings) -> None:
    by_scope: dict[str, list[CheckedRow]] = defaultdict(list)
    for row in rows:
        by_scope[row.match.row.scope].append(row)
    for block in by_scope.values():
        high_level = [each for each in block if each.match.row.is_high_level]
        for column in _counts(part):
            for row in high_level:
                category = row.match.row.category
                below = [
                    each
                    for each in block
                    if each.match.row.category == category and not each.match.row.is_high_level
                ]
                if category == TOTAL:
                    below = [each for each in high_level if each.match.row.category != TOTAL]
                check, what = (
                    ("total", "the categories")
                    if category == TOTAL
                    else ("sub-categories", "its sub-categories")
                )
                if below:
                    _compare_sum(part, row, below, column, check, what, findings)


def _check_states(part: Part, rows: list[CheckedRow], findings: Findings) -> None:
    """Only sums of high-level categories: a State may describe rows of KEYWORD_OTHER that the total joins."""
    of_states: dict[str, list[CheckedRow]] = defaultdict(list)
    for row in rows:
        if row.match.row.scope != TOTAL:
            of_states[row.match.row.label].append(row)
    for row in rows:
        if row.match.row.scope == TOTAL and row.match.row.label != OTHER:
            for column in _counts(part):
                _compare_sum(
                    part,
                    row,
                    of_states[row.match.row.label],
                    column,
                    "states-total",
                    "the Member States",
                    findings,
                )
    orders = list(_counts(part))
    for row in of_states[TOTAL]:
        if not any(row.figures.get(column) for column in orders):
            findings.add(
                "state-without-orders", f"{row.match.row.scope} has rows, but no order", row.match.line
            )


def _compare_sum(
    part: Part,
    row: CheckedRow,
    parts: list[CheckedRow],
    column: int,
    check: str,
    what: str,
    findings: Findings,
) -> None:
    """Report a figure that is not the sum of others. Cells that cannot be read were reported, so no sum is made."""
    if column not in row.figures or any(
        column not in each.figures and column not in each.blank for each in parts
    ):
        return
    summed = sum(each.figures.get(column, 0) for each in parts)
    if summed != row.figures[column]:
        scope = row.match.row.scope
        findings.add(
            check,
            f"{row.match.row.label}{'' if scope in ('', TOTAL) else f' of {scope}'} is {row.figures[column]:.0f}, but "
            f"{what} add up to {summed:.0f}",
            row.match.line,
            column_name(part, column),
        )


def _column(part: Part, starts: str) -> int:
    return next(column for column, name in enumerate(part.columns) if name.strip().startswith(starts))


def _check_orders(part: Part, row: CheckedRow, findings: Findings) -> None:
    against = _column(part, "Number of orders to act")
    _check_items(part, row, against, _column(part, "Number of specific items"), "orders", findings)
    _check_median(
        part,
        row,
        _column(part, "Median time to inform the authority of the receipt of the order to act"),
        against,
        findings,
    )
    _check_median(
        part, row, _column(part, "Median time to give effect to the order to act"), against, findings
    )
    inform = _column(part, "Number of orders to provide information")
    for median in (inform + 1, inform + 2):
        _check_median(part, row, median, inform, findings)


def _check_notices(part: Part, row: CheckedRow, findings: Findings) -> None:
    first = _column(part, "Number of notices received")
    notices, trusted, items, trusted_items, median, trusted_median, law, trusted_law, terms, trusted_terms = (
        range(first, first + 10)
    )
    for among, every in (
        (trusted, notices),
        (trusted_items, items),
        (trusted_law, law),
        (trusted_terms, terms),
    ):
        _check_among(part, row, among, every, "trusted-flaggers", findings)
    for given, named in ((notices, items), (trusted, trusted_items)):
        _check_items(part, row, given, named, "notices", findings)
    figures = row.figures
    for taken, named, time in (
        ((law, terms), items, median),
        ((trusted_law, trusted_terms), trusted_items, trusted_median),
    ):
        if any(column not in figures for column in taken):
            continue
        actions = sum(figures[column] for column in taken)
        if named in figures and actions > figures[named]:
            findings.add(
                "actions",
                f"{actions:.0f} actions were taken on {figures[named]:.0f} items",
                row.match.line,
                column_name(part, taken[0]),
            )
        _check_cases(part, row, time, actions, "actions", findings)


def _check_measures(part: Part, row: CheckedRow, findings: Findings) -> None:
    measures = _column(part, "Number of measures taken at")
    _check_among(part, row, measures + 1, measures, "automated-above-all", findings)
    restrictions = range(measures + 2, measures + 16)
    given = [row.figures[column] for column in restrictions if column in row.figures]
    if given and sum(given) < row.figures.get(measures, 0):
        findings.add(
            "restrictions",
            f"{row.figures[measures]:.0f} measures, but only {sum(given):.0f} restrictions",
            row.match.line,
            column_name(part, measures),
        )


def _check_among(part: Part, row: CheckedRow, among: int, every: int, check: str, findings: Findings) -> None:
    if row.figures.get(among, 0) > row.figures.get(every, float("inf")):
        findings.add(
            check,
            f"is {row.figures[among]:.0f}, more than the {row.figures[every]:.0f} of {column_name(part, every)}",
            row.match.line,
            column_name(part, among),
        )


def _check_items(part: Part, row: CheckedRow, given: int, named: int, what: str, findings: Findings) -> None:
    if given not in row.figures or named not in row.figures:
        return
    count, items = row.figures[given], row.figures[named]
    where = column_name(part, named)
    if items < count:
        findings.add("items", f"{count:.0f} {what} name only {items:.0f} items", row.match.line, where)
    elif items > _MANY_ITEMS * count:
        findings.add("items-many", f"{count:.0f} {what} name {items:.0f} items", row.match.line, where)


def _check_median(part: Part, row: CheckedRow, median: int, counted: int, findings: Findings) -> None:
    if counted in row.figures:
        _check_cases(part, row, median, row.figures[counted], "orders", findings)


def _check_cases(
    part: Part, row: CheckedRow, median: int, cases: float, what: str, findings: Findings
) -> None:
    where = column_name(part, median)
    if not cases and row.figures.get(median):
        findings.add(
            "median-without-cases",
            f"is {row.figures[median]:g}, but there were no {what}",
            row.match.line,
            where,
        )
    if cases and median in row.blank:
        findings.add("median-missing", f"is blank, but there were {cases:.0f} {what}", row.match.line, where)


def _check_complaints(part: Part, rows: list[CheckedRow], findings: Findings) -> None:
    value = part.columns.index("Value")
    where = column_name(part, value)
    by_indicator: dict[str, dict[str, CheckedRow]] = defaultdict(dict)
    for row in rows:
        by_indicator[row.match.row.label.strip()][row.match.row.scope] = row
    complaints = _value(
        by_indicator["Number of complaints submitted to the internal-complaints mechanism"].get(
            "Total number"
        ),
        value,
    )
    for indicator, scopes in by_indicator.items():
        total = _value(scopes.get("Total number"), value)
        decided = [
            _value(row, value) or 0
            for scope, row in scopes.items()
            if scope.startswith(("Decisions", "Decision omitted"))
        ]
        if total is None:
            continue
        line = scopes["Total number"].match.line
        if sum(decided) > total:
            findings.add(
                "complaints",
                f"{sum(decided):.0f} decisions about {total:.0f} complaints or disputes",
                line,
                where,
            )
        if indicator.startswith("Complaint regarding") and complaints is not None and total > complaints:
            findings.add(
                "complaints", f"{total:.0f} complaints of this kind are among {complaints:.0f}", line, where
            )
        if "Median time" in scopes:
            _check_cases(part, scopes["Median time"], value, sum(decided), "decisions", findings)


def _check_accuracy(part: Part, rows: Iterable[CheckedRow], findings: Findings) -> None:
    value = part.columns.index("Value")
    context = part.column_kinds.index(CellKind.CONTEXT)
    for row in rows:
        if (
            row.match.row.label.startswith("Accuracy of")
            and value in row.figures
            and not row.match.cells.get(context, "").strip()
        ):
            findings.add("accuracy-context", "is blank", row.match.line, column_name(part, context))


def _value(row: CheckedRow | None, column: int) -> float | None:
    return None if row is None else row.figures.get(column)
