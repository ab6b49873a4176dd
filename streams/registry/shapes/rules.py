"""The fields of scoring.yaml, sources.yaml and policies.yaml, and the types that all files share."""

import re
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field, PlainValidator, model_validator

from streams.contract.events.escalation import Comparison
from streams.contract.events.report import LANGUAGE_PATTERN, AccountAge, ChannelKind, ReporterKind, ReportKind
from streams.contract.wire.topics import ReportSource
from streams.counting.measures import POLICY_MEASURES, MeasureName
from streams.registry.policy import Mode
from streams.registry.reading.document import Category, Row
from streams.registry.row_of_law import Verification
from streams.registry.rules import AskMode, IntegrityMode

Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
JurisdictionCode = Annotated[str, Field(pattern=r"^[A-Z]{2,6}$")]
AuthorityId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
CalendarId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
# pydantic's patterns have no look-ahead, and need none here: its `$` does not match before a final newline.
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN.replace(r"(?!\n)", ""))]
Ratio = Annotated[float, Field(gt=0, le=1)]
# No evidence could move a prior of 0 or 1.
Prior = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SourceRow(Row):
    """The source of a row, and how well it was checked."""

    title: Text | None = None
    url: Url | None = None
    checked: date
    verification: Verification

    @model_validator(mode="after")
    def _names_something(self) -> "SourceRow":
        if self.title is None and self.url is None:
            raise ValueError("must have a title or a url")
        return self


class LegalSourceRow(SourceRow):
    """The source of a holiday calendar, or of an obligation in the form of version 0.2."""

    url: Url


if TYPE_CHECKING:
    _PolicyMeasure = MeasureName
else:
    # Its messages list what is valid; type checkers do not accept a computed Literal.
    _PolicyMeasure = Literal[POLICY_MEASURES]


_COMPARISONS = sorted(get_args(Comparison), key=len, reverse=True)
_COMPARED = re.compile(rf"({'|'.join(_COMPARISONS)}) ?([0-9]+(?:\.[0-9]+)?)")
# More than anybody reports in a window, and less than 64 bits hold in millionths. All its digits are kept.
_THRESHOLD_END = 10**12


def _threshold(value: object) -> float | str:
    """Return a number for `>=`, and otherwise comparison and number, such as `< 0.5`."""
    found = _COMPARED.fullmatch(value) if isinstance(value, str) else None
    comparison, number = (">=", value) if found is None else (found[1], float(found[2]))
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(  # noqa: TRY004  # pydantic shows a ValueError
            f'should be a valid number, or one of {", ".join(_COMPARISONS)} with one in quotes, such as "< 3"'
        )
    if not isfinite(number):
        raise ValueError("should be a finite number")
    if number < 0:
        raise ValueError("should be greater than 0")
    if number >= _THRESHOLD_END:
        raise ValueError(f"should be less than {_THRESHOLD_END}")
    return float(number) if comparison == ">=" else f"{comparison} {number:.15g}"


_Threshold = Annotated[float | str, PlainValidator(_threshold)]


def is_absent(value: object) -> bool:
    """Whether an optional field is left out: it then has no part in the version of the rules."""
    return value is None


class LevelRow(Row):
    """A level of a policy: its number, its name and the conditions.

    All in `when` must hold, and one in `any_of`.
    """

    level: Annotated[int, Field(ge=1)]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    when: Annotated[dict[_PolicyMeasure, _Threshold], Field(min_length=1)]
    # A level without keeps its policy_version.
    any_of: Annotated[dict[_PolicyMeasure, _Threshold] | None, Field(min_length=2, exclude_if=is_absent)] = (
        None
    )


class BudgetRow(Row):
    """How many episodes of each level of a policy may open in an hour; the others wait."""

    # A million an hour is no budget.
    per_hour: Annotated[int, Field(ge=1, le=1_000_000)]


