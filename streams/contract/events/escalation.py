"""What a desk must review: a channel that crossed a policy's thresholds, or a legal clock.

The payload of `tocsin.escalation.v1`.
"""

import operator
from typing import Annotated, Literal

import msgspec

from streams.contract.events.clock import ClockView
from streams.contract.events.enriched_report import Jurisdiction
from streams.contract.events.integrity import IntegrityFinding
from streams.contract.events.obligation import EscalatedObligation
from streams.contract.events.report import Category, ChannelKind, Probability
from streams.contract.events.routing import Routing, RuleOfLaw
from streams.contract.events.statement import Statement

ESCALATION_TYPE = "tocsin.escalation.v1"

EscalationType = Literal["opened", "updated", "resolved"]
# The first four belong to episodes, the others to clocks.
EscalationReason = Literal[
    "threshold_crossed",
    "level_raised",
    "cleared",
    "policy_changed",
    "clock_armed",
    "clock_half",
    "clock_nine_tenths",
    "clock_lapsed",
    "clock_fulfilled",
    "clock_withdrawn",
    "clock_paused",
    "clock_resumed",
]
PolicyMode = Literal["live", "shadow"]
Comparison = Literal[">=", ">", "<", "<="]
# Whole points: more digits would claim a precision that weights do not have.
Points = Annotated[int, msgspec.Meta(ge=0, le=100)]

# What each means, and how it reads when it does not hold.
_COMPARISONS = {
    ">=": (operator.ge, "<"),
    ">": (operator.gt, "<="),
    "<": (operator.lt, ">="),
    "<=": (operator.le, ">"),
}


class PriorityComponents(msgspec.Struct, frozen=True, gc=False):
    """The points of each component; they add up to the value.

    `clock`: time left on the nearest legal clock. `level`: of the policy. `risk`: of the reports. `voices`:
    independent reporters. `age`: how long the escalation has been open. `severity`: of the gravest category;
    absent where the rules give it no points, and once the escalation is resolved.
    """

    clock: Points
    level: Points
    risk: Points
    voices: Points
    age: Points
    severity: Points | msgspec.UnsetType = msgspec.UNSET


class Priority(msgspec.Struct, frozen=True, gc=False):
    """The urgency from 0 to 100, the sum of its components."""

    value: Points
    components: PriorityComponents


class Window(msgspec.Struct, frozen=True):
    """The time span of the counts, RFC 3339 in UTC. `end` is exclusive."""

    start: str
    end: str


class Counts(msgspec.Struct, frozen=True):
    """Counts of the reports in the window, over the policy's categories.

    `n_eff` is the number of equally active independent reporters that would give the same concentration (Hill
    number of order 2). Reports without a reporter's pseudonym count as one reporter in it. The last four are
    present if reports have passed the stage of reporters: `voices` counts those who report together as few,
    `linked` are the reporters who do, and `trusted_voices` those voices whose trust is medium or high.
    `proven_voices` are the reporters whom outcomes in at least two other channels proved right, each in
    channels that prove none of the others.
    """

    reports: int
    distinct_reporters: int
    n_eff: float
    trusted_flaggers: int
    automated: int
    state_actors: int
    voices: float | msgspec.UnsetType = msgspec.UNSET
    linked: int | msgspec.UnsetType = msgspec.UNSET
    trusted_voices: int | msgspec.UnsetType = msgspec.UNSET
    proven_voices: int | msgspec.UnsetType = msgspec.UNSET


class Condition(msgspec.Struct, frozen=True):
    """A condition of the level that was reached: the measure's value at that time and its threshold.

    `comparison` is present if it is another one than `>=`, and `any_of` if one of several such conditions is
    enough.
    """

    measure: str
    value: float
    threshold: float
    comparison: Comparison | msgspec.UnsetType = msgspec.UNSET
    any_of: bool | msgspec.UnsetType = msgspec.UNSET

    @property
    def relation(self) -> str:
        """How the value stands to the threshold.

        That is its comparison if the condition holds, otherwise the opposite.
        """
        comparison = self.comparison or ">="
        holds, opposite = _COMPARISONS[comparison]
        return comparison if holds(self.value, self.threshold) else opposite


