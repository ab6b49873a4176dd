"""A report as the CloudEvent that `message-reports` takes, in binary mode."""

from streams.events.envelope import (
    CE_ID,
    CE_SOURCE,
    CE_SPECVERSION,
    CE_TIME,
    CE_TYPE,
    CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    SPECVERSION,
)
from streams.events.report import REPORT_TYPE

_TYPE = REPORT_TYPE.encode()


def report_headers(source: str, report_id: str, occurred_at: str) -> list[tuple[str, bytes]]:
    """Headers of a report from the publisher `source`; (source, report_id) is what makes a duplicate.

    `occurred_at` is RFC 3339, as in the payload.
    """
    return [
        (CE_SPECVERSION, SPECVERSION),
        (CE_ID, report_id.encode()),
        (CE_SOURCE, source.encode()),
        (CE_TYPE, _TYPE),
        (CE_TIME, occurred_at.encode()),
        (CONTENT_TYPE, JSON_CONTENT_TYPE),
    ]
