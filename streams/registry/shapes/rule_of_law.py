"""The fields of rule_of_law.yaml, and of the part about the rule of law in a jurisdiction's file."""

from datetime import date
from typing import Annotated

from pydantic import Field

from streams.registry.jurisdiction import RuleOfLawTier
from streams.registry.reading.document import Row
from streams.registry.shapes.rules import SourceRow, Text, Url

Code = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
# The published estimates are within -3 and 3.
Estimate = Annotated[float, Field(ge=-3, le=3)]
StandardError = Annotated[float, Field(gt=0, le=1)]


class EarlierTierRow(Row):
    """A tier that applied up to and including a day, and why."""

    tier: RuleOfLawTier
    until: date
    basis: Text


class RuleOfLawRow(Row):
    """How far authorities are trusted, why, and since when; `earlier` are former tiers, oldest first."""

    tier: RuleOfLawTier
    basis: Text
    as_of: date
    earlier: list[EarlierTierRow] = Field(default_factory=list)


class IndicatorRow(Row):
    """An indicator of the index: its code, the year of its values, and where they were read."""

    indicator: Text
    year: Annotated[int, Field(ge=1996, le=2100)]
    source: SourceRow


class IndexRow(Row):
    """A published index: who made it, under which licence it may be used, and what was read."""

    title: Text
    publisher: Text
    licence: Text
    licence_url: Url
    attribution: Text
    loaded: date
    standard_errors: Text
    rule_of_law: IndicatorRow
    voice: IndicatorRow


class ThresholdsRow(Row):
    """The values from which a state is open, the one below which it is closed, and why."""

    open_rule_of_law: Estimate
    open_voice: Estimate
    closed_voice: Estimate
    reason: Text


class StateValuesRow(Row):
    """The values of a state and their standard errors. What was not read is left out."""

    rule_of_law: Estimate | None = None
    voice: Estimate | None = None
    rule_of_law_error: StandardError | None = None
    voice_error: StandardError | None = None


class RuleOfLawFile(Row):
    """rule_of_law.yaml: the values of an index for each state, and the rule that makes a tier of them."""

    index: IndexRow
    thresholds: ThresholdsRow
    states: dict[Code, StateValuesRow]
