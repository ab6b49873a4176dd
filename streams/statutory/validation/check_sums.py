"""Checks figures of one part against each other."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.statutory.template import OTHER, TOTAL, VALUE, CellKind, Part
from streams.statutory.validation.check_cells import CheckedRow
from streams.statutory.validation.findings import Findings, column_name

# A notice that names more items than this is likelier a count of something else: views, or items that were removed.
_MANY_ITEMS = 1000

_COMPLAINTS = "Number of complaints submitted to the internal-complaints mechanism"


def check_sums(part: Part, rows: Sequence[CheckedRow], findings: Findings) -> None:
    """Check sums over rows, and comparisons within a row."""
    figures = [_Figures(part, row, findings) for row in rows]
    if 3 <= part.number <= 6:
        _check_categories(figures)
    if part.number == 3:
        _check_states(figures)
    if part.number == 7:
        _check_complaints(figures)
    for each in figures:
        match part.number:
            case 3:
                _check_orders(each)
            case 4:
                _check_notices(each)
            case 5 | 6:
                _check_measures(each)
            case 8:
                _check_accuracy(each)


@dataclass(frozen=True, slots=True)
class _Figures:
    """The figures of a row, and where to report what is wrong with them. Columns count from 0."""

    part: Part
    row: CheckedRow
    findings: Findings

    @property
    def scope(self) -> str:
        return self.row.match.row.scope

    @property
    def label(self) -> str:
        return self.row.match.row.label

    @property
    def category(self) -> str:
        return self.row.match.row.category

    @property
    def counts(self) -> list[int]:
        """The columns of counts."""
        return [column for column, kind in enumerate(self.part.column_kinds) if kind is CellKind.COUNT]

    def column(self, header: str) -> int:
        """The first column whose header starts so."""
        return next(
            column for column, name in enumerate(self.part.columns) if name.strip().startswith(header)
        )

    def get(self, column: int) -> float | None:
        return self.row.figures.get(column)

    def add(self, check: str, column: int, message: str) -> None:
        self.findings.add(check, message, self.row.match.line, column_name(self.part, column))

    def compare_sum(self, column: int, parts: Sequence["_Figures"], check: str, what: str) -> None:
        """Report a count that is not the sum of others. A cell that cannot be read was reported, so nothing is added."""
        whole = self.get(column)
        if any(column not in each.row.blank and each.get(column) is None for each in (self, *parts)):
            return
        summed = sum(each.get(column) or 0 for each in parts)
        if summed != (whole or 0):
            name = self.label if self.scope in ("", TOTAL) else f"{self.label} of {self.scope}"
            given = "blank" if whole is None else f"{whole:.0f}"
            self.add(check, column, f"{name} is {given}, but {what} add up to {summed:.0f}")

    def compare_among(self, among: int, every: int, check: str) -> None:
        """Report a count of some that is greater than that of all."""
        some, whole = self.get(among), self.get(every)
        if some is not None and whole is not None and some > whole:
            where = column_name(self.part, every)
            self.add(check, among, f"is {some:.0f}, more than the {whole:.0f} of {where}")

    def compare_items(self, named: int, given: int, what: str) -> None:
        """Report items that are fewer, or far more, than the notices or orders that name them."""
        items, count = self.get(named), self.get(given)
        if items is None or count is None:
            return
        if items < count:
            self.add("items", named, f"is {items:.0f}, fewer than the {count:.0f} {what}")
        elif items > _MANY_ITEMS * count:
            self.add("items-many", named, f"is {items:.0f}, for {count:.0f} {what}")

    def compare_median(self, median: int, cases: float | None, what: str) -> None:
        """Report a median of nothing, and one that is missing."""
        if cases == 0 and self.get(median):
            self.add("median-without-cases", median, f"is {self.get(median):g}, but there were no {what}")
        if cases and median in self.row.blank:
            self.add("median-missing", median, f"is blank, but the number of {what} is {cases:.0f}")


def _check_categories(rows: Iterable[_Figures]) -> None:
    blocks: dict[str, list[_Figures]] = defaultdict(list)
    for each in rows:
        blocks[each.scope].append(each)
    for block in blocks.values():
        categories = {each.category: each for each in block if each.row.match.row.is_high_level}
        below: dict[str, list[_Figures]] = defaultdict(list)
        for each in block:
            if each.category != TOTAL:
                below[TOTAL if each is categories.get(each.category) else each.category].append(each)
        for category, whole in categories.items():
            check, what = "sub-categories", "its sub-categories"
            if category == TOTAL:
                check, what = "total", "the categories"
            if below[category]:
                for column in whole.counts:
                    whole.compare_sum(column, below[category], check, what)


def _check_states(rows: Sequence[_Figures]) -> None:
    """Not rows of KEYWORD_OTHER: those of a State may have other descriptions than those of the total."""
    states: dict[str, list[_Figures]] = defaultdict(list)
    for each in rows:
        if each.scope != TOTAL:
            states[each.label].append(each)
    for each in rows:
        if each.scope == TOTAL and each.label != OTHER:
            for column in each.counts:
                each.compare_sum(column, states[each.label], "states-total", "the Member States")
    for each in states[TOTAL]:
        if not any(each.get(column) for column in each.counts):
            each.findings.add(
                "state-without-orders", f"{each.scope} has rows, but no order", each.row.match.line
            )


def _check_orders(row: _Figures) -> None:
    to_act = row.column("Number of orders to act")
    to_inform = row.column("Number of orders to provide information")
    row.compare_items(row.column("Number of specific items"), to_act, "orders")
    for column, kind in enumerate(row.part.column_kinds):
        if kind is CellKind.HOURS:
            row.compare_median(column, row.get(to_act if column < to_inform else to_inform), "orders")


def _check_notices(row: _Figures) -> None:
    first = row.column("Number of notices received")
    notices, trusted, items, trusted_items, median, trusted_median = range(first, first + 6)
    law, trusted_law, terms, trusted_terms = range(first + 6, first + 10)
    for among, every in (
        (trusted, notices),
        (trusted_items, items),
        (trusted_law, law),
        (trusted_terms, terms),
    ):
        row.compare_among(among, every, "trusted-flaggers")
    row.compare_items(items, notices, "notices")
    row.compare_items(trusted_items, trusted, "notices")
    for by_law, by_terms, named, time in (
        (law, terms, items, median),
        (trusted_law, trusted_terms, trusted_items, trusted_median),
    ):
        taken = [row.get(by_law), row.get(by_terms)]
        if None in taken:
            continue
        actions = sum(filter(None, taken))
        items_named = row.get(named)
        if items_named is not None and actions > items_named:
            row.add(
                "actions", by_law, f"{actions:.0f} actions were taken, more than the {items_named:.0f} items"
            )
        row.compare_median(time, actions, "actions")


def _check_measures(row: _Figures) -> None:
    measures = row.column("Number of measures taken at")
    row.compare_among(row.column("Number of measures taken after"), measures, "automated-above-all")
    restrictions = [row.get(column) for column in row.counts[2:]]
    number = row.get(measures)
    if number is not None and any(each is not None for each in restrictions):
        restricted = sum(filter(None, restrictions))
        if restricted < number:
            row.add(
                "restrictions", measures, f"is {number:.0f}, but the restrictions add up to {restricted:.0f}"
            )


def _check_complaints(rows: Iterable[_Figures]) -> None:
    indicators: dict[str, dict[str, _Figures]] = defaultdict(dict)
    for each in rows:
        indicators[each.label.strip()][each.scope] = each
    every = _total(indicators[_COMPLAINTS])
    for indicator, scopes in indicators.items():
        total = _total(scopes)
        if total is None:
            continue
        row = scopes["Total number"]
        value = row.column(VALUE)
        decided = sum(each.get(value) or 0 for scope, each in scopes.items() if scope.startswith("Decision"))
        if decided > total:
            row.add("complaints", value, f"is {total:.0f}, but {decided:.0f} were decided or omitted")
        if indicator.startswith("Complaint regarding") and every is not None and total > every:
            row.add("complaints", value, f"is {total:.0f}, more than the {every:.0f} complaints of all kinds")
        if "Median time" in scopes:
            scopes["Median time"].compare_median(value, decided, "decisions")


def _total(scopes: Mapping[str, _Figures]) -> float | None:
    row = scopes.get("Total number")
    return None if row is None else row.get(row.column(VALUE))


def _check_accuracy(row: _Figures) -> None:
    context = row.part.column_kinds.index(CellKind.CONTEXT)
    given = row.get(row.column(VALUE)) is not None
    if row.label.startswith("Accuracy of") and given and not row.row.match.cells.get(context, "").strip():
        row.add("accuracy-context", context, "is blank")
