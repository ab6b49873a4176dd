"""The fields of the files in the law folder."""

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from streams.contract.events.authority_request import RequestKind
from streams.contract.events.report import ReportKind
from streams.registry.jurisdiction import AuthorityRole
from streams.registry.obligation import EnterpriseSize, Standard, Trigger
from streams.registry.reading.document import Row
from streams.registry.rules import Fallback
from streams.registry.shapes.obligation import ObligationRow
from streams.registry.shapes.rule_of_law import Code, RuleOfLawRow
from streams.registry.shapes.rules import (
    AuthorityId,
    CalendarId,
    JurisdictionCode,
    Language,
    LegalSourceRow,
    Ratio,
    Sourced,
    SourceRow,
    Text,
    is_absent,
)


class ReviewedRow(Row):
    """Base of a row of law that must be checked again.

    `review_by` is the last day for that, if it is not the usual half year after `source.checked`.
    """

    source: SourceRow
    review_by: date | None = Field(None, description="the day by which somebody must check the row again")

    @model_validator(mode="after")
    def _reviewed_after_the_check(self) -> "ReviewedRow":
        if self.review_by is not None and self.review_by <= self.source.checked:
            raise ValueError("review_by must be after the day in source.checked")
        return self


class AuthorityRow(ReviewedRow):
    """An authority that may receive a case or an answer."""

    id: AuthorityId
    name: Text
    role: AuthorityRole
    channel: Text | None = None
    languages: list[Language] = Field(default_factory=list)


class JurisdictionFile(ReviewedRow):
    """A jurisdiction: GLOBAL, a region or a country. The file is named by its code.

    `regions` are those it belongs to directly; the regions of those regions are added.
    """

    code: JurisdictionCode
    name: Text
    regions: list[JurisdictionCode] = Field(default_factory=list)
    rule_of_law: RuleOfLawRow
    languages: list[Language] = Field(default_factory=list)
    authorities: list[AuthorityRow] = Field(default_factory=list)
    art18_authority: AuthorityId | None = None
    dsc: AuthorityId | None = None
    dsc_status: Text | None = None
    tco_authority: AuthorityId | None = None
    obligations: list[ObligationRow] = Field(default_factory=list)


class TerritoryRow(ReviewedRow):
    """A territory with a code of its own: the state and the regions it belongs to."""

    name: Text
    part_of: Code
    regions: list[JurisdictionCode]


class TerritoriesFile(Row):
    """territories.yaml: overseas territories that have a code of their own."""

    territories: dict[Code, TerritoryRow]


class ReportTriggersRow(Sourced):
    """Triggers by kind of report, with the reason and the source."""

    values: dict[ReportKind, list[Trigger]]


class RequestTriggersRow(Sourced):
    """Triggers by kind of request, with the reason and the source."""

    values: dict[RequestKind, list[Trigger]]


class TargetRow(Row):
    """A time (ISO 8601) within which the platform means to act, and the reason."""

    within: str
    reason: Text


class TargetsRow(Row):
    """Internal targets by the wording of the law; `otherwise` is for duties without any."""

    source: SourceRow
    by_standard: dict[Standard, TargetRow]
    otherwise: TargetRow


class TriggersFile(Row):
    """triggers.yaml: which triggers reports and requests meet, and the internal targets."""

    met_by_report: ReportTriggersRow
    possible: ReportTriggersRow
    met_by_request: RequestTriggersRow
    targets: TargetsRow


class HolidayRow(Row):
    """A day that is not a business day."""

    day: date
    name: Text


class HolidayCalendarRow(Row):
    """The weekend and holidays of a place, known up to and including `known_until`.

    `possible` are days that may be holidays; `working` are days of the weekend that are worked.
    """

    id: CalendarId
    state: Code
    time_zone: Text
    weekend: list[Annotated[int, Field(ge=1, le=7)]]
    known_until: date
    holidays: list[HolidayRow]
    possible: list[date] = Field(default_factory=list)
    working: list[date] = Field(default_factory=list)
    source: LegalSourceRow


class CalendarsFile(Row):
    """calendars.yaml: holiday calendars for clocks that count business days."""

    calendars: list[HolidayCalendarRow]


class RepresentativeRow(Row):
    """The legal representative of a platform outside the Union (DSA art. 13)."""

    country: Code
    name: Text
    source: SourceRow


class ContactRow(Row):
    """The single point of contact for authorities (DSA art. 11)."""

    channel: Text
    languages: Annotated[list[Language], Field(min_length=1)]
    source: SourceRow


class CertaintyRow(Sourced):
    """The lowest confidence at which a Member State counts as identified."""

    value: Ratio


class FallbackRow(Sourced):
    """Who is told if no Member State can be identified."""

    value: Fallback


class SafeRecipientsRow(Sourced):
    """Who may be told of a case that concerns a closed jurisdiction."""

    values: Annotated[list[AuthorityId], Field(min_length=1)]


class SizeRow(Row):
    """The size of the enterprise by Recommendation 2003/361/EC."""

    value: EnterpriseSize
    source: SourceRow


class PlatformFile(Row):
    """platform.yaml: facts about the platform itself."""

    establishment: Code | None
    legal_representative: RepresentativeRow | None
    point_of_contact: ContactRow
    certainty: CertaintyRow
    fallback: FallbackRow
    safe_recipients: SafeRecipientsRow
    size: SizeRow | None = None
    # A file of an earlier version has none.
    secondary_rows_arm: Annotated[bool | None, Field(exclude_if=is_absent)] = None


class HintConfidenceRow(Row):
    """The confidence of each kind of hint."""

    channel: Ratio
    reporter: Ratio
    language: Ratio


class LocationHintsFile(Sourced):
    """location_hints.yaml: what a report says about countries apart from its evidence."""

    confidence: HintConfidenceRow
    languages_source: SourceRow
    languages: dict[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], Code]
