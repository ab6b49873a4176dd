"""What the files of the law folder may contain."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from streams.events.authority_request import LegalBasis, RequestElement, RequestKind
from streams.events.report import LANGUAGE_PATTERN, Category, NoticeElement, ReportKind
from streams.events.routing import Gate
from streams.registry.document import Row
from streams.registry.rules import (
    Action,
    AuthorityRole,
    Calendar,
    DurationMeaning,
    Fallback,
    RuleOfLawTier,
    Standard,
    Trigger,
)
from streams.registry.shapes import Ratio, Sourced, SourceRow, Text, Url

Code = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
JurisdictionCode = Annotated[str, Field(pattern=r"^[A-Z]{2,6}$")]
AuthorityId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
ObligationId = Annotated[str, Field(pattern=r"^[A-Z]{2,6}\.[A-Za-z0-9.-]+$")]
CalendarId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
# pydantic's dialect of patterns has no look-ahead, and needs none: its `$` does not match before a final newline.
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN.replace(r"(?!\n)", ""))]


class LegalSourceRow(SourceRow):
    """The source of an obligation goes with each escalation, so it needs an address."""

    url: Url


class RuleOfLawRow(Row):
    """How far the authorities are trusted, on what basis, as of when."""

    tier: RuleOfLawTier
    basis: Text
    as_of: date


class AuthorityRow(Row):
    """Somebody to whom a case or an answer may go."""

    id: AuthorityId
    name: Text
    role: AuthorityRole
    channel: Text | None = None
    languages: list[Language] = Field(default_factory=list)
    source: SourceRow


class ObligationRow(Row):
    """A legal duty. `territory` is the jurisdiction itself where none is given."""

    id: ObligationId
    instrument: Text
    article: Text
    title: Text
    categories: Literal["all"] | Annotated[list[Category], Field(min_length=1)]
    trigger: Trigger
    required_elements: list[NoticeElement | RequestElement] = Field(default_factory=list)
    action: Action
    duration: str | None = None
    meaning: DurationMeaning = "deadline"
    standard: Standard | None = None
    calendar: Calendar = "elapsed"
    holiday_calendar: CalendarId | None = None
    pausable_for: list[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]] = Field(default_factory=list)
    authority: AuthorityId | None = None
    applies_to: Text
    public_only: bool = False
    except_in: list[Code] = Field(default_factory=list)
    legal_bases: list[LegalBasis] = Field(default_factory=list)
    emergency: bool | None = None
    gate: Gate | None = None
    territory: JurisdictionCode | None = None
    in_force_from: date
    in_force_until: date | None = None
    beside: list[ObligationId] = Field(default_factory=list)
    source: LegalSourceRow


class JurisdictionFile(Row):
    """One file per jurisdiction, named by its code: GLOBAL, a region, or a country.

    `regions` are those it belongs to directly: those of its regions follow.
    """

    code: JurisdictionCode
    name: Text
    regions: list[JurisdictionCode] = Field(default_factory=list)
    rule_of_law: RuleOfLawRow
    languages: list[Language] = Field(default_factory=list)
    source: SourceRow
    authorities: list[AuthorityRow] = Field(default_factory=list)
    art18_authority: AuthorityId | None = None
    dsc: AuthorityId | None = None
    dsc_status: Text | None = None
    tco_authority: AuthorityId | None = None
    obligations: list[ObligationRow] = Field(default_factory=list)


class TerritoryRow(Row):
    """A territory with a code of its own: whose it is, and to which regions it belongs."""

    name: Text
    part_of: Code
    regions: list[JurisdictionCode]
    source: SourceRow


class TerritoriesFile(Row):
    """territories.yaml."""

    territories: dict[Code, TerritoryRow]


class ReportTriggersRow(Sourced):
    """Triggers by kind of report."""

    values: dict[ReportKind, list[Trigger]]


class RequestTriggersRow(Sourced):
    """Triggers by kind of request."""

    values: dict[RequestKind, list[Trigger]]


class TargetRow(Row):
    """A time within which the platform itself means to act."""

    within: str
    reason: Text


class TargetsRow(Row):
    """Internal targets by the law's words."""

    source: SourceRow
    by_standard: dict[Standard, TargetRow]
    otherwise: TargetRow


class TriggersFile(Row):
    """triggers.yaml."""

    met_by_report: ReportTriggersRow
    possible: ReportTriggersRow
    met_by_request: RequestTriggersRow
    targets: TargetsRow


class HolidayRow(Row):
    """A day on which a business-day clock stands still."""

    day: date
    name: Text


class HolidayCalendarRow(Row):
    """The holidays of a place, up to and including `known_until`."""

    id: CalendarId
    time_zone: Text
    weekend: list[Annotated[int, Field(ge=1, le=7)]]
    known_until: date
    holidays: list[HolidayRow]
    source: LegalSourceRow


class CalendarsFile(Row):
    """calendars.yaml."""

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
    """The confidence from which on a Member State counts as identified."""

    value: Ratio


class FallbackRow(Sourced):
    """Who is told where no Member State can be identified."""

    value: Fallback


class SafeRecipientsRow(Sourced):
    """Who may be told of a case that concerns a closed jurisdiction."""

    values: Annotated[list[AuthorityId], Field(min_length=1)]


class PlatformFile(Row):
    """platform.yaml."""

    establishment: Code | None
    legal_representative: RepresentativeRow | None
    point_of_contact: ContactRow
    certainty: CertaintyRow
    fallback: FallbackRow
    safe_recipients: SafeRecipientsRow


class HintConfidenceRow(Row):
    """How far each hint is believed."""

    channel: Ratio
    reporter: Ratio
    language: Ratio


class LocationHintsFile(Sourced):
    """location_hints.yaml: what a report says of countries beside its evidence."""

    confidence: HintConfidenceRow
    languages_source: SourceRow
    languages: dict[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], Code]