class Score(msgspec.Struct, frozen=True):
    """`value` is the sum of the risk of the window's reports, `components` the same by category."""

    value: float
    components: dict[str, float]


class Integrity(msgspec.Struct, frozen=True):
    """Signs of coordinated reporting (a brigade), as a hint to the reviewer.

    `score` is 1 - n_eff / reports: near 1 if few reporters sent most of the reports. `finding` is present if
    the stage of reporters found signs. `brigade_suspected` is the one verdict: that of the finding if there
    is one, which also knows who reported together before; else whether the score is high. While the policies
    say `integrity: live`, a brigade that a finding suspects raises nothing above level 1; nothing else here
    affects the level.
    """

    score: float
    brigade_suspected: bool
    signals: dict[str, float]
    finding: IntegrityFinding | msgspec.UnsetType = msgspec.UNSET


class QuestionState(msgspec.Struct, frozen=True):
    """Whether a person was asked before a crowd of whom too few were right before reached a level above 1.

    `level` is the one that waits or waited for the answer. `asked`: the escalation stays below it until then.
    `held`: no report that was drawn was upheld, so it stays there; `stands`: one was. `would_be_asked`: the
    policy or the asking runs in shadow, so the level was reached without. `id` is the `question_id` in
    `review-questions`, null if nobody was asked.
    """

    state: Literal["asked", "stands", "held", "would_be_asked"]
    level: int
    id: str | None


class WaitingEpisode(msgspec.Struct, frozen=True):
    """An episode that opens later, as an escalation of its own with this id."""

    escalation_id: str
    channel_ref: str


class Digest(msgspec.Struct, frozen=True):
    """What else the policy would have opened at this level in an hour, and opens later: its budget is spent.

    `waiting` is the number of these episodes, in one partition; `escalations` are the first hundred. All open
    by `open_by`. `hour` is the beginning of the hour.
    """

    hour: str
    waiting: int
    open_by: str
    escalations: tuple[WaitingEpisode, ...]


class Trace(msgspec.Struct, frozen=True):
    """The first and last report of the episode, and the place of the record that caused this event."""

    first_report_id: str
    last_report_id: str
    partition_offsets: dict[str, int]


class Escalation(msgspec.Struct, frozen=True):
    """One transition of an episode or a legal clock.

    `escalation_id` is the same for all events of an episode or clock; `sequence` numbers them from 1.
    `obligations`, `routing` and `statement` are those of the report that caused the event
    (`trace.last_report_id`). `clock` is null for an episode. `priority` orders open escalations; events of
    earlier versions have none. `question` is present if a desk was asked, or would have been; an event with
    `trace` of an outcome was caused by the answer. `digest` is present in the event that says at the end of
    an hour which other episodes wait for the policy's budget. `sampled` is present if no policy raised the
    message, and it was drawn at random: the probability of that, for outcomes about it. `channel_kind` is
    present if the report that caused the event says that the channel is an account, and in all events of a
    clock or a sample that it started.
    """

    escalation_id: str
    sequence: int
    type: EscalationType
    reason: EscalationReason
    status: Literal["open", "resolved"]
    at: str
    policy: str
    policy_reason: str
    mode: PolicyMode
    level: int
    level_name: str
    channel_ref: str
    category: Category
    categories: tuple[Category, ...]
    dsa_category: str
    dsa_keywords: tuple[str, ...]
    window: Window
    conditions: tuple[Condition, ...]
    counts: Counts
    score: Score
    integrity: Integrity
    message_refs: tuple[str, ...]
    jurisdictions: tuple[Jurisdiction, ...]
    obligations: tuple[EscalatedObligation, ...]
    routing: tuple[Routing, ...]
    rule_of_law: RuleOfLaw
    statement: Statement
    clock: ClockView | None
    human_review_required: bool
    automated_means: bool
    policy_version: str
    registry_version: str
    trace: Trace
    priority: Priority | msgspec.UnsetType = msgspec.UNSET
    question: QuestionState | msgspec.UnsetType = msgspec.UNSET
    digest: Digest | msgspec.UnsetType = msgspec.UNSET
    sampled: Probability | msgspec.UnsetType = msgspec.UNSET
    channel_kind: ChannelKind | msgspec.UnsetType = msgspec.UNSET
