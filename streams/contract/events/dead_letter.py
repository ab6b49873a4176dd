"""The reasons for rejecting a record, and what a dead letter has in place of personal data."""

from typing import Annotated, Literal, get_args

import msgspec

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


class RedactedRecord(msgspec.Struct, frozen=True):
    """Replaces a value that is not kept.

    Its SHA-256 and length in bytes identify the original; `field` says where the fault was.
    """

    sha256: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[0-9a-f]{64}$"})]
    length: Annotated[int, msgspec.Meta(ge=0)]
    field: str
