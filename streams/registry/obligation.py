"""A legal duty as loaded and checked: a row of law, with what was read for each part of it."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from streams.contract.events.authority_request import Demand, IntakeElement, LegalBasis, RequestElement
from streams.contract.events.report import Category, NoticeDeclaration, NoticeElement
from streams.contract.events.routing import Gate
from streams.registry.row_of_law import LawSource, Marks, NextDay, Penalty, Signature, Verification

# `retention`: something must be kept for the duration, instead of done within it. `not_before`: it must not
# be done until the duration has passed, and then at once.
DurationMeaning = Literal["deadline", "retention", "not_before"]
# What a pause does to the time: it stands still, or starts again when the pause ends.
AfterPause = Literal["continues", "restarts"]
# Recommendation 2003/361/EC, to which DSA art. 19 refers.
EnterpriseSize = Literal["micro", "small", "medium", "large"]
# How a duration in days is counted; see `law.deadlines`.
Calendar = Literal["elapsed", "business_days", "regulation_1182_71"]
Trigger = Literal[
    "authority_order",
    "regulator_notice",
    "data_order",
    "incomplete_order",
    "unvalidated_emergency_order",
    "statutory_victim_request",
    "trusted_flagger_notice",
    "user_report",
    "actual_knowledge",
    "awareness_threat",
]
Action = Literal[
    "remove",
    "geo_disable",
    "notify_authority",
    "restrict_account",
    "preserve",
    "acknowledge",
    "decide",
    "publish_statement",
    "produce_data",
    "escalate_internal",
]
# The wording of a law that does not set a number of hours.
Standard = Literal[
    "without_undue_delay",
    "timely",
    "promptly",
    "as_soon_as_reasonably_possible",
    "as_soon_as_reasonably_practicable",
    "as_soon_as_feasible",
    "swiftly",
    "diligently",
]


@dataclass(frozen=True, slots=True)
class Obligation:
    """A legal duty: what must be done, when, from which day on, and the law that says so.

    It is in force from `in_force_from` up to and including `in_force_until`. If `duration` (ISO 8601) and
    `standard` are both None, the row gives no time limit. `meaning` says whether the duration is a deadline,
    a retention period or a wait. If `calendar` is `business_days`, days off are those of `holiday_calendar`;
    without one no clock runs. If it is `regulation_1182_71`, the end by that calendar is published beside the
    end of the clock. `pausable_for`: the reasons for which its clock may pause. `after_pause`: whether it
    then continues or starts again. `questions`: elements whose absence a lawyer judges, while the clock runs.
    `runs_from`: the duty from whose fulfilment a retention period runs; until that is reported it runs from
    receipt and does not end. `exempt_sizes`: platforms of these sizes are exempt.
    `enforcing_authority_notified`: only orders of which the enforcing authority was notified (True), only
    others (False), or both (None). `public_only`: it covers content open to the public, not private chats.
    `except_in`: members of a region in which it does not apply. `legal_bases`: those of the authorities'
    requests that trigger it; `demands`: it takes a request that demands one of these (empty: any request);
    `emergency`: only urgent requests (True), only others (False), or both (None).
    `gate`: what must happen before anything is disclosed. `territory`: where the action takes effect.
    `marks`: how well each part was read; those of the time and the dates decide whether a clock is armed.
    `secondary_arms`: whether a secondary mark arms one too. The first of `sources` is published. `next`: the
    next known day in the life of the law. `owner` keeps the row right and `read_by` read its text;
    `penalties`: what threatens whom if the duty is not fulfilled. `signed`: who signed the row, in the words
    that it has now, for the platform; None if nobody did. `sha256` is that of what the row says. `lacking`:
    which of status, owner and review day the row does not give.
    """

    id: str
    jurisdiction: str
    instrument: str
    article: str
    title: str
    categories: tuple[Category, ...]
    trigger: Trigger
    required_elements: tuple[NoticeElement | NoticeDeclaration | RequestElement, ...]
    action: Action
    duration: str | None
    meaning: DurationMeaning
    standard: Standard | None
    calendar: Calendar
    holiday_calendar: str | None
    pausable_for: tuple[str, ...]
    authority: str | None
    applies_to: str
    public_only: bool
    except_in: tuple[str, ...]
    legal_bases: tuple[LegalBasis, ...]
    emergency: bool | None
    gate: Gate | None
    territory: str
    in_force_from: date
    in_force_until: date | None
    sources: tuple[LawSource, ...]
    marks: Marks
    secondary_arms: bool = False
    review_by: date | None = None
    questions: tuple[IntakeElement, ...] = ()
    after_pause: AfterPause = "continues"
    exempt_sizes: tuple[EnterpriseSize, ...] = ()
    enforcing_authority_notified: bool | None = None
    runs_from: str | None = None
    demands: tuple[Demand, ...] = ()
    owner: str | None = None
    read_by: str | None = None
    next: NextDay | None = None
    penalties: tuple[Penalty, ...] = ()
    signed: Signature | None = None
    sha256: str = ""
    lacking: tuple[str, ...] = ()

    @property
    def arms(self) -> bool:
        """Whether the marks of the time and the dates allow a clock."""
        mark = self.marks.of_clock
        return mark == "verified" or (mark == "secondary" and self.secondary_arms)

    @property
    def advisory(self) -> bool:
        """Whether time and dates are known from secondary sources, and that alone allows no clock."""
        return self.marks.of_clock == "secondary" and not self.secondary_arms

    @property
    def source_title(self) -> str | None:
        """Give the title of the source that events publish."""
        return self.sources[0].title

    @property
    def source_url(self) -> str:
        """Give the address that events publish; the first source always has one."""
        return self.sources[0].url or ""

    @property
    def checked(self) -> date:
        """Give the day on which somebody last read a source."""
        return max(source.read_on for source in self.sources)

    @property
    def verification(self) -> Verification:
        """Give the weakest mark: by it the row is listed for its owner."""
        return self.marks.weakest
