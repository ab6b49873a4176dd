"""A case about a detector or list that has left its band: the payload of `tocsin.detector-case.v1`.

It asks a person to look. Until the source is as usual again, or somebody ends it (`tocsin detector end`), its
findings are counted and add no risk.
"""

from typing import Literal

import msgspec

from streams.contract.events.integrity_case import ExampleReport
from streams.contract.events.report import ListMatch

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
