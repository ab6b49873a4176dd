"""The fields of reporters.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from streams.contract.events.moderation_outcome import OutcomeConfidence, OutcomeDecision
from streams.contract.events.report import ReporterKind
from streams.registry.reading.document import Row
from streams.registry.shapes.rules import BetaRow, Positive, Prior, Ratio, Sourced

# The counter of a day has 16 bits. Of channels, 128 bits tell some 400 apart.
_PerDay = Annotated[int, Field(ge=1, le=60_000)]
_PerWeek = Annotated[int, Field(ge=5, le=400)]


class PriorsRow(Sourced):
    """The Beta distribution of a reporter without outcomes, by kind."""

    values: dict[ReporterKind, BetaRow]


class OutcomesRow(Sourced):
    """The weight of an outcome, by verdict."""

    values: dict[OutcomeDecision, Positive]


class ConfidenceRow(Sourced):
    """The weight of an outcome, by who reviewed."""

    values: dict[OutcomeConfidence, Ratio]


class ReviewValues(Row):
    """The smallest probability of review that an outcome is divided by: one counts as 100 at most."""

    least_probability: Annotated[float, Field(ge=0.01, le=1)]


class ReviewRow(Sourced):
    """How outcomes of a sample count."""

    values: ReviewValues


class ClassRow(Row):
    """The lower bound of trust and the number of upheld outcomes that a class needs."""

    lower: Prior
    upheld: Positive


class ClassesRow(Sourced):
    """The classes above `low`."""

    values: dict[Literal["high", "medium"], ClassRow]


class NumberRow(Sourced):
    """A number of outcomes."""

    value: Positive


class PerDayRow(Sourced):
    """The number of reports of a day that weigh, by kind; null: all."""

    values: dict[ReporterKind, _PerDay | None]


class PerWeekRow(Sourced):
    """The number of different channels in a week from which on a person looks, by kind; null: never."""

    values: dict[ReporterKind, _PerWeek | None]


class ReceiptsRow(Sourced):
    """Who is told that a report was received, by kind."""

    values: dict[ReporterKind, bool]


class MisuseValues(Row):
    """What a person is asked to look at: both must hold, within two periods of 90 days."""

    manifestly_unfounded: Annotated[int, Field(ge=2, le=10_000)]
    share: Ratio


class MisuseRow(Sourced):
    """When a person is asked whether somebody misuses reporting."""

    values: MisuseValues


class ReviewersValues(Row):
    """What one reviewer counts: a share of all, or so many outcomes; the weight of a disputed outcome."""

    share: Ratio
    alone: Annotated[float, Field(ge=0, le=100)]
    disputed: Annotated[float, Field(ge=0, le=1)]


class ReviewersRow(Sourced):
    """How far the decisions of one reviewer count. Files of earlier versions have no such row."""

    values: ReviewersValues


class DetectorValues(Row):
    """How the parts of a detector or list are judged, and when a source is held."""

    borrowed: Annotated[float, Field(ge=1, le=1_000)]
    busiest_times: Annotated[float, Field(gt=1, le=1_000)]
    least_findings: Annotated[int, Field(ge=10, le=1_000_000)]
    known_days: Annotated[int, Field(ge=1, le=14)]
    outcomes_per_alarm: Annotated[int, Field(ge=100, le=1_000_000_000)]
    calm_hours: Annotated[int, Field(ge=1, le=168)]


class DetectorsRow(Sourced):
    """How detectors and lists are judged by version and entry."""

    values: DetectorValues


class StandingValues(Row):
    """Days for which a warning is in force, and the most for which a pause may be."""

    warning_days: Annotated[int, Field(ge=1, le=365)]
    # Half a year is the longest time that the law itself knows in this chapter: that to complain.
    longest_pause_days: Annotated[int, Field(ge=1, le=180)]


class StandingRow(Sourced):
    """How long what people decide about a reporter holds."""

    values: StandingValues


class ApprovalValues(Row):
    """Days for which a dismissal may hold for a version of a message."""

    days: Annotated[int, Field(ge=1, le=90)]


class ApprovalRow(Sourced):
    """How long further reports of a version of a message need no review."""

    values: ApprovalValues


class ProofValues(Row):
    """A number of channels, of which of each reporter the newest eight are kept, and of days."""

    channels: Annotated[int, Field(ge=2, le=8)]
    days: Annotated[int, Field(ge=0, le=90)]


class ProofRow(Sourced):
    """From when on upheld outcomes count that nobody could confirm."""

    values: ProofValues


class ReportersFile(Row):
    """reporters.yaml: how outcomes become trust, and how much one reporter may do."""

    priors: PriorsRow
    outcomes: OutcomesRow
    confidence: ConfidenceRow
    review: ReviewRow
    classes: ClassesRow
    category_needs: NumberRow
    measured_from: NumberRow
    reports_per_day: PerDayRow
    channels_per_week: PerWeekRow
    receipts: ReceiptsRow
    misuse: MisuseRow
    reviewers: ReviewersRow | None = None
    # A copy that is older than this row has none: parts are judged like the whole.
    detectors: DetectorsRow | None = None
    standing: StandingRow | None = None
    approval: ApprovalRow | None = None
    proof: ProofRow | None = None
