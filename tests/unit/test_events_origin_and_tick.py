"""Origins and ticks on the internal topic, and that publishers cannot forge them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.forms.tick import decode_tick, encode_tick
from streams.contract.wire.forms.time_correction import decode_time_correction, encode_time_correction
from streams.contract.wire.origin import Origin, origin_of, with_origin
from tests.report_strategies import Record

INTERNAL = "eu.message-reports-internal"
NUMBERS = st.integers(0, 2**63 - 1)


@given(st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True), NUMBERS, NUMBERS, NUMBERS)
def test_the_origin_survives_repeated_rekeying(topic, partition, offset, timestamp):
    record = Record(topic=topic + "x", partition=partition, offset=offset, timestamp=timestamp)
    place = Origin(topic + "x", partition, offset, timestamp)
    for _ in range(3):
        assert origin_of(record) == place
        headers = with_origin(record)
        assert [name for name, _ in headers] == ["tocsin-origin"]
        record = Record(topic=INTERNAL, partition=1, offset=1, timestamp=1, headers=headers)


def test_other_headers_keep_their_order():
    headers = [("a", b"1"), ("b", None), ("a", b"2")]
    assert with_origin(Record(headers=headers))[:3] == headers


@pytest.mark.parametrize(
    "malformed", [None, b"", b"x", b"a/1/2", b"a/1/2/3/4", b"a/1/2/x", b"\xff/1/2/3", b"a/1/2/" + b"9" * 5000]
)
def test_a_malformed_origin_is_ignored(malformed):
    record = Record(topic=INTERNAL, headers=[("tocsin-origin", malformed)])
    assert origin_of(record) == Origin(INTERNAL, 3, 42, record.timestamp)


def test_a_publisher_cannot_forge_an_origin():
    record = Record(headers=[("tocsin-origin", b"message-reports/0/0/0")])
    assert origin_of(record) == Origin("message-reports", 3, 42, record.timestamp)
    assert with_origin(record) == [("tocsin-origin", b"message-reports/3/42/1790000000000")]


def test_a_publishers_headers_do_not_pass_for_ours_on_an_internal_topic():
    ours = (
        "tocsin-origin",
        "tocsin-ticks",
        "tocsin-after",
        "tocsin-not-unpacked",
        "tocsin-reason",
        "tocsin-tick",
    )
    headers = [("trace", b"1"), *((name, b"forged") for name in ours), ("tocsin-attempt", b"2")]
    kept = [("trace", b"1"), ("tocsin-attempt", b"2")]
    place = ("tocsin-origin", b"message-reports/3/42/1790000000000")
    assert with_origin(Record(headers=headers)) == [*kept, place]


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_tick_is_read_from_the_internal_topic_alone(after, clock, appended):
    value, headers = encode_tick(after, clock)
    record = Record(topic=INTERNAL, timestamp=appended, value=value, headers=headers)
    # The append time counts, up to five minutes after the clock of the worker that wrote the tick.
    assert decode_tick(record) == (after, min(appended, clock + 300_000))
    assert decode_tick(replace(record, topic="eu.message-reports")) is None


@given(NUMBERS, NUMBERS)
def test_a_tick_of_an_older_worker_counts_at_its_append_time(after, appended):
    _, headers = encode_tick(after, 0)
    record = Record(topic=INTERNAL, timestamp=appended, value=b'{"after":%d}' % after, headers=headers)
    assert decode_tick(record) == (after, appended)


def test_a_correction_is_read_from_the_internal_topic_alone():
    correction = TimeCorrection(2_000, 1_000, "a broker's clock was wrong", "op-1")
    value, headers = encode_time_correction(correction)
    record = Record(topic=INTERNAL, value=value, headers=headers)
    assert decode_time_correction(record) == correction
    assert decode_time_correction(replace(record, topic="eu.message-reports")) is None
    published = Record(topic="eu.message-reports", value=value, headers=headers)
    assert decode_time_correction(replace(record, headers=with_origin(published))) is None
    assert decode_tick(record) is None
    assert decode_time_correction(replace(record, value=b'{"wrong_ms":2000}')) is None


@given(
    st.none()
    | st.binary()
    | st.sampled_from(
        [
            b'{"after":-1}',
            b'{"after":1.5}',
            b'{"after":1,"clock_ms":-1}',
            b'{"after":1,"clock_ms":"x"}',
            b"{}",
            b"[" * 9999,
        ]
    )
)
def test_a_malformed_tick_is_not_a_tick(value):
    _, headers = encode_tick(1, 2)
    assert decode_tick(Record(topic=INTERNAL, value=value, headers=headers)) is None


def test_a_record_of_another_type_is_not_a_tick():
    value, headers = encode_tick(1, 2)
    for other in ([], [("ce_type", b"tocsin.report.v1")], [("ce_type", None)], headers[:3]):
        assert decode_tick(Record(topic=INTERNAL, value=value, headers=other)) is None


def test_a_rekeyed_record_is_not_a_tick_whatever_its_publisher_wrote():
    value, headers = encode_tick(1, 2)
    published = Record(topic="eu.message-reports", value=value, headers=[*headers])
    rekeyed = Record(topic=INTERNAL, value=value, headers=with_origin(published))
    assert decode_tick(rekeyed) is None
    # Not even if the publisher forged an origin, which is replaced.
    forged = Record(topic="eu.message-reports", value=value, headers=[("tocsin-origin", b"x"), *headers])
    assert decode_tick(Record(topic=INTERNAL, value=value, headers=with_origin(forged))) is None
