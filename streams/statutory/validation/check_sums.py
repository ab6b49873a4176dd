"""Checks figures against each other: within a row, over the rows of a part, and over parts.

Columns have their letters, as in the instructions.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from streams.statutory.template import OTHER, TOTAL, CellKind, Part
from streams.statutory.validation.checks import column_name
from streams.statutory.validation.match_rows import ReportRow

# A notice that names more items than this is likelier a count of something else: views, or items that were
# removed.
_MANY_ITEMS = 1000

_COMPLAINTS = "Number of complaints submitted to the internal-complaints mechanism"

# The column of the figures in parts 7 and 8.
_VALUE = "G"


def check_sums(part: Part, rows: Sequence[ReportRow]) -> None:
    """Check sums over rows, and comparisons within a row."""
    if 3 <= part.number <= 6:
        _check_categories(rows)
    if part.number == 3:
        _check_states(rows)
    if part.number == 7:
        _check_complaints(rows)
    for row in rows:
        for rule, columns in _RULES.get(part.number, ()):
            rule(row, *columns)


def check_parts(rows: Mapping[int, Sequence[ReportRow]]) -> None:
    """Compare part 8 with the totals of parts 4, 5 and 6.

    Part 8 has no figure for what was done partly by automated means, so its figures may be smaller, but not
    greater.
    """
    for label, scope, numbers, column, what in _AT_MOST:
        totals = [
            next((_figure(row, column) for row in rows.get(number, ()) if row.row.category == TOTAL), None)
            for number in numbers
        ]
        counted = [
            row
            for row in rows.get(8, ())
            if row.row.label.startswith(label)
            and row.row.scope.strip() == scope
            and _figure(row, _VALUE) is not None
        ]
        figure, most = sum(_figure(row, _VALUE) or 0 for row in counted), sum(filter(None, totals))
        if None not in totals and counted and figure > most:
            _add(
                counted[0],
                "automated-means",
                _VALUE,
                f"{scope}: {figure:.0f} are more than the {most:.0f} {what}",
            )


def _figure(row: ReportRow, column: str) -> float | None:
    return row.figures.get(_number(column))


def _number(column: str) -> int:
    return ord(column) - ord("A")


def _add(row: ReportRow, check: str, column: str, message: str) -> None:
    row.add(check, message, _number(column))


def _among(row: ReportRow, among: str, every: str, check: str) -> None:
    """Report a count of some that is greater than that of all."""
    some, whole = _figure(row, among), _figure(row, every)
    if some is not None and whole is not None and some > whole:
        where = column_name(row.part, _number(every))
        _add(row, check, among, f"is {some:.0f}, more than the {whole:.0f} of {where}")


def _items(row: ReportRow, named: str, given: str, what: str) -> None:
    """Report items that are fewer, or far more, than the notices or orders that name them."""
    items, count = _figure(row, named), _figure(row, given)
    if items is None or count is None:
        return
    if items < count:
        _add(row, "items", named, f"is {items:.0f}, fewer than the {count:.0f} {what}")
    elif items > _MANY_ITEMS * count:
        _add(row, "items-many", named, f"is {items:.0f}, for {count:.0f} {what}")


def _median(row: ReportRow, median: str, cases: str, what: str) -> None:
    _compare_median(row, median, _figure(row, cases), what)


def _compare_median(row: ReportRow, median: str, cases: float | None, what: str) -> None:
    """Report a median of nothing, and one that is missing."""
    if cases == 0 and (hours := _figure(row, median)):
        _add(row, "median-without-cases", median, f"is {hours:g}, but there were no {what}")
    if cases and _number(median) in row.blank:
        _add(row, "median-missing", median, f"is blank, but the number of {what} is {cases:.0f}")


def _actions(row: ReportRow, taken: str, named: str, median: str) -> None:
    """Report more actions than items; `taken` are the columns of actions by law and by terms."""
    by_law, by_terms, items = _figure(row, taken[0]), _figure(row, taken[1]), _figure(row, named)
    if by_law is None or by_terms is None:
        return
    actions = by_law + by_terms
    if items is not None and actions > items:
        message = f"{actions:.0f} actions were taken, more than the {items:.0f} items"
        _add(row, "actions", taken[0], message)
    _compare_median(row, median, actions, "actions")


def _restrictions(row: ReportRow, measures: str, columns: str) -> None:
    number, restrictions = _figure(row, measures), [_figure(row, column) for column in columns]
    if number is not None and any(each is not None for each in restrictions):
        restricted = sum(filter(None, restrictions))
        if restricted < number:
            message = f"is {number:.0f}, but the restrictions add up to {restricted:.0f}"
            _add(row, "restrictions", measures, message)


def _context(row: ReportRow, context: str) -> None:
    given = row.row.label.startswith("Accuracy of") and _figure(row, _VALUE) is not None
    if given and not row.text(_number(context)):
        _add(row, "accuracy-context", context, "is blank")


_Rule = tuple[Callable[..., None], tuple[str, ...]]

_OWN_INITIATIVE: Sequence[_Rule] = (
    (_among, ("G", "F", "automated-above-all")),
    (_restrictions, ("F", "HIJKLMNOPQRSTU")),
)  # fmt: skip

# What is checked in each row of a part.
_RULES: Mapping[int, Sequence[_Rule]] = {
    3: (
        (_items, ("H", "G", "orders")),
        (_median, ("I", "G", "orders")),
        (_median, ("J", "G", "orders")),
        (_median, ("L", "K", "orders")),
        (_median, ("M", "K", "orders")),
    ),
    4: (
        (_among, ("G", "F", "trusted-flaggers")),
        (_among, ("I", "H", "trusted-flaggers")),
        (_among, ("M", "L", "trusted-flaggers")),
        (_among, ("O", "N", "trusted-flaggers")),
        (_items, ("H", "F", "notices")),
        (_items, ("I", "G", "notices")),
        (_actions, ("LN", "H", "J")),
        (_actions, ("MO", "I", "K")),
    ),
    5: _OWN_INITIATIVE,
    6: _OWN_INITIATIVE,
    8: ((_context, ("H",)),),
}

# Figures of part 8, by indicator and scope, and the totals of a column of other parts: they may not exceed
# these.
_AT_MOST = (
    ("Number of notices", "NAM Total", (4,), "F", "notices in part 4"),
    ("Number of notices", "NAM Trusted Flagger", (4,), "G", "notices of trusted flaggers in part 4"),
    ("Number of measures", "Own-initiative", (5, 6), "F", "measures in parts 5 and 6"),
    (
        "Number of measures solely",
        "Own-initiative",
        (5, 6),
        "G",
        "measures after automated detection in parts 5 and 6",
    ),
)


def _compare_sums(whole: ReportRow, parts: Sequence[ReportRow], check: str, what: str) -> None:
    """Report counts that are not the sum of others. What cannot be read was reported, so nothing is added."""
    for column, kind in enumerate(whole.part.column_kinds):
        unread = any(column not in each.blank and column not in each.figures for each in (whole, *parts))
        if kind is not CellKind.COUNT or unread:
            continue
        summed = sum(each.figures.get(column, 0) for each in parts)
        figure = whole.figures.get(column)
        if summed != (figure or 0):
            row = whole.row
            name = row.label if row.scope in ("", TOTAL) else f"{row.label} of {row.scope}"
            given = "blank" if figure is None else f"{figure:.0f}"
            whole.add(check, f"{name} is {given}, but {what} add up to {summed:.0f}", column)


def _check_categories(rows: Iterable[ReportRow]) -> None:
    blocks: dict[str, list[ReportRow]] = defaultdict(list)
    for each in rows:
        blocks[each.row.scope].append(each)
    for block in blocks.values():
        categories = {each.row.category: each for each in block if each.row.is_high_level}
        below: dict[str, list[ReportRow]] = defaultdict(list)
        for each in block:
            category = each.row.category
            if category != TOTAL:
                below[TOTAL if each is categories.get(category) else category].append(each)
        for category, whole in categories.items():
            if category == TOTAL and below[TOTAL]:
                _compare_sums(whole, below[TOTAL], "total", "the categories")
            elif below[category]:
                _compare_sums(whole, below[category], "sub-categories", "its sub-categories")


def _check_states(rows: Sequence[ReportRow]) -> None:
    """Not rows of KEYWORD_OTHER: those of a State may have other descriptions than those of the total."""
    states: dict[str, list[ReportRow]] = defaultdict(list)
    for each in rows:
        if each.row.scope != TOTAL:
            states[each.row.label].append(each)
    for each in rows:
        if each.row.scope == TOTAL and each.row.label != OTHER:
            _compare_sums(each, states[each.row.label], "states-total", "the Member States")
    for each in states[TOTAL]:
        if not any(_figure(each, column) for column in "GHK"):
            each.add("state-without-orders", f"{each.row.scope} has rows, but no order")


def _check_complaints(rows: Iterable[ReportRow]) -> None:
    indicators: dict[str, dict[str, ReportRow]] = defaultdict(dict)
    for each in rows:
        indicators[each.row.label.strip()][each.row.scope] = each
    every = _of_scope(indicators[_COMPLAINTS], "Total number")
    for indicator, scopes in indicators.items():
        total = _of_scope(scopes, "Total number")
        if total is None:
            continue
        row = scopes["Total number"]
        decided = sum(_of_scope(scopes, scope) or 0 for scope in scopes if scope.startswith("Decision"))
        if decided > total:
            _add(row, "complaints", _VALUE, f"is {total:.0f}, but {decided:.0f} were decided or omitted")
        if indicator.startswith("Complaint regarding") and every is not None and total > every:
            message = f"is {total:.0f}, more than the {every:.0f} complaints of all kinds"
            _add(row, "complaints", _VALUE, message)
        if "Median time" in scopes:
            _compare_median(scopes["Median time"], _VALUE, decided, "decisions")


def _of_scope(scopes: Mapping[str, ReportRow], scope: str) -> float | None:
    return _figure(scopes[scope], _VALUE) if scope in scopes else None
