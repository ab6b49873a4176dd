"""Counters of a batch of reports."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from streams.contract.events.enriched_report import WithoutWeight
from streams.contract.events.escalation import EscalationType
from streams.contract.events.internal.findings import SourceKind
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.deciding.partition.counters import PartitionCounters

SampleStep = Literal["drawn", "raised", "decided", "shown"]
BudgetEffect = Literal["digest", "rests", "never_rests"]
QuestionEvent = Literal["asked", "stands", "held", "withdrawn", "overdue", "no_report", "would_be_asked"]
DeskCheck = Literal["agreed", "disputed", "golden_right", "golden_wrong"]


class EscalationStep(NamedTuple):
    """A published transition of an episode: the policy, its mode, what happened, and the level afterwards."""

    policy: str
    mode: str
    type: EscalationType
    level: int


class EpisodeLevel(NamedTuple):
    """The policy, mode and level of an open episode."""

    policy: str
    mode: str
    level: int


class QuestionStep(NamedTuple):
    """What happened to a question to a desk about an escalation of the policy.

    `no_report`: none could be drawn. `would_be_asked`: policy or asking run in shadow.
    """

    policy: str
    step: QuestionEvent


class BeyondBudget(NamedTuple):
    """What became of an episode that was one too many for the hour of its policy and level.

    `digest`: it opened, and says which others `rests`. `never_rests`: it opened, as all of such policies do.
    """

    policy: str
    level: int
    effect: BudgetEffect


@dataclass(slots=True)
class ReportCounters(PartitionCounters):
    """`natively` are the reports that the native core passed on, `counted_natively` those that it counted.

    `late` reports were too old for every window, and `possible_repeats` are older than the ids that are
    remembered. `judged_out_of_window` were counted, but too late to be judged in a window of their own time;
    `raised_from` has the level before each rise. `moderation_outcomes` were applied; `credits` is the number
    of reporters for whom they changed something, and `feedback` counts what detectors were told, by kind of
    source and decision. `linked` reporters joined a cluster, `links_without_effect` of them beyond the
    guard-rail of the day. `brigades` were published as cases. `answered_after` counts answers to questions by
    the seconds since they were asked. Reports `without_weight` are counted by the reason; `weight_taken_out`
    counts channels out of which a pause took weight. `desk_checks` are decisions that a second person took
    too, and those of cases with a known answer. `beyond_budget` are episodes beyond that of their policy.
    `samples` are messages drawn at random, and what became of them.
    """

    natively: int = 0
    counted_natively: int = 0
    late: int = 0
    possible_repeats: int = 0
    judged_out_of_window: int = 0
    moderation_outcomes: int = 0
    credits: int = 0
    feedback: Counter[tuple[SourceKind, OutcomeDecision]] = field(default_factory=Counter)
    linked: int = 0
    links_without_effect: int = 0
    brigades: int = 0
    clock_outcomes_passed_on: int = 0
    passed_to_reporters: int = 0
    weight_taken_out: int = 0
    without_weight: Counter[WithoutWeight] = field(default_factory=Counter)
    escalations: Counter[EscalationStep] = field(default_factory=Counter)
    raised_from: Counter[EpisodeLevel] = field(default_factory=Counter)
    questions: Counter[QuestionStep] = field(default_factory=Counter)
    answered_after: Counter[int] = field(default_factory=Counter)
    desk_checks: Counter[DeskCheck] = field(default_factory=Counter)
    beyond_budget: Counter[BeyondBudget] = field(default_factory=Counter)
    samples: Counter[SampleStep] = field(default_factory=Counter)
