"""Reads a file of somebody's own reports: CSV, or a JSON object per line, as it is or by a mapping file."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import click
import orjson

from streams.commands.shared.extra_packages import extra_packages
from streams.commands.shared.table_rows import Row, table_rows
from streams.commands.shared.text_lines import NOT_UTF8, is_utf8, text_lines

# What most exports leave out: for each the weakest claim.
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "channel": {"visibility": "unknown"},
    "reporter": {"kind": "user"},
}

# What has no such default.
_NEEDED: Final = ("report_id", "occurred_at", "channel", "category")

mapping_option = click.option(
    "--mapping",
    help="Mapping file that says where a report's fields are in a row (docs/intake.md), or the name of one "
    "that comes with Tocsin.",
)
"""Adds the option `--mapping`, which `report_rows` takes, to a command."""


class ReportRow(NamedTuple):
    """A report in a line of the file, with the ids that the file has; nothing is known of its fields yet."""

    line: int
    report: dict[str, Any]


class Unusable(NamedTuple):
    """A line that has none, and why; nothing of it is quoted."""

    line: int
    why: str


def report_rows(file: BinaryIO, mapping: str | None) -> Iterator[ReportRow | Unusable]:
    """Return the reports of a file, CSV if its name ends so, in the order of its lines.

    Without a mapping file, columns and fields are those of a report (docs/events.md), `channel.ref` for a
    field of a field. Raises, before there is a row, ClickException if a package for mapping files is missing,
    UsageError for a file that is not UTF-8 or has a header that cannot be used, RegistryError if the mapping
    file is wrong.
    """
    reports_of = _report if mapping is None else _mapped(mapping)
    if file.name.lower().endswith(".csv"):
        return _reports(_cells(table_rows(file, _problem if mapping is None else _none)), reports_of)
    return _reports(_json_lines(text_lines(file, newline="\n")), reports_of)


def _reports(
    documents: Iterable[tuple[int, Any]], reports_of: Callable[[Any], list[dict[str, Any]]]
) -> Iterator[ReportRow | Unusable]:
    for line, document in documents:
        if isinstance(document, Unusable):
            yield document
            continue
        try:
            reports = reports_of(document)
        except ValueError as error:
            yield Unusable(line, str(error))
        else:
            yield from (ReportRow(line, report) for report in reports)


def as_json(report: dict[str, Any]) -> bytes:
    """The JSON of a report. Raises ValueError if it is nested too deeply for any report."""
    try:
        return orjson.dumps(report)
    except orjson.JSONEncodeError:
        raise ValueError("is nested too deeply") from None


def _mapped(named: str) -> Callable[[Any], list[dict[str, Any]]]:
    with extra_packages("a mapping file", "intake"):
        from streams.intake.mapping import load_mapping  # noqa: PLC0415
        from streams.intake.sources import mapping_path  # noqa: PLC0415
    mapping = load_mapping(mapping_path(Path(), named))
    return lambda document: [mapping.report(each) for each in mapping.documents(document)]


def _problem(names: Sequence[str]) -> str | None:
    """What is wrong with columns that are fields of a report."""
    for name in _DEFAULTS:
        if name in names and f"{name}.ref" in names:
            return f"{name} is short for {name}.ref, so it must have only one of them"
    missing = [name for name in _NEEDED if name not in names and f"{name}.ref" not in names]
    if not missing:
        return None
    problem = (
        f"it has no column {', '.join(missing)}; a header has {', '.join(_NEEDED)} and other fields of a "
        "report (docs/events.md), or --mapping says where they are"
    )
    if len(names) == 1:
        for separator, called in ((";", "semicolons"), ("\t", "tabs")):
            if separator in names[0]:
                return f"{problem}. Are they separated by {called}? They must be by commas"
    return problem


def _none(_names: Sequence[str]) -> None:
    """A mapping may look for any columns."""


def _cells(rows: Iterable[Row]) -> Iterator[tuple[int, Any]]:
    for line, cells in rows:
        if isinstance(cells, str):
            yield line, Unusable(line, cells)
        else:
            yield line, {name: _cell(name, cell) for name, cell in cells.items()}


def _cell(name: str, text: str) -> Any:
    """What a cell says: everything is a text in CSV, but two fields of a report are none."""
    if name == "reporter.member":
        return {"true": True, "false": False}.get(text.lower(), text)
    if name == "classifier.score":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _json_lines(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(lines, start=1):
        if not is_utf8(text):
            yield line, Unusable(line, NOT_UTF8)
        elif text.strip():
            try:
                yield line, orjson.loads(text)
            except orjson.JSONDecodeError:
                yield line, None


def _report(document: Any) -> list[dict[str, Any]]:
    """The report in a document whose names may have dots. Raises ValueError for what is no object."""
    if not isinstance(document, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - as any wrong value
    report: dict[str, Any] = {}
    for name, value in document.items():
        # Short for the ref, which is all that many exports know of either.
        is_ref = name in _DEFAULTS and isinstance(value, str)
        above, _, own = (f"{name}.ref" if is_ref else name).partition(".")
        if not own and name not in report:
            report[name] = value
        elif own and isinstance(part := report.setdefault(above, {}), dict):
            if own in part:
                raise ValueError(f"{above}.{own}: is there twice")
            part[own] = value
        else:
            raise ValueError(f"{above}: has both a value and fields of its own")
    for name, defaults in _DEFAULTS.items():
        if isinstance(part := report.get(name), dict):
            report[name] = {**defaults, **part}
    return [{"kind": "user_report"} | report]
