"""Mapping files: which field of a report comes from where in what another system sends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import Field, model_validator

from streams.contract.events.report import UNSPECIFIED
from streams.contract.wire.forms.report_decoding import VALID_IN_REPORT
from streams.intake.paths import Find, compile_path
from streams.registry.harms.vocabularies import vocabularies
from streams.registry.reading.document import Document, FieldPath, Row, read_document
from streams.registry.reading.errors import RegistryError

# Of one request: an answer names each of them, and Kafka confirms them together.
MOST_REPORTS: Final = 1_000

# What has fields of its own, and what an array holds, is written by these.
_FIELDS: Final = tuple(
    path
    for path in VALID_IN_REPORT
    if path not in ("value", "channel", "reporter", "classifier", "match", "notice", "evidence")
    and "[]" not in path
)
_REQUIRED: Final = ("report_id", "kind", "occurred_at", "channel.ref", "channel.visibility", "category")

_Scalar = str | int | float | bool
_Path = Annotated[str, Field(min_length=1)]


class ValueRow(Row):
    """Where the value of a field comes from, if a path alone does not say it.

    `table` translates what is found; `otherwise` stands for what it does not have, and for nothing found.
    `vocabulary` is such a table for the category, of those in harms.yaml. `unit` is that of a time which is a
    number. `identity_of` makes a report's id of values that together no other report has.
    """

    path: Annotated[_Path | None, Field(alias="from")] = None
    constant: _Scalar | list[_Scalar] | None = None
    table: dict[str, _Scalar] | None = None
    otherwise: _Scalar | None = None
    vocabulary: str | None = None
    identity_of: Annotated[list[_Path] | None, Field(min_length=2)] = None
    unit: Literal["seconds", "milliseconds"] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "ValueRow":
        if [self.path, self.constant, self.identity_of].count(None) != 2:
            raise ValueError("must have one of from, constant and identity_of")
        ways = (self.table, self.otherwise, self.vocabulary, self.unit)
        if self.path is None and any(each is not None for each in ways):
            raise ValueError("only what from finds is translated: leave the other fields out")
        if self.vocabulary is not None and (self.table is not None or self.otherwise is not None):
            raise ValueError("a vocabulary is a table, and all else unspecified: leave those fields out")
        return self


class MappingFile(Row):
    """`reports` finds the list of reports; without it the document is one.

    `only_if` says of each whether it is one: a service may send other events to the same address.
    """

    reports: _Path | None = None
    only_if: _Path | None = None
    fields: dict[str, _Path | ValueRow]


@dataclass(frozen=True, slots=True)
class FieldValue:
    """Where a field comes from: `path` for messages, `value` to find and translate it in a document."""

    path: str
    value: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ReportMapping:
    """Turns documents of a service into reports, before their ids become pseudonyms."""

    find_reports: Find | None
    only_if: Find | None
    fields: Mapping[str, FieldValue]

    def documents(self, document: Any) -> list[Any]:
        """The parts of a document that are reports.

        Raises ValueError if there are too many, or none where a list of them should be.
        """
        listed = [document] if self.find_reports is None else self.find_reports(document)
        if not isinstance(listed, list):
            raise ValueError(  # noqa: TRY004 - it is the document's shape
                "there is no list of reports where the mapping looks for it"
            )
        if len(listed) > MOST_REPORTS:
            raise ValueError(f"there are more than {MOST_REPORTS:,} reports in one request")
        return [part for part in listed if self.only_if is None or self.only_if(part)]

    def report(self, document: Any) -> dict[str, Any]:
        """The fields of the report that are found in such a part. Raises Unmappable for a wrong shape."""
        report: dict[str, Any] = {}
        for name, source in self.fields.items():
            try:
                value = source.value(document)
            except ValueError as error:
                raise Unmappable(name, source.path, str(error)) from None
            if value is not None:
                above, _, own = name.rpartition(".")
                (report.setdefault(above, {}) if above else report)[own] = value
        return report

    def path_of(self, field: str) -> str:
        """Where the field of a report comes from, or the first field below it; empty if from nowhere."""
        sources = (
            source.path
            for name, source in self.fields.items()
            if name == field or name.startswith(f"{field}.") or field.startswith(f"{name}[")
        )
        return next(sources, "")


class Unmappable(ValueError):
    """What a path found cannot become the value of its field. No message quotes what was found."""

    def __init__(self, field: str, path: str, why: str) -> None:
        super().__init__(f"{field}: {path}: {why}")
        self.field, self.path, self.why = field, path, why


def load_mapping(path: Path) -> ReportMapping:
    """Read a mapping file. Raises RegistryError with file, line and field for what is wrong in it."""
    document = read_document(path)
    file = document.parse(MappingFile)
    unknown = [name for name in file.fields if name not in _FIELDS]
    if unknown:
        document.refuse(
            ("fields", unknown[0]), f"is no field of a report; valid are {', '.join(sorted(_FIELDS))}"
        )
    document.require(("fields",), file.fields, _REQUIRED)
    return ReportMapping(
        _optional(document, ("reports",), file.reports),
        _optional(document, ("only_if",), file.only_if),
        {name: _field(document, ("fields", name), name, row) for name, row in file.fields.items()},
    )


def _optional(document: Document, place: FieldPath, path: str | None) -> Find | None:
    return None if path is None else _compiled(document, place, path)


def _compiled(document: Document, place: FieldPath, path: str) -> Find:
    try:
        return compile_path(path)
    except ValueError as error:
        raise RegistryError(document.problem(place, str(error))) from None


def _field(document: Document, place: FieldPath, name: str, row: str | ValueRow) -> FieldValue:
    if isinstance(row, str):
        row = ValueRow.model_validate({"from": row})
    if row.constant is not None:
        constant = row.constant
        return FieldValue("a constant", lambda _: constant)
    if row.identity_of is not None:
        return _identity(document, place, name, row.identity_of)
    path = row.path
    assert path is not None
    is_time = name in ("occurred_at", "received_at")
    if row.unit is not None and not is_time:
        document.refuse((*place, "unit"), "is for times only: occurred_at and received_at")
    if row.vocabulary is not None:
        row = _by_vocabulary(document, place, name, row.vocabulary)
    find = _compiled(document, place, path)
    return FieldValue(path, lambda found: _translated(find(found), row, is_text=_is_text(name)))


def _identity(document: Document, place: FieldPath, name: str, paths: list[str]) -> FieldValue:
    """The values at all paths; their pseudonym becomes the id (refs.py)."""
    if name != "report_id":
        document.refuse((*place, "identity_of"), "is for report_id only")
    finds = [_compiled(document, (*place, "identity_of", index), path) for index, path in enumerate(paths)]

    def value(found: Any) -> list[str]:
        parts = [find(found) for find in finds]
        if not all(isinstance(part, str | int) for part in parts):
            raise ValueError("has not all of these values")
        return [_as_text(part) for part in parts]

    return FieldValue(" and ".join(paths), value)


def _by_vocabulary(document: Document, place: FieldPath, name: str, vocabulary: str) -> ValueRow:
    """The table of a vocabulary. A term that is new there is still a report, of no category."""
    known = vocabularies()
    if name != "category" or vocabulary not in known:
        document.refuse(
            (*place, "vocabulary"), f"is for category only, and must be one of {', '.join(known)}"
        )
    return ValueRow.model_validate(
        {"from": "@", "table": known[vocabulary].table(), "otherwise": UNSPECIFIED}
    )


def _is_text(name: str) -> bool:
    """Whether the field is an id: many services count theirs."""
    return name.endswith(("ref", "report_id", "version", "signal"))


def _translated(found: Any, row: ValueRow, *, is_text: bool) -> Any:
    """What a report has for what was found. Raises ValueError, without the value."""
    if isinstance(found, dict) or (isinstance(found, list) and row.table is None and is_text):
        raise ValueError("has an object or a list there")
    if row.table is not None:
        known = row.table.get(_as_text(found)) if isinstance(found, str | int | float) else None
        if known is None and row.otherwise is None and found is not None:
            raise ValueError("has a value that is not in the table, and there is no otherwise")
        return row.otherwise if known is None else known
    if found is None:
        return row.otherwise
    if row.unit is not None:
        return _time(found, row.unit)
    if is_text and isinstance(found, int):
        return _as_text(found)
    return found


def _as_text(found: str | float) -> str:
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


def _time(found: Any, unit: Literal["seconds", "milliseconds"]) -> str:
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"has no number of {unit} there")  # noqa: TRY004 - as any wrong value
    try:
        moment = datetime.fromtimestamp(found / (1 if unit == "seconds" else 1000), UTC)
    except (OverflowError, ValueError, OSError):
        raise ValueError(f"has a number there that is no time in {unit}") from None
    return moment.isoformat()
