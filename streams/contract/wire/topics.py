"""The name of every topic, without the prefix of the deployment.

`schemas/topics/` has a file for each of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

MESSAGE_REPORTS: Final = "message-reports"
VERIFIED_REPORTS: Final = "verified-reports"
MESSAGE_REPORTS_INTERNAL: Final = "message-reports-internal"
ENRICHED_REPORTS: Final = "enriched-reports"
ESCALATIONS: Final = "escalations"
ESCALATIONS_SHADOW: Final = "escalations-shadow"
CHANNEL_STATE: Final = "channel-state"
CLOCK_OUTCOMES: Final = "clock-outcomes"
MODERATION_OUTCOMES: Final = "moderation-outcomes"
CASE_ACTIVITY: Final = "case-activity"
DESK_VIEWS: Final = "desk-views"
REPORTER_STANDING: Final = "reporter-standing"
REPORTER_NOTICES: Final = "reporter-notices"
DETECTOR_FEEDBACK: Final = "detector-feedback"
REPORTERS_INTERNAL: Final = "reporters-internal"
REPORTER_STATE: Final = "reporter-state"
INTEGRITY_CASES: Final = "integrity-cases"
REVIEW_QUESTIONS: Final = "review-questions"
AUTHORITY_REQUESTS: Final = "authority-requests"
AUTHORITY_REQUESTS_INTERNAL: Final = "authority-requests-internal"
AUTHORITY_ROUTING: Final = "authority-routing"
AUTHORITY_STATE: Final = "authority-state"
TRANSPARENCY_COUNTERS: Final = "transparency-counters"
DEAD_LETTERS: Final = "dead-letters"
REFUSALS: Final = "refusals"
DELIVERIES_SET_ASIDE: Final = "deliveries-set-aside"
CLAIMS: Final = "claims"
WORKER_PROGRESS: Final = "worker-progress"
INTAKE_POSITIONS: Final = "intake-positions"
RULE_SETS: Final = "rule-sets"
RULE_CHANGES: Final = "rule-changes"
RULE_TRIALS: Final = "rule-trials"

ReportSource = Literal["message-reports", "verified-reports"]
REPORT_SOURCES: Final[tuple[ReportSource, ...]] = (MESSAGE_REPORTS, VERIFIED_REPORTS)
"""The topics to which reports are published, each by another class of publishers."""

TOPICS: Final = (
    MESSAGE_REPORTS,
    VERIFIED_REPORTS,
    MESSAGE_REPORTS_INTERNAL,
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    CHANNEL_STATE,
    CLOCK_OUTCOMES,
    MODERATION_OUTCOMES,
    CASE_ACTIVITY,
    DESK_VIEWS,
    REPORTER_STANDING,
    REPORTER_NOTICES,
    DETECTOR_FEEDBACK,
    REPORTERS_INTERNAL,
    REPORTER_STATE,
    INTEGRITY_CASES,
    REVIEW_QUESTIONS,
    AUTHORITY_REQUESTS,
    AUTHORITY_REQUESTS_INTERNAL,
    AUTHORITY_ROUTING,
    AUTHORITY_STATE,
    TRANSPARENCY_COUNTERS,
    DEAD_LETTERS,
    REFUSALS,
    DELIVERIES_SET_ASIDE,
    CLAIMS,
    WORKER_PROGRESS,
    INTAKE_POSITIONS,
    RULE_SETS,
    RULE_CHANGES,
    RULE_TRIALS,
)


# A worker reads half a dozen topics; the cache also holds the topics named in origin headers.
@lru_cache(maxsize=256)
def without_prefix(topic: str) -> str:
    """Return the name of a topic without the deployment's prefix; an unknown name is returned unchanged.

    No name in TOPICS ends with another one, so the answer is unambiguous for every prefix.
    """
    return next((name for name in TOPICS if topic.endswith(name)), topic)


@dataclass(frozen=True, slots=True)
class SourceTopics:
    """The topics that a stage reads. Partition n of all of them has the same owner.

    Publishers write to the external topics, of which a stage may have none. The stages write to the internal
    one: records re-keyed or passed on, and ticks.
    """

    external: tuple[str, ...]
    internal: str

    def __iter__(self) -> Iterator[str]:
        yield from self.external
        yield self.internal
