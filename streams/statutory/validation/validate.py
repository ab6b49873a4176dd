"""Validates a transparency report: the files of one folder."""

import re
from collections.abc import Iterator, Mapping

from streams.statutory.parts import parts
from streams.statutory.provider import ProviderRole
from streams.statutory.template import Part
from streams.statutory.validation.check_cells import check_cells
from streams.statutory.validation.check_identity import (
    Identity,
    check_identification,
    check_identity,
    service_of,
)
from streams.statutory.validation.check_sums import check_parts, check_sums
from streams.statutory.validation.checks import Finding, Findings
from streams.statutory.validation.match_rows import ReportRow, match_rows
from streams.statutory.validation.read_table import match_columns, read_table

# Part 1 is named summary in the Commission's CSV files, and report_identification in its sheets.
_OTHER_NAMES = {"1_summary": 1}


def validate(files: Mapping[str, bytes], role: ProviderRole) -> list[Finding]:
    """Check a report of a provider with this role. `files` are by name.

    The findings are in the order of the parts. A report without errors is one that the templates allow;
    whether its figures are true is not known.
    """
    found = {part.number: Findings(part.file_name, part) for part in parts()}
    others: list[Finding] = []
    chosen: dict[int, str] = {}
    for name in sorted(files):
        number = _part_number(name)
        if number is None:
            others += _about(name, "file-unknown", "is not a part of the report")
        elif not name.lower().endswith(".csv"):
            others += _about(name, "not-csv", f"is not CSV; publish {parts()[number - 1].file_name}")
        elif number in chosen:
            others += _about(name, "part-twice", f"is part {number}, and so is {chosen[number]}")
        else:
            chosen[number] = name
            found[number] = Findings(name, parts()[number - 1])
            if name != parts()[number - 1].file_name:
                found[number].add("file-name", f"name it {parts()[number - 1].file_name}")
    matched: dict[int, list[ReportRow]] = {}
    for part in parts():
        if part.number in chosen:
            rows = _read(part, files[chosen[part.number]], role, found[part.number])
            if rows is not None:
                matched[part.number] = rows
        elif any(row.fills(role) for row in part.rows):
            found[part.number].add("part-missing", f"is missing; a provider of the role {role} fills it in")
    _check(matched, role, found)
    return [finding for each in found.values() for finding in each] + others


def _part_number(name: str) -> int | None:
    """The part that a file is, by its name; None if it is none."""
    stem = re.sub(r"[\s-]+", "_", name.rsplit(".", 1)[0]).lower()
    names = {part.name.lower(): part.number for part in parts()} | _OTHER_NAMES
    # The longest first: 1_summary is the end of 11_summary.
    for known in sorted(names, key=len, reverse=True):
        if re.search(rf"(?:^|[^0-9]){known}$", stem):
            return names[known]
    return None


def _about(name: str, check: str, message: str) -> Iterator[Finding]:
    findings = Findings(name)
    findings.add(check, message)
    return iter(findings)


def _read(part: Part, data: bytes, role: ProviderRole, findings: Findings) -> list[ReportRow] | None:
    table = read_table(data, findings)
    if table is None:
        return None
    return match_rows(part, table, match_columns(part, table.header, findings), role, findings)


def _check(matched: Mapping[int, list[ReportRow]], role: ProviderRole, found: Mapping[int, Findings]) -> None:
    identity = Identity(None, None)
    if 1 in matched:
        identity = check_identification(matched[1], role)
    if identity.service is None:
        identity = Identity(service_of(matched), identity.period)
    for number, rows in matched.items():
        part = parts()[number - 1]
        check_cells(part, rows, role, found[number])
        check_identity(rows, identity, role)
        check_sums(part, rows)
    check_parts(matched)
