"""Checks what a report says of itself: service, provider, period and publication."""

from collections.abc import Iterable, Mapping
from datetime import date

import msgspec

from streams.statutory.parts import PERIOD_PLACEHOLDER
from streams.statutory.provider import ProviderRole
from streams.statutory.reporting_period import (
    TEMPLATES_FROM,
    Period,
    is_date,
    lawful_period,
    parse_period,
)
from streams.statutory.template import VALUE, CellKind, Part
from streams.statutory.validation.findings import Findings, column_name
from streams.statutory.validation.match_rows import MatchedRow
from streams.statutory.validation.same_text import plain


class Identity(msgspec.Struct, frozen=True):
    """What part 1 says; None where it says nothing that can be read."""

    service: str | None
    period: Period | None


_PUBLISHED = "date of the publication of the report"
_PREVIOUS = "date of the publication of the latest previous report"
_FIRST = "starting date of reporting period"
_LAST = "ending date of reporting period"


class _Identification:
    """The rows of part 1 by their indicator."""

    def __init__(self, part: Part, matched: Iterable[MatchedRow], findings: Findings) -> None:
        self.matched = {plain(each.row.label): each for each in matched}
        self._value = part.columns.index(VALUE)
        self._where = column_name(part, self._value)
        self._findings = findings

    def text(self, name: str) -> str:
        return self.matched[name].cells.get(self._value, "").strip() if name in self.matched else ""

    def day(self, name: str) -> date | None:
        return date.fromisoformat(self.text(name)) if is_date(self.text(name)) else None

    def add(self, check: str, name: str, message: str) -> None:
        self._findings.add(check, message, self.matched[name].line, self._where)


def check_identification(
    part: Part, matched: Iterable[MatchedRow], role: ProviderRole, findings: Findings
) -> Identity:
    """Check part 1, and give what the other parts must repeat."""
    rows = _Identification(part, matched, findings)
    for name, row in rows.matched.items():
        # The first report has none before it.
        if not rows.text(name) and name != _PREVIOUS:
            rows.add("identification", name, f"{row.row.label!r} is blank")
    published, previous = rows.day(_PUBLISHED), rows.day(_PREVIOUS)
    if published and previous and previous >= published:
        rows.add(
            "published-early", _PREVIOUS, f"the previous report is of {previous}, this one of {published}"
        )
    first, last = rows.day(_FIRST), rows.day(_LAST)
    service = _service(part, rows.matched.values())
    if not (first and last):
        return Identity(service, None)
    if last < first:
        rows.add("period", _LAST, f"is {last}, before the period begins")
        return Identity(service, None)
    period = Period(first, last)
    _check_period(rows, period, published, role)
    return Identity(service, period)


def _check_period(rows: _Identification, period: Period, published: date | None, role: ProviderRole) -> None:
    if period.last < TEMPLATES_FROM:
        rows.add("period-length", _LAST, f"is before {TEMPLATES_FROM}, when the templates begin to apply")
    lawful = lawful_period(period.last, role)
    if lawful and lawful != period:
        rows.add("period-length", _LAST, f"the period is {period}; for the role {role} it must be {lawful}")
    if published and published > period.publish_until:
        rows.add("published-late", _PUBLISHED, f"is {published}; it was due by {period.publish_until}")
    if published and published <= period.last:
        rows.add("published-early", _PUBLISHED, f"is {published}, but the period ends on {period.last}")


def _service(part: Part, rows: Iterable[MatchedRow]) -> str | None:
    column = part.columns.index("Service")
    return next((row.cells[column].strip() for row in rows if row.cells.get(column, "").strip()), None)


def check_identity(
    part: Part, matched: Iterable[MatchedRow], identity: Identity, role: ProviderRole, findings: Findings
) -> None:
    """Check that every row names the service and the period of part 1. The template's own words are reported with the cells."""
    for kind in (CellKind.SERVICE, CellKind.PERIOD):
        if kind not in part.column_kinds:
            continue
        column = part.column_kinds.index(kind)
        for match in matched:
            text = match.cells.get(column, PERIOD_PLACEHOLDER).strip()
            if text == PERIOD_PLACEHOLDER:
                continue
            if kind is CellKind.SERVICE:
                check, mistake = "service", _service_mistake(text, identity)
            else:
                check, mistake = "period", _period_mistake(part, text, identity, role)
            if mistake:
                findings.add(check, mistake, match.line, column_name(part, column))


def _service_mistake(text: str, identity: Identity) -> str | None:
    if not text:
        return "is blank"
    if identity.service is not None and text != identity.service:
        return f"is {text!r}, but {identity.service!r} in part 1"
    return None


def _period_mistake(part: Part, text: str, identity: Identity, role: ProviderRole) -> str | None:
    try:
        period = parse_period(text)
    except ValueError:
        return f"is {text!r}; write it as YYYY-MM-DD/YYYY-MM-DD"
    whole = identity.period
    if whole is None or period == whole:
        return None
    inside = whole.first <= period.first and period.last <= whole.last
    # In the transitional cycle the templates are only due for its second part (Annex II, part I, 3).
    if inside and whole.first < TEMPLATES_FROM <= period.first:
        return None
    # Free texts of half-yearly reports may be about twelve months (Annex II, part II, 1.2.1, C).
    if part.number == 11 and role in ("vlop", "vlose") and period.last == whole.last:
        return None
    return f"is {period}, but {whole} in part 1"


def service_of(tables: Mapping[int, Iterable[MatchedRow]], parts: Iterable[Part]) -> str | None:
    """Give the first service that any part names, for reports without part 1."""
    for part in parts:
        if "Service" in part.columns and (found := _service(part, tables.get(part.number, ()))):
            return found
    return None
