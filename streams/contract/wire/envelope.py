"""CloudEvents 1.0 in Kafka headers (binary mode): header names, and the headers of Tocsin's events."""

from functools import lru_cache
from time import gmtime

CONTENT_TYPE = "content-type"
CE_PREFIX = "ce_"
CE_SPECVERSION = "ce_specversion"
CE_ID = "ce_id"
CE_SOURCE = "ce_source"
CE_TYPE = "ce_type"
CE_TIME = "ce_time"

SPECVERSION = b"1.0"
JSON_CONTENT_TYPE = b"application/json"
STRUCTURED_CONTENT_TYPE = b"application/cloudevents+json"

TRACEPARENT = "traceparent"
"""The header of W3C Trace Context: the ids of a trace and of a span in it."""

# The name of the system, not of the machine: a replay elsewhere must write the same bytes.
TOCSIN_SOURCE = b"/tocsin"

_SPECVERSION_HEADER = (CE_SPECVERSION, SPECVERSION)
_SOURCE_HEADER = (CE_SOURCE, TOCSIN_SOURCE)
_CONTENT_TYPE_HEADER = (CONTENT_TYPE, JSON_CONTENT_TYPE)

_MILLISECONDS = tuple(f".{ms:03d}Z" for ms in range(1000))


@lru_cache(maxsize=64)
def _type_header(event_type: str) -> tuple[str, bytes]:
    return CE_TYPE, event_type.encode()


# One entry per second. Live traffic spans a few minutes of event time, and each second of it leads to a few
# deadlines in other seconds. Four hours of seconds take 2 MB and nearly always hit.
@lru_cache(maxsize=4 * 3600)
def _to_the_second(seconds: int) -> str:
    year, month, day, hour, minute, second, *_ = gmtime(seconds)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}"


def rfc3339(time_ms: int) -> str:
    """Format milliseconds since the epoch (years 1 to 9999) as RFC 3339 in UTC, with milliseconds and `Z`."""
    seconds, milliseconds = divmod(time_ms, 1000)
    return _to_the_second(seconds) + _MILLISECONDS[milliseconds]


def own_headers(event_type: str, event_id: str) -> list[tuple[str, bytes]]:
    """The headers of a record that Tocsin writes for itself. It has no `ce_time`."""
    return [
        _SPECVERSION_HEADER,
        (CE_ID, event_id.encode()),
        _SOURCE_HEADER,
        (CE_TYPE, event_type.encode()),
        _CONTENT_TYPE_HEADER,
    ]


def event_headers(event_type: str, event_id: str, time_ms: int) -> list[tuple[str, bytes]]:
    """The binary-mode headers of an event of Tocsin's; `time_ms` is event time in ms since the epoch."""
    return headers_at(event_type, event_id, rfc3339(time_ms).encode())


def headers_at(event_type: str, event_id: str, time: bytes) -> list[tuple[str, bytes]]:
    """As `event_headers`, for many events of one time, given as RFC 3339."""
    return [
        _SPECVERSION_HEADER,
        (CE_ID, event_id.encode()),
        _SOURCE_HEADER,
        _type_header(event_type),
        (CE_TIME, time),
        _CONTENT_TYPE_HEADER,
    ]
