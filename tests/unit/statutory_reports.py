"""A transparency report as a platform would publish it: valid, and with figures that add up."""

from datetime import date

from streams.statutory.fill import FilledRow, write_part
from streams.statutory.parts import parts
from streams.statutory.reporting_period import Period
from streams.statutory.template import TOTAL, VALUE, CellKind

SERVICE = "Chirp"
YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))
HALF_YEAR = Period(date(2026, 1, 1), date(2026, 6, 30))
STATES = ("AT", "EL")


def valid_report(role="platform", period=YEAR):
    """The files of a report, by name."""
    published = {YEAR: date(2027, 2, 26), HALF_YEAR: date(2026, 8, 31)}[period]
    return {
        part.file_name: write_part(
            part, SERVICE, None if part.number in (1, 2) else period, rows_of(part, role, period, published)
        )
        for part in parts()
        if part.number == 2 or any(row.fills(role) for row in part.rows)
    }


def rows_of(part, role, period, published):
    if part.number == 1:
        values = {
            "Name": "Chirp Ltd",
            "Date of the publication of the report": published,
            "Date of the publication of the latest": date(2026, 2, 27),
            "Starting": period.first,
            "Ending": period.last,
        }
        for row in part.rows:
            (value,) = (each for name, each in values.items() if row.label.startswith(name))
            yield FilledRow(row, {VALUE: value})
    elif part.number == 3:
        # One order to act and one to provide information in every sub-category, from each of two States.
        yield from (counted(part, row, len(STATES)) for row in part.rows)
        for state in STATES:
            yield from (counted(part, row, 1) for row in part.state_rows(state))
    elif part.number in (4, 5, 6):
        yield from (counted(part, row, 1) for row in part.rows)
    else:
        for row in part.rows:
            yield FilledRow(row, single(part, row, role) if row.fills(role) and part.number != 2 else {})


def counted(part, row, each):
    """A row of parts 3 to 6 in which every sub-category has the same figures."""
    below = sum(
        1
        for one in part.rows
        if (row.label == TOTAL or one.category == row.category)
        and (not one.is_high_level or one.label.startswith("STATEMENT_CATEGORY_NOT_SPECIFIED"))
    )
    cases = each * (below if row.is_high_level else 1)
    values = {}
    for name, kind in zip(part.columns, part.column_kinds, strict=True):
        if kind is CellKind.HOURS:
            values[name] = 0 if "inform" in name else 13.5
        elif kind is CellKind.COUNT:
            monetary = name.startswith("Monetary")
            few = "Trusted" in name or "solely automated" in name
            values[name] = None if monetary else cases * (1 if few else 2 if "items" in name else 1)
    if part.number == 4:
        terms = [name for name in part.columns if name.startswith("Number of actions") and "terms" in name]
        values |= dict.fromkeys(terms, 0)
    description = f"Sub-category {row.category.removeprefix('STATEMENT_CATEGORY_').lower()}"
    return FilledRow(row, values, description)


def single(part, row, role):
    """The value of a row of parts 7 to 11."""
    values = {
        CellKind.COUNT: 0,
        CellKind.HOURS: 48,
        CellKind.SHARE: 0.95,
        CellKind.FULL_TIME: 12.5,
        CellKind.FREE_TEXT: "What we did, in our own words.",
    }
    value = values[part.kind(row, part.columns.index(VALUE))]
    if part.number == 7:
        value = {"Total number": 10, "Decisions upheld": 8, "Decisions reversed": 1}.get(row.scope, value)
        if row.label.startswith(("Complaint", "Number of restrictions", "Number of suspensions")):
            value = {"Total number": 1, "Decisions upheld": 1, "Decisions reversed": 0}.get(row.scope, value)
    context = {part.columns[-1]: "All systems together."} if row.label.startswith("Accuracy of") else {}
    return {VALUE: value} | context