class PolicyRow(Row):
    """A policy: the categories it counts, its window and its levels."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    mode: Mode
    categories: Annotated[list[Category], Field(min_length=1)]
    window: str
    levels: Annotated[list[LevelRow], Field(min_length=1)]
    clear_below: Ratio = 0.6
    min_clear: str
    cooldown: str
    # A policy without keeps its policy_version.
    budget: Annotated[BudgetRow | None, Field(exclude_if=is_absent)] = None
    reason: Text
    # A policy without keeps its policy_version.
    channel_kind: Annotated[ChannelKind | None, Field(exclude_if=is_absent)] = None


class IntegrityRow(Row):
    """What signs of coordinated reporting do: change levels and weights, or only mark."""

    mode: IntegrityMode
    reason: Text


class AskRow(Row):
    """When a desk is asked before a crowd raises an escalation above review, and what."""

    mode: AskMode
    # More than a hundred reporters who were right before are no small group of strangers.
    proven_voices: Annotated[int, Field(ge=1, le=100)]
    # Each is a decision of a desk, in the fast lane.
    reports: Annotated[int, Field(ge=1, le=10)]
    within: str
    reason: Text


class PriorityRow(Row):
    """How many of the 100 points of a priority are those of the severity of the category."""

    # With more, the gravest category could come before a legal clock that is about to end.
    severity: Annotated[int, Field(ge=1, le=25)]
    reason: Text


class SampleRow(Row):
    """Which share of the messages that no policy raised people look at."""

    # More than a tenth is no sample but a policy.
    share: Annotated[float, Field(gt=0, le=0.1)]
    reason: Text


class PoliciesFile(Row):
    """policies.yaml: all policies."""

    # A file of an earlier version has none of these, and keeps its policy_version.
    integrity: Annotated[IntegrityRow | None, Field(exclude_if=is_absent)] = None
    ask: Annotated[AskRow | None, Field(exclude_if=is_absent)] = None
    priority: Annotated[PriorityRow | None, Field(exclude_if=is_absent)] = None
    sample: Annotated[SampleRow | None, Field(exclude_if=is_absent)] = None
    policies: list[PolicyRow]


class PriorRow(Row):
    """The share of reports that are actionable: of one category, or of all without a value of their own."""

    value: Prior
    reason: Text
    source: SourceRow


class Sourced(Row):
    """Base of a group of values, with its reason and source."""

    reason: Text
    source: SourceRow


class BetaRow(Row):
    """The parameters of a Beta distribution."""

    alpha: Positive
    beta: Positive


class TrustRow(Sourced):
    """Trust by kind of reporter."""

    values: dict[ReporterKind, BetaRow]


class MembershipRow(Sourced):
    """Factor by the reporter's membership of the channel."""

    values: dict[Literal["member", "unknown", "not_member"], Ratio]


class AccountAgeRow(Sourced):
    """Factor by the age of the reporter's account."""

    values: dict[AccountAge | Literal["unknown"], Ratio]


class UnadjustedRow(Sourced):
    """Kinds of reporters whose weight does not depend on membership and account age."""

    values: list[ReporterKind]


class MaxWeightRow(Sourced):
    """The maximum weight of a reporter, by kind."""

    values: dict[ReporterKind, Prior]


class ClampRow(Row):
    """How far reports and a classifier may each move the estimate, in log-odds."""

    reports: Positive
    classifier: Positive


class ClampsRow(Sourced):
    """Limits of the evidence, with the reason and the source."""

    values: ClampRow


class ScoringFile(Row):
    """scoring.yaml: how much reports of each kind weigh."""

    trust: TrustRow
    membership: MembershipRow
    account_age: AccountAgeRow
    unadjusted_kinds: UnadjustedRow
    max_weight: MaxWeightRow
    clamps: ClampsRow


class SourceTopicRow(Row):
    """What reports of a source topic may claim: kinds of reports and reporters; if given, publishers."""

    kinds: Annotated[list[ReportKind], Field(min_length=1)]
    reporters: Annotated[list[ReporterKind], Field(min_length=1)]
    ce_sources: Annotated[list[Text], Field(min_length=1)] | None = None
    reason: Text


class SourcesFile(Row):
    """sources.yaml: the topics to which reports are published."""

    sources: dict[ReportSource, SourceTopicRow]
