"""Encodes cases for people who look after the integrity of reporting: records of `integrity-cases`."""

from streams.contract.events.integrity_case import (
    DETECTOR_CASE_TYPE,
    INTEGRITY_CASE_TYPE,
    CaseForReview,
    DetectorCase,
)
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import INTEGRITY_CASES


def encode_integrity_case(key: bytes, case: CaseForReview | DetectorCase, time_ms: int) -> OutputRecord:
    """The record of a case. `key` is a keyed hash in hexadecimal, or the channel's ref.

    `case_id` must be the same in a replay (ids.stable_id); `time_ms` is that of `at` (ms since the epoch).
    """
    event_type = DETECTOR_CASE_TYPE if isinstance(case, DetectorCase) else INTEGRITY_CASE_TYPE
    headers = event_headers(event_type, case.case_id, time_ms)
    return OutputRecord(INTEGRITY_CASES, None, key, encode(case), headers)
