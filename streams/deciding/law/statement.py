"""The facts from which a statement of reasons can be drafted (Regulation (EU) 2022/2065, art. 17)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from streams.contract.events.report import ReporterKind, ReportKind
from streams.contract.events.statement import LegalGround, Redress, SourceType, Statement
from streams.registry.jurisdiction import JurisdictionRules
from streams.registry.obligation import Obligation

REDRESS: tuple[Redress, ...] = get_args(Redress)

# The scope of the EU's transparency database: the Union and the other EEA states.
_REGIONS = {"EU", "EEA"}
_SOURCE: Mapping[ReportKind, SourceType] = {
    "user_report": "SOURCE_ARTICLE_16",
    "statutory_victim_request": "SOURCE_ARTICLE_16",
    "trusted_flagger_notice": "SOURCE_TRUSTED_FLAGGER",
    "automated_detection": "SOURCE_VOLUNTARY",
}


def statement(
    kind: ReportKind,
    reporter: ReporterKind | None,
    codes: Sequence[str],
    obligations: Iterable[Obligation],
    jurisdictions: Mapping[str, JurisdictionRules],
) -> Statement:
    """The parts known from a report of `kind` by a `reporter` of that kind about the countries `codes`.

    A state that uses the reporting button of users neither submits a notice (art. 16) nor gives an order
    (art. 9). Legal grounds are the applicable duties to remove or geo-block; why the content is illegal is
    for the reviewer to establish.
    """
    return Statement(
        source_type="SOURCE_TYPE_OTHER_NOTIFICATION" if reporter == "state_actor" else _SOURCE[kind],
        automated_detection=kind == "automated_detection" or reporter == "automated",
        legal_grounds=tuple(
            LegalGround(duty.id, f"{duty.instrument}, {duty.article}", duty.source_url)
            for duty in obligations
            if duty.action in ("remove", "geo_disable")
        ),
        territorial_scope=tuple(sorted({state for code in codes for state in _state(code, jurisdictions)})),
        redress=REDRESS,
    )


def _state(code: str, jurisdictions: Mapping[str, JurisdictionRules]) -> tuple[str, ...]:
    """The state that a place belongs to, in a tuple; empty if neither Union nor EEA law holds there."""
    row = jurisdictions.get(code)
    if row is None or not _REGIONS.intersection(row.regions):
        return ()
    return (row.part_of or code,)
