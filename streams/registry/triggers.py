"""Builds triggers, internal targets and location hints from triggers.yaml and location_hints.yaml."""

from collections.abc import Iterable, Mapping
from typing import get_args

from streams.contract.events.authority_request import RequestKind
from streams.contract.events.report import ReportKind
from streams.registry.durations import parse_duration, require_positive
from streams.registry.jurisdiction import JurisdictionRules
from streams.registry.obligation import Obligation, Standard, Trigger
from streams.registry.obligations import FROM_ITS_CONTENT, ORDER_TRIGGERS
from streams.registry.reading.document import Document, FieldPath
from streams.registry.rules import InternalTargets, LocationHints, Triggers
from streams.registry.shapes.law import LocationHintsFile, TargetRow, TriggersFile


def build_triggers(document: Document, file: TriggersFile) -> Triggers:
    """Build the tables of triggers.

    Raises RegistryError if a kind has no row, or if a report has a trigger that only an authority's request
    meets, or the reverse.
    """
    for field in ("met_by_report", "possible"):
        values = getattr(file, field).values
        document.require((field, "values"), values, get_args(ReportKind))
        for kind, triggers in values.items():
            _check(document, (field, "values", kind), triggers, frozenset(get_args(Trigger)) - ORDER_TRIGGERS)
    requests = file.met_by_request.values
    document.require(("met_by_request", "values"), requests, get_args(RequestKind))
    for request, triggers in requests.items():
        _check(document, ("met_by_request", "values", request), triggers, ORDER_TRIGGERS - FROM_ITS_CONTENT)
    return Triggers(
        met_by_report={kind: frozenset(met) for kind, met in file.met_by_report.values.items()},
        met_by_request={kind: frozenset(met) for kind, met in requests.items()},
        possible={kind: frozenset(triggers) for kind, triggers in file.possible.values.items()},
    )


def build_targets(document: Document, file: TriggersFile, duties: Iterable[Obligation]) -> InternalTargets:
    """Build the internal targets in milliseconds. Raises RegistryError if the standard of a duty has none."""
    rows = file.targets.by_standard
    used = {duty.standard for duty in duties}
    document.require(
        ("targets", "by_standard"), rows, [standard for standard in get_args(Standard) if standard in used]
    )
    return InternalTargets(
        by_standard={
            standard: _milliseconds(document, ("targets", "by_standard", standard), row)
            for standard, row in rows.items()
        },
        otherwise=_milliseconds(document, ("targets", "otherwise"), file.targets.otherwise),
    )


def build_location_hints(
    document: Document, file: LocationHintsFile, jurisdictions: Mapping[str, JurisdictionRules]
) -> LocationHints:
    """Build the hints. Raises RegistryError if a language points to a country without a file."""
    for language, code in file.languages.items():
        if code not in jurisdictions:
            document.refuse(("languages", language), f"{code} has no file")
    believed = file.confidence
    return LocationHints(believed.channel, believed.reporter, believed.language, dict(file.languages))


def _check(
    document: Document, place: FieldPath, triggers: list[Trigger], allowed: frozenset[Trigger]
) -> None:
    for index, trigger in enumerate(triggers):
        if trigger not in allowed:
            if trigger in FROM_ITS_CONTENT:
                document.refuse((*place, index), f"{trigger} is met by what a request says, not by its kind")
            side = "an authority's request" if trigger in ORDER_TRIGGERS else "a report"
            document.refuse((*place, index), f"{trigger} is met by {side} only")


def _milliseconds(document: Document, place: FieldPath, row: TargetRow) -> int:
    try:
        milliseconds = parse_duration(row.within)
        require_positive(milliseconds)
    except ValueError as error:
        document.refuse((*place, "within"), str(error))
    return milliseconds
