"""The fields of a row of law: a duty, or what may become one."""

from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from streams.contract.events.authority_request import Demand, IntakeElement, LegalBasis, RequestElement
from streams.contract.events.report import NoticeDeclaration, NoticeElement
from streams.contract.events.routing import Gate
from streams.registry.obligation import (
    Action,
    AfterPause,
    Calendar,
    DurationMeaning,
    EnterpriseSize,
    Standard,
    Trigger,
)
from streams.registry.reading.document import Category, Row
from streams.registry.row_of_law import Part, Status, Verification
from streams.registry.shapes.rule_of_law import Code
from streams.registry.shapes.rules import (
    AuthorityId,
    CalendarId,
    JurisdictionCode,
    Language,
    LegalSourceRow,
    Text,
    Url,
    is_absent,
)

ObligationId = Annotated[str, Field(pattern=r"^[A-Z]{2,6}\.[A-Za-z0-9.-]+$")]
Pseudonym = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]

_PARTS: tuple[Part, ...] = get_args(Part)
# What a row must have to be a duty; a row that is only watched may lack them.
_OF_DUTIES = ("categories", "trigger", "action", "applies_to", "in_force_from")
# What only a duty has. A row in force with none of them is law that binds somebody else, that allows instead
# of obliging, or that none of the triggers starts: it is watched too.
_OF_A_DUTY_ALONE = (
    *("categories", "trigger", "required_elements", "questions", "action", "duration", "standard"),
    *("pausable_for", "runs_from", "authority", "legal_bases", "gate"),
)


class MarksRow(Row):
    """How well each part of a row was read; `all` is for the parts that are not named."""

    all: Verification | None = None
    time: Verification | None = None
    dates: Verification | None = None
    reach: Verification | None = None
    elements: Verification | None = None
    categories: Verification | None = None

    def of(self, part: Part) -> Verification | None:
        """Give the mark of a part, or that of all."""
        mark: Verification | None = getattr(self, part)
        return self.all if mark is None else mark


class LawSourceRow(Row):
    """A text that was read. A quote is short, in the language of the text."""

    title: Text | None = None
    url: Url | None = None
    article: Text | None = None
    read_on: date = Field(description="the day on which somebody read it, or searched for it in vain")
    language: Language | None = None
    quote: Text | None = None
    translation: Text | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None, description="SHA-256 of the passage that was read (docs/law-changes.md)"
    )

    @model_validator(mode="after")
    def _complete(self) -> "LawSourceRow":
        if self.title is None and self.url is None:
            raise ValueError("must have a title or a url")
        if self.quote is not None and self.language is None:
            raise ValueError("a quote needs its language")
        english = self.language is None or self.language.partition("-")[0] == "en"
        if self.quote is not None and not english and self.translation is None:
            raise ValueError("a quote in another language than English needs a translation")
        if self.translation is not None and self.quote is None:
            raise ValueError("a translation needs the quote that it translates")
        return self


class NextRow(Row):
    """The next known day in the life of a law, and what happens then."""

    day: date
    what: Text


class PenaltyRow(Row):
    """What threatens whom if the duty is not fulfilled, in words."""

    amount: Text
    liable: Text
    article: Text | None = None


