"""What categories.yaml, scoring.yaml and policies.yaml may contain, and what all files share."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from streams.counting.measures import POLICY_MEASURES, MeasureName
from streams.events.report import AccountAge, Category, ReporterKind
from streams.registry.document import Row
from streams.registry.rules import DsaCategory, Mode, Verification

Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
Ratio = Annotated[float, Field(gt=0, le=1)]
# A prior of 0 or 1 could not be moved by any evidence.
Prior = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SourceRow(Row):
    """Where a row's content comes from, and how far it was checked."""

    title: Text | None = None
    url: Url | None = None
    checked: date
    verification: Verification

    @model_validator(mode="after")
    def _names_something(self) -> "SourceRow":
        if self.title is None and self.url is None:
            raise ValueError("must have a title or a url")
        return self


if TYPE_CHECKING:
    _PolicyMeasure = MeasureName
else:
    # For messages that list what is valid: a type checker takes no computed literal.
    _PolicyMeasure = Literal[POLICY_MEASURES]


class LevelRow(Row):
    """A level of a policy."""

    level: Annotated[int, Field(ge=1)]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    when: Annotated[dict[_PolicyMeasure, Positive], Field(min_length=1)]


class PolicyRow(Row):
    """A policy."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    mode: Mode
    categories: Annotated[list[Category], Field(min_length=1)]
    window: str
    levels: Annotated[list[LevelRow], Field(min_length=1)]
    clear_below: Ratio = 0.6
    min_clear: str
    cooldown: str
    reason: Text


class PoliciesFile(Row):
    """policies.yaml."""

    policies: list[PolicyRow]


class PriorRow(Row):
    """The share of reports that are actionable, where a category has no number of its own."""

    value: Prior
    reason: Text
    source: SourceRow


class CategoryRow(Row):
    """A category. The file's source holds for the identifiers of all rows."""

    severity: Ratio
    prior: PriorRow | None = None
    dsa_category: DsaCategory
    dsa_keywords: list[Annotated[str, Field(pattern=r"^KEYWORD_[A-Z_]+$")]]
    floor: bool
    abuse_prone: bool


class CategoriesFile(Row):
    """categories.yaml."""

    prior: PriorRow
    source: SourceRow
    categories: dict[Category, CategoryRow]


class Sourced(Row):
    """A group of numbers with the reason for them."""

    reason: Text
    source: SourceRow


class BetaRow(Row):
    """A Beta distribution."""

    alpha: Positive
    beta: Positive


class TrustRow(Sourced):
    """Trust by kind of reporter."""

    values: dict[ReporterKind, BetaRow]


class MembershipRow(Sourced):
    """Factor by membership of the channel."""

    values: dict[Literal["member", "unknown", "not_member"], Ratio]


class AccountAgeRow(Sourced):
    """Factor by age of the account."""

    values: dict[AccountAge | Literal["unknown"], Ratio]


class UnadjustedRow(Sourced):
    """Kinds of reporters to whom membership and age do not apply."""

    values: list[ReporterKind]


class MaxWeightRow(Sourced):
    """The most a reporter of a kind can weigh."""

    values: dict[ReporterKind, Prior]


class ClampRow(Row):
    """How far reports and a classifier may each move the belief."""

    reports: Positive
    classifier: Positive


class ClampsRow(Sourced):
    """Bounds in log-odds."""

    values: ClampRow


class ScoringFile(Row):
    """scoring.yaml."""

    trust: TrustRow
    membership: MembershipRow
    account_age: AccountAgeRow
    unadjusted_kinds: UnadjustedRow
    max_weight: MaxWeightRow
    clamps: ClampsRow
