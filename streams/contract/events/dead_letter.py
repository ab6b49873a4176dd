"""Why records are rejected, and what to do; what replaces personal data; what publishers are told."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, get_args

import msgspec

from streams.contract.events.report import Ref, ZonedTime

DeadLetterReason = Literal[
    "empty",
    "not_json",
    "invalid_utf8",
    "too_deep",
    "wrong_type",
    "missing_field",
    "invalid_value",
    "unknown_category",
    "invalid_country",
    "invalid_time",
    "future_timestamp",
    "oversized",
    "pii_detected",
    "bad_envelope",
    "unsupported_version",
    "bad_batch",
    "not_allowed_here",
    "clock_not_running",
    "not_pausable",
    "subject_not_found",
    "standing_not_possible",
    "too_many_new",
    "skipped",
]
DEAD_LETTER_REASONS: tuple[DeadLetterReason, ...] = get_args(DeadLetterReason)

# Reasons for rejecting a valid event, for what the state holds. When logs are read again from the beginning,
# outcomes may come before the reports and requests that they are about, and can be redriven later.
REFUSED_BY_STATE: frozenset[DeadLetterReason] = frozenset(
    {"clock_not_running", "not_pausable", "subject_not_found", "standing_not_possible", "too_many_new"}
)

REMEDIES: Final[Mapping[str, str]] = {
    "empty": "Publish the event as the record's value. A tombstone has no meaning in Tocsin's input topics.",
    "not_json": "Encode with a JSON library, as UTF-8, and do not compress the value yourself.",
    "invalid_utf8": "Encode text as UTF-8, and check for text that was cut in the middle of a character.",
    "too_deep": (
        "A report needs 4 levels and 80 brackets; remove the field that is nested deeper or has so many."
    ),
    "wrong_type": "Compare the field with the event's schema, such as schemas/json/report.v1.json.",
    "missing_field": "Add the field. The schema lists the required fields.",
    "invalid_value": "The detail says which values are valid.",
    "unknown_category": (
        "Map it to one in the list, or to unspecified. If a category is missing, ask the owner of the "
        "registry."
    ),
    "invalid_country": (
        "Use two capital letters, XX if the country is not known, or leave the field out if it is optional."
    ),
    "invalid_time": (
        "Write RFC 3339 with a time zone, such as 2026-03-01T12:00:00Z. Write a leap second as 59."
    ),
    "future_timestamp": (
        "Set the clock of the machine that made the report. Once that time has passed, the record can be "
        "redriven."
    ),
    "oversized": "Remove fields that are not in the schema. Text and media never belong in a report.",
    "pii_detected": (
        "Make refs with HMAC-SHA256, using a key that Tocsin does not have. If your rules require it, "
        "delete the original record at its topic, partition and offset."
    ),
    "bad_envelope": (
        "Set ce_specversion to 1.0, ce_id, ce_source, and ce_type to the topic's event type "
        "(tocsin.report.v1 for reports), or send no ce_ header at all. Publish one event per record."
    ),
    "unsupported_version": (
        "Publish the version in the detail, or install a version of Tocsin that reads the newer one and "
        "redrive the record."
    ),
    "bad_batch": (
        "Publish smaller batches, compressed by a Kafka client. Reports compress 10 to 15 times; a batch of "
        "hundreds of KB that compresses more than 16 times was probably made to do harm, so check who can "
        "write to the topic."
    ),
    "not_allowed_here": (
        "Publish the report to the topic in the detail. What the platform vouches for (notices of trusted "
        "flaggers, statutory requests of victims, automated detections) belongs in verified-reports. An "
        "operator who knows the publisher can send the record there with `tocsin dead-letters redrive "
        "--to`."
    ),
    "clock_not_running": (
        "Copy clock_id and key from the event that published the clock. A clock that was fulfilled or "
        "withdrawn needs no further outcome. After a reset of the state, outcomes may be read before the "
        "reports that arm their clocks: redrive them once the workers have caught up."
    ),
    "not_pausable": (
        "The field and the detail say which of these applies. The reasons for which a duty's clock may be "
        "paused are in its row of the registry (pausable_for)."
    ),
    "subject_not_found": (
        "Send an outcome about the message, whose ref is on the report and on the escalation. After a reset "
        "of the state, outcomes may be read before the reports that they are about: redrive them then."
    ),
    "standing_not_possible": (
        "See the field and the detail; `tocsin reporter show` shows what is in force. Warn first, and "
        "decide again. After a reset of the state, redrive the warning before the pause."
    ),
    "too_many_new": (
        "Find out whether the publisher makes a new ref for each report, and stop it if so. If its reports "
        "are genuine, give the workers more memory, raise the limit (TOCSIN_NEW_REPORTERS_PER_HOUR, "
        "TOCSIN_NEW_CHANNELS_PER_HOUR, TOCSIN_NEW_MESSAGES_PER_HOUR) and redrive them; or redrive them in a "
        "later hour."
    ),
    "skipped": "Operators redrive what should be applied after all, once the cause is gone.",
}
"""By reason, for operators who look at a dead letter and for publishers who are told of a refusal."""


class RedactedRecord(msgspec.Struct, frozen=True):
    """Replaces a value that is not kept.

    Its SHA-256 and length in bytes identify the original; `field` says where the fault was.
    """

    sha256: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[0-9a-f]{64}$"})]
    length: Annotated[int, msgspec.Meta(ge=0)]
    field: str


REFUSAL_TYPE = "tocsin.refusal.v1"


# It never says what the report said: the publisher finds that by place or id.
class ReportRefusal(msgspec.Struct, frozen=True, gc=False):
    """A report of the publisher `ce_source` was refused, and is in `dead-letters`.

    `topic`, `partition`, `offset` and `published_at` are where and when the broker wrote it. `ce_id` and
    `report_id` are its ids; null if they could not be read, are no valid ids, or are what was refused.
    `reason` is one of those of dead letters; expect others. `last_of_hour`: the partition refuses so much of
    this publisher that it tells no more within the hour.
    """

    ce_source: str
    ce_id: Ref | None
    report_id: Ref | None
    topic: str
    partition: Annotated[int, msgspec.Meta(ge=0)]
    offset: Annotated[int, msgspec.Meta(ge=0)]
    published_at: ZonedTime
    reason: str
    field: str
    detail: str
    remedy: str
    last_of_hour: bool
