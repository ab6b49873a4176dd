"""Cases for people who look after the integrity of reporting, one about a detector or list among them.

The payloads of `tocsin.integrity-case.v1` and `tocsin.detector-case.v1`. Each asks a person to look. Nothing
follows from the first by itself; a detector or list that has left its band adds no risk until it is as usual
again, or somebody ends it (`tocsin detector end`). No reporter is named: the platform finds the
person in its own system by `ce_source` and `report_id` of an example.
"""

from typing import Literal

import msgspec

from streams.contract.events.integrity import IntegrityFinding
from streams.contract.events.report import Category, ListMatch, ReporterKind

INTEGRITY_CASE_TYPE = "tocsin.integrity-case.v1"

# many_channels: one reporter has reported very many channels within a week. misuse: many reports of one
# reporter were manifestly unfounded (DSA art. 23(2), for a trusted flagger also art. 22(6)). brigade: the
# reports of a channel look coordinated.
IntegrityCaseKind = Literal["many_channels", "misuse", "brigade"]


class ExampleReport(msgspec.Struct, frozen=True, gc=False):
    """A report, by which the platform finds in its own system whom the case concerns."""

    report_id: str
    ce_source: str


class UnfoundedReports(msgspec.Struct, frozen=True, gc=False):
    """How many reports of a category were manifestly unfounded, with the category's severity, 0 to 1."""

    category: Category
    reports: int
    severity: float


class MisuseFactors(msgspec.Struct, frozen=True, gc=False):
    """The factors of DSA art. 23(3)(a) to (c), over the time since the UTC day `since`.

    Decisions that were taken back do not count. `share` is that of the manifestly unfounded reports among all
    `decided` ones.
    """

    since: str
    decided: int
    manifestly_unfounded: int
    share: float
    by_category: tuple[UnfoundedReports, ...]


class CaseForReview(msgspec.Struct, frozen=True, gc=False):
    """A request to look. `sentence` says what was found.

    `channel_ref` is null unless the case is about a channel, `reporter_kind` unless it is about a reporter.
    `channels`: of `many_channels`, about how many different ones were reported this week. `misuse` and
    `integrity` are what was found by cases of kind `misuse` and `brigade`.
    """

    case_id: str
    kind: IntegrityCaseKind
    at: str
    sentence: str
    examples: tuple[ExampleReport, ...]
    channel_ref: str | None = None
    reporter_kind: ReporterKind | None = None
    channels: int | None = None
    misuse: MisuseFactors | None = None
    integrity: IntegrityFinding | None = None
    human_review_required: Literal[True] = True


DETECTOR_CASE_TYPE = "tocsin.detector-case.v1"

# detector_volume: within an hour it found more than its history lets one expect. detector_dismissals: its
# findings are dismissed more often than they were.
DetectorCaseKind = Literal["detector_volume", "detector_dismissals"]


class HeldClassifier(msgspec.Struct, frozen=True, gc=False):
    """A classifier, or one version of it."""

    name: str
    version: str | None


class DetectorCase(msgspec.Struct, frozen=True, gc=False):
    """A request to look. `sentence` says what was found.

    `match` or `classifier` name the source, down to the part that is held; both are null for a detector that
    is known by its reporter's ref alone: its report is in `examples`. `findings` are those of this hour, and
    `usual_at_most` the most that its history lets one expect, 0 if it has none. `part` tells the part of the
    source to `tocsin detector end`.
    """

    case_id: str
    kind: DetectorCaseKind
    at: str
    sentence: str
    examples: tuple[ExampleReport, ...]
    match: ListMatch | None
    classifier: HeldClassifier | None
    findings: int
    usual_at_most: int
    part: str
    human_review_required: Literal[True] = True
