"""What became of the report of a detector or hash list: the payload of `tocsin.detector-feedback.v1`.

Whoever runs the detector, or an adapter for the owner of the list, learns from it which findings were right.
It names no message, channel or person: the publisher finds the report by `ce_source` and `report_id`. The day
is a UTC day: an exact time would tell when a desk looked at what.
"""

from datetime import date
from typing import Literal

import msgspec

from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.outcome_reason import OutcomeReason
from streams.contract.events.report import Category, ListMatch

DETECTOR_FEEDBACK_TYPE = "tocsin.detector-feedback.v1"

# superseded: another decision in the place of one that was told before, such as after a complaint.
FeedbackState = Literal["decided", "superseded"]


class FindingOutcome(msgspec.Struct, frozen=True, gc=False):
    """The decision that holds, its reason, and the category that was found.

    `reason` is null if the decision was stored by a version that did not keep it. With `not_found` the
    message was gone before anybody could look, and the decision says nothing about the finding.
    """

    decision: OutcomeDecision
    reason: OutcomeReason | None
    category: Category


class FindingClassifier(msgspec.Struct, frozen=True, gc=False):
    """The classifier that the report named."""

    name: str
    version: str


class DetectorFeedback(msgspec.Struct, frozen=True, gc=False):
    """What was decided about the message of one report, on `day`.

    `category` is the one reported; `classifier` and `match` are those of the report, null if it had none.
    """

    report_id: str
    ce_source: str
    state: FeedbackState
    day: date
    category: Category
    outcome: FindingOutcome
    classifier: FindingClassifier | None
    match: ListMatch | None
