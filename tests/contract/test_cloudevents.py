"""The CloudEvents SDK reads what Tocsin writes, and Tocsin reads what the SDK writes."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.events.report import MessageReport
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.forms.tick import encode_tick
from streams.contract.wire.forms.time_correction import encode_time_correction
from tests.contract.examples import example, example_files, name_of
from tests.readers import decode_report
from tests.report_strategies import APPEND_TIME_MS, reports

WRITTEN = (
    "enriched-reports",
    "escalations",
    "escalations-shadow",
    "message-reports-internal",
    "reporter-notices",
    "detector-feedback",
    "refusals",
)


def read_by_sdk(key, headers, value):
    return from_kafka(KafkaMessage(dict(headers), key, value), JSONFormat())


@settings(max_examples=50)
@given(st.text(min_size=1), st.integers(0, 4_000_000_000_000))
def test_the_sdk_reads_our_headers(event_id, time_ms):
    event = read_by_sdk("c", event_headers("tocsin.escalation.v1", event_id, time_ms), b'{"level":1}')
    assert event.get_specversion() == "1.0"
    assert event.get_type() == "tocsin.escalation.v1"
    assert event.get_source() == "/tocsin"
    assert event.get_id() == event_id
    assert event.get_time() == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"level": 1}


@pytest.mark.parametrize("path", [path for topic in WRITTEN for path in example_files(topic)], ids=name_of)
def test_the_sdk_reads_every_example_of_an_output(path):
    record = example(path)
    event = read_by_sdk(record.key, record.headers, record.value)
    assert event.get_data() == record.document
    assert event.get_extension("partitionkey") == record.key


def test_the_sdk_reads_a_tick():
    value, headers = encode_tick(7, 1_790_000_000_000)
    event = read_by_sdk(None, headers, value)
    data = {"after": 7, "clock_ms": 1_790_000_000_000}
    assert (event.get_type(), event.get_data()) == ("tocsin.tick.v1", data)


def test_the_sdk_reads_a_correction_of_time():
    correction = TimeCorrection(1_820_000_000_000, 1_790_000_000_000, "a broker's clock was wrong", "op-1")
    value, headers = encode_time_correction(correction)
    event = read_by_sdk(None, headers, value)
    assert (event.get_type(), event.get_data()["actor"]) == ("tocsin.time-correction.v1", "op-1")


@settings(max_examples=50)
@given(reports)
def test_we_read_what_the_sdk_writes_in_both_modes(report: MessageReport):
    attributes = {
        "id": report.report_id,
        "source": "/reports/eu",
        "type": "tocsin.report.v1",
        "time": report.occurred_at,
        "datacontenttype": "application/json",
    }
    document = json.loads(encode(report))
    in_base64 = CloudEvent({**attributes, "datacontenttype": "application/octet-stream"}, encode(report))
    event = CloudEvent(attributes, document)
    for message in (
        to_binary(event, JSONFormat()),
        to_structured(event, JSONFormat()),
        to_structured(in_base64, JSONFormat()),
    ):
        decoded = decode_report(message.value, list(message.headers.items()), APPEND_TIME_MS)
        assert (decoded.event, decoded.ce_source) == (report, "/reports/eu")