class ObligationRow(Row):
    """A row of law. `territory` defaults to the jurisdiction itself; docs/law-changes.md has every field."""

    id: ObligationId
    instrument: Text
    article: Text
    title: Text
    categories: Literal["all"] | Annotated[list[Category], Field(min_length=1)] | None = None
    trigger: Trigger | None = None
    required_elements: list[NoticeElement | NoticeDeclaration | RequestElement] = Field(default_factory=list)
    questions: list[IntakeElement] = Field(default_factory=list)
    action: Action | None = None
    duration: str | None = None
    meaning: DurationMeaning = Field(
        "deadline",
        description="what the duration means: by when to act, how long to keep something, or how long to "
        "wait",
    )
    standard: Standard | None = Field(None, description="the law's wording, where it sets no number")
    calendar: Calendar = Field("elapsed", description="which days of the duration count")
    holiday_calendar: CalendarId | None = None
    pausable_for: list[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]] = Field(
        default_factory=list, description="the reasons for which the clock may pause"
    )
    after_pause: AfterPause = Field("continues", description="what a pause does to the time")
    runs_from: ObligationId | None = Field(
        None, description="the duty, in this file, from whose fulfilment a retention period runs"
    )
    authority: AuthorityId | None = None
    applies_to: Text | None = None
    exempt_sizes: list[EnterpriseSize] = Field(
        default_factory=list, description="sizes of enterprises that are exempt"
    )
    public_only: bool = Field(False, description="content open to the public only, no private chats")
    except_in: list[Code] = Field(default_factory=list, description="members in which it does not apply")
    legal_bases: list[LegalBasis] = Field(
        default_factory=list, description="what a request must be based on to trigger the duty"
    )
    demands: Annotated[list[Demand] | None, Field(min_length=1, exclude_if=is_absent)] = Field(
        None, description="a request triggers the duty if it demands one of these; none: whatever it demands"
    )
    emergency: bool | None = Field(None, description="yes: urgent requests only; no: only others; none: both")
    enforcing_authority_notified: bool | None = Field(
        None, description="yes: only orders notified to the enforcing authority; no: only others; none: both"
    )
    gate: Gate | None = Field(None, description="what must happen before anything is disclosed")
    territory: JurisdictionCode | None = None
    # What a row of version 0.2 cannot have is no part of the content, so that it keeps its version.
    status: Annotated[Status | None, Field(exclude_if=is_absent)] = Field(
        None, description="only a row in force is a duty; the others are watched"
    )
    in_force_from: date | None = None
    in_force_until: date | None = Field(None, description="the last day on which it applies")
    beside: list[ObligationId] = Field(
        default_factory=list,
        description="rows of the same duty that are in force at the same time on purpose",
    )
    next: Annotated[NextRow | None, Field(exclude_if=is_absent)] = Field(
        None, description="the next known day in the life of the law"
    )
    owner: Annotated[Pseudonym | None, Field(exclude_if=is_absent)] = Field(
        None, description="a role or pseudonym: who keeps the row right"
    )
    read_by: Annotated[Pseudonym | None, Field(exclude_if=is_absent)] = Field(
        None, description="a role or pseudonym: who read the text"
    )
    review_by: date | None = Field(None, description="the day by which somebody must check the row again")
    marks: Annotated[Verification | MarksRow | None, Field(exclude_if=is_absent)] = Field(
        None, description="how well the row was read: one mark for all parts, or one for each"
    )
    sources: Annotated[list[LawSourceRow] | None, Field(min_length=1, exclude_if=is_absent)] = Field(
        None, description="the texts that were read; the first has a url, because events publish it"
    )
    source: Annotated[LegalSourceRow | None, Field(exclude_if=is_absent)] = Field(
        None, description="instead of marks and sources, in the form of version 0.2"
    )
    penalties: Annotated[list[PenaltyRow] | None, Field(exclude_if=is_absent)] = Field(
        None, description="what threatens whom if the duty is not fulfilled"
    )

    @property
    def watched(self) -> bool:
        """Whether the row is no duty: the law is not in force, or nothing here starts it (standing law)."""
        standing = not any(getattr(self, name) for name in _OF_A_DUTY_ALONE)
        return self.status not in (None, "in_force") or (self.status == "in_force" and standing)

    def has(self, part: Part) -> bool:
        """Whether the row says anything in this part."""
        if part == "time":
            return self.duration is not None or self.standard is not None
        return part != "elements" or bool(self.required_elements or self.questions)

    def mark(self, part: Part) -> Verification | None:
        """Give the mark of a part; None for a part that the row does not have."""
        if not self.has(part):
            return None
        if self.source is not None:
            return self.source.verification
        return self.marks.of(part) if isinstance(self.marks, MarksRow) else self.marks

    @model_validator(mode="after")
    def _complete(self) -> "ObligationRow":
        missing = [name for name in _OF_DUTIES if getattr(self, name) is None]
        if missing and not self.watched:
            raise ValueError(f"needs {', '.join(missing)}, because it is in force")
        return self

    @model_validator(mode="after")
    def _sourced(self) -> "ObligationRow":
        if self.source is not None and (self.marks is not None or self.sources is not None):
            raise ValueError("has `source` in the form of version 0.2 beside marks and sources: leave it out")
        if self.source is None and (self.marks is None or self.sources is None):
            raise ValueError("needs marks and sources")
        if self.sources is not None and self.sources[0].url is None:
            raise ValueError("the first of sources needs a url, because events publish it")
        if isinstance(self.marks, MarksRow):
            for part in _PARTS:
                if self.has(part) and self.marks.of(part) is None:
                    raise ValueError(f"marks lacks {part}; `all` is for the parts that are not named")
                if not self.has(part) and getattr(self.marks, part) is not None:
                    raise ValueError(f"marks names {part}, and the row has none")
        return self

    @model_validator(mode="after")
    def _reviewed_after_the_reading(self) -> "ObligationRow":
        days = [self.source.checked] if self.source else [each.read_on for each in self.sources or ()]
        if self.review_by is not None and days and self.review_by <= max(days):
            read = "in source.checked" if self.source else "on which a source was read"
            raise ValueError(f"review_by must be after the day {read}")
        return self
