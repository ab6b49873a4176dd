"""The fields of reporters.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from streams.contract.events.moderation_outcome import OutcomeConfidence, OutcomeDecision
from streams.contract.events.report import ReporterKind
from streams.registry.document import Row
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
    proof: ProofRow
