"""Checks what a report says of itself: service, provider, period and publication."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from streams.statutory.parts import PERIOD_PLACEHOLDER
from streams.statutory.provider import ProviderRole
from streams.statutory.reporting_period import TEMPLATES_FROM, Period, is_date, lawful_period, parse_period
from streams.statutory.template import CellKind
from streams.statutory.validation.match_rows import ReportRow
from streams.statutory.validation.read_table import plain

# The column of the values in part 1, from 0.
_VALUE = 3
_PUBLISHED = "date of the publication of the report"
_PREVIOUS = "date of the publication of the latest previous report"
_FIRST = "starting date of reporting period"
_LAST = "ending date of reporting period"


class Identity(msgspec.Struct, frozen=True):
    """What part 1 says; None where it says nothing that can be read."""

    service: str | None
    period: Period | None


def check_identification(rows: Sequence[ReportRow], role: ProviderRole) -> Identity:
    """Check part 1, and give what the other parts must repeat."""
    by_name = {plain(each.row.label): each for each in rows}
    for name, row in by_name.items():
        # The first report has none before it.
        if not row.text(_VALUE) and name != _PREVIOUS:
            row.add("identification", f"{row.row.label!r} is blank", _VALUE)
    days = {
        name: date.fromisoformat(row.text(_VALUE))
        for name, row in by_name.items()
        if is_date(row.text(_VALUE))
    }
    published, previous = days.get(_PUBLISHED), days.get(_PREVIOUS)
    if published and previous and previous >= published:
        message = f"the previous report is of {previous}, this one of {published}"
        by_name[_PREVIOUS].add("published-early", message, _VALUE)
    service = service_of({1: by_name.values()})
    if not {_FIRST, _LAST} <= days.keys():
        return Identity(service, None)
    first, last = days[_FIRST], days[_LAST]
    if last < first:
        by_name[_LAST].add("period", f"is {last}, before the period begins", _VALUE)
        return Identity(service, None)
    _check_period(by_name, Period(first, last), published, role)
    return Identity(service, Period(first, last))


def _check_period(
    by_name: Mapping[str, ReportRow], period: Period, published: date | None, role: ProviderRole
) -> None:
    if period.last < TEMPLATES_FROM:
        message = f"is before {TEMPLATES_FROM}, when the templates begin to apply"
        by_name[_LAST].add("period-length", message, _VALUE)
    lawful = lawful_period(period.last, role)
    if lawful and lawful != period:
        message = f"the period is {period}; for the role {role} it must be {lawful}"
        by_name[_LAST].add("period-length", message, _VALUE)
    if published and published > period.publish_until:
        message = f"is {published}; it was due by {period.publish_until}"
        by_name[_PUBLISHED].add("published-late", message, _VALUE)
    if published and published <= period.last:
        message = f"is {published}, but the period ends on {period.last}"
        by_name[_PUBLISHED].add("published-early", message, _VALUE)


def service_of(tables: Mapping[int, Iterable[ReportRow]]) -> str | None:
    """Give the first service that any part names; `tables` are in the order of the parts."""
    for rows in tables.values():
        for row in rows:
            if "Service" in row.part.columns and (service := row.text(row.part.columns.index("Service"))):
                return service
    return None


def check_identity(rows: Sequence[ReportRow], identity: Identity, role: ProviderRole) -> None:
    """Check that every row names the service and the period of part 1.

    The template's own words are reported with the cells.
    """
    for kind, check in ((CellKind.SERVICE, "service"), (CellKind.PERIOD, "period")):
        for row in rows:
            if kind not in row.part.column_kinds:
                continue
            column = row.part.column_kinds.index(kind)
            text = row.cells.get(column, PERIOD_PLACEHOLDER).strip()
            if text == PERIOD_PLACEHOLDER:
                continue
            mistake = (
                _service_mistake(text, identity.service)
                if kind is CellKind.SERVICE
                else _period_mistake(row.part.number, text, identity.period, role)
            )
            if mistake:
                row.add(check, mistake, column)


def _service_mistake(text: str, service: str | None) -> str | None:
    if not text:
        return "is blank"
    return None if service in (None, text) else f"is {text!r}, but {service!r} in part 1"


def _period_mistake(number: int, text: str, whole: Period | None, role: ProviderRole) -> str | None:
    try:
        period = parse_period(text)
    except ValueError:
        return f"is {text!r}; write it as YYYY-MM-DD/YYYY-MM-DD"
    if whole is None or period == whole:
        return None
    inside = whole.first <= period.first and period.last <= whole.last
    # In the transitional cycle the templates are only due for its second part (Annex II, part I, 3).
    if inside and whole.first < TEMPLATES_FROM <= period.first:
        return None
    # Free texts of half-yearly reports may be about twelve months (Annex II, part II, 1.2.1, C).
    if number == 11 and role in ("vlop", "vlose") and period.last == whole.last:
        return None
    return f"is {period}, but {whole} in part 1"
