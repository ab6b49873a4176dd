"""The headers of the records that Tocsin writes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.wire.envelope import event_headers, rfc3339

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_headers_are_a_complete_binary_event():
    assert event_headers("tocsin.escalation.v1", "e-1", 1_790_000_000_123) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e-1"),
        ("ce_source", b"/tocsin"),
        ("ce_type", b"tocsin.escalation.v1"),
        ("ce_time", b"2026-09-21T14:13:20.123Z"),
        ("content-type", b"application/json"),
    ]


def test_each_call_returns_a_new_list_of_headers():
    event_headers("tocsin.escalation.v1", "e-1", 0).clear()
    assert len(event_headers("tocsin.escalation.v1", "e-1", 0)) == 6


# Years 1 to 9999.
@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_datetime_reads_a_written_time_back_to_the_millisecond(time_ms):
    text = rfc3339(time_ms)
    assert len(text) == len("2026-09-21T14:13:20.123Z")
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == EPOCH + timedelta(milliseconds=time_ms)
