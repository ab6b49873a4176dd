"""Reports in their three forms, and the rejection of everything else."""

import base64
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.contract.wire import reading
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.nesting import MAX_BRACKETS, MAX_DEPTH
from streams.contract.wire.reading import MAX_EVENT_BYTES, Decoded
from tests.readers import decode_report
from tests.report_strategies import APPEND_TIME_MS, reports

REPORT = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-09-21T13:33:20Z",
    "channel": {"ref": "mfrggzdfmz", "visibility": "public"},
    "category": "fraud",
}
ENVELOPE = {
    "ce_specversion": b"1.0",
    "ce_id": b"r-1",
    "ce_source": b"/reports/eu",
    "ce_type": b"tocsin.report.v1",
    "content-type": b"application/json",
}
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
EVENT = {
    "specversion": "1.0",
    "id": "r-1",
    "source": "/reports/eu",
    "type": "tocsin.report.v1",
    "data": REPORT,
}


def with_(path, value, document=REPORT):
    """A copy of `document` with `value` at the dotted path. Ellipsis removes the field."""
    name, _, rest = path.partition(".")
    copy = dict(document)
    if rest:
        copy[name] = with_(rest, value, copy.get(name, {}))
    elif value is ...:
        copy.pop(name, None)
    else:
        copy[name] = value
    return copy


def decode(document, headers=(), append_time_ms=APPEND_TIME_MS):
    value = document if isinstance(document, bytes | None) else json.dumps(document).encode()
    return decode_report(value, headers, append_time_ms)


def rejection(document, headers=(), append_time_ms=APPEND_TIME_MS):
    with pytest.raises(Rejected) as caught:
        decode(document, headers, append_time_ms)
    # The decoder's own exception quotes the record, so it must not be attached and logged.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value.reason, caught.value.field


def binary(**changed):
    return [(name, value) for name, value in {**ENVELOPE, **changed}.items() if value is not ...]


@settings(max_examples=150)
@given(reports)
def test_a_valid_report_is_read_back_in_all_three_forms(report):
    value = encode(report)
    base = {name: text for name, text in EVENT.items() if name != "data"}
    in_data = json.dumps({**base, "data": json.loads(value)}).encode()
    in_base64 = json.dumps({**base, "data_base64": base64.b64encode(value).decode()}).encode()
    occurred_ms = math.floor(report.occurred_at.timestamp() * 1000)
    with_source = Decoded(report, "/reports/eu", occurred_ms)
    assert decode_report(value, (), APPEND_TIME_MS) == Decoded(report, "", occurred_ms)
    assert decode_report(value, binary(), APPEND_TIME_MS) == with_source
    assert decode_report(in_data, STRUCTURED, APPEND_TIME_MS) == with_source
    assert decode_report(in_base64, STRUCTURED, APPEND_TIME_MS) == with_source


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    "report_id", "kind", "occurred_at", "received_at", "channel", "channel.ref", "channel.country",
    "channel.language", "category", "message_ref", "reporter", "reporter.ref", "reporter.kind",
    "classifier", "evidence", "notice", "notice.elements", "unknown",
]  # fmt: skip
damaged_reports = st.builds(
    lambda path, value: json.dumps(with_(path, value)).encode(), st.sampled_from(PATHS), json_values
)
damaged_events = st.builds(
    lambda name, value: json.dumps({**EVENT, name: value}).encode(),
    st.sampled_from([*EVENT, "data_base64", "time"]),
    json_values,
)
damaged_bytes = st.builds(
    lambda text, at, byte: text[: at % len(text)] + byte + text[at % len(text) + 1 :],
    st.sampled_from([json.dumps(REPORT).encode(), json.dumps(EVENT).encode()]),
    st.integers(0, 10_000),
    st.binary(max_size=2),
)
headers_of_any_kind = st.lists(
    st.tuples(
        st.sampled_from([*ENVELOPE, "CE_TYPE", "traceparent"]) | st.text(max_size=5),
        st.none()
        | st.sampled_from([*ENVELOPE.values(), b"application/cloudevents", b"tocsin.report.v2"])
        | st.binary(max_size=12),
    ),
    max_size=8,
)


@settings(max_examples=600)
@given(
    st.none() | st.binary(max_size=60) | damaged_reports | damaged_events | damaged_bytes,
    headers_of_any_kind | st.just(STRUCTURED) | st.just(binary()),
    st.integers(-1, 2**63 - 1),
)
def test_any_input_is_a_report_or_rejected(value, headers, append_time_ms):
    try:
        decoded = decode_report(value, headers, append_time_ms)
    except Rejected as rejected:
        assert rejected.reason in DEAD_LETTER_REASONS
        assert rejected.field
        assert rejected.detail.endswith(".")
    else:
        assert decoded.event.report_id


@settings(max_examples=200)
@given(st.sampled_from(PATHS), st.text(min_size=6, max_size=20).map(lambda text: f"Qz{text}`Qz"))
def test_a_rejection_never_quotes_the_record(path, secret):
    for document in (with_(path, secret), with_(path, {secret: secret}), with_(path, [secret])):
        try:
            decode(document)
        except Rejected as rejected:
            assert "Qz" not in str(rejected)


@pytest.mark.parametrize(
    ("document", "reason", "field"),
    [
        (None, "empty", "value"),
        (b"", "empty", "value"),
        (b"{", "not_json", "value"),
        (b"nonsense", "not_json", "value"),
        (b"\xef\xbb\xbf" + json.dumps(REPORT).encode(), "not_json", "value"),
        (json.dumps(REPORT).encode() + b"x", "not_json", "value"),
        (json.dumps(REPORT).encode()[:-1] + b',"unknown":NaN}', "not_json", "value"),
        (json.dumps(REPORT).replace("r-1", "r\\ud800").encode(), "not_json", "value"),
        (json.dumps(REPORT).encode().replace(b"r-1", b"r\xff"), "invalid_utf8", "value"),
        (json.dumps(REPORT).encode()[:-1] + b',"unknown":"\xff"}', "invalid_utf8", "value"),
        (json.dumps(REPORT).encode()[:-1] + b',"\xff":1}', "invalid_utf8", "value"),
        (b"[" * 60_000, "too_deep", "value"),
        (json.dumps(REPORT).encode()[:-1] + b',"unknown":' + b'{"a":' * 10_000, "too_deep", "value"),
        (b" " * (MAX_EVENT_BYTES + 1), "oversized", "value"),
        (b"[]", "wrong_type", "value"),
        (b"null", "wrong_type", "value"),
        (with_("kind", 3), "wrong_type", "kind"),
        (with_("category", None), "wrong_type", "category"),
        (with_("channel", []), "wrong_type", "channel"),
        (with_("occurred_at", 1_790_000_000), "wrong_type", "occurred_at"),
        (with_("reporter", {"kind": "user", "member": "yes"}), "wrong_type", "reporter.member"),
        (with_("evidence", [1]), "wrong_type", "evidence[0]"),
        ({}, "missing_field", "report_id"),
        (with_("category", ...), "missing_field", "category"),
        (with_("channel.visibility", ...), "missing_field", "channel.visibility"),
        (with_("evidence", [{}]), "missing_field", "evidence[0].country"),
        (with_("kind", "order"), "invalid_value", "kind"),
        (with_("kind", "x` - at `$.category`"), "invalid_value", "kind"),
        (with_("report_id", ""), "invalid_value", "report_id"),
        (with_("report_id", "a b"), "invalid_value", "report_id"),
        (with_("report_id", "r-1\n"), "invalid_value", "report_id"),
        (with_("channel.ref", "x" * 129), "invalid_value", "channel.ref"),
        (with_("channel.ref", "é"), "invalid_value", "channel.ref"),
        (with_("message_ref", "a/b"), "invalid_value", "message_ref"),
        (with_("reporter", {"kind": "user", "ref": "a b"}), "invalid_value", "reporter.ref"),
        (with_("channel.language", "d"), "invalid_value", "channel.language"),
        (with_("channel.language", "de\n"), "invalid_value", "channel.language"),
        (with_("classifier", {"name": "a b", "version": "1", "score": 0}), "invalid_value", "classifier.name"),
        (with_("classifier", {"name": "a", "version": "1/2", "score": 0}), "invalid_value", "classifier.version"),
        (with_("classifier", {"name": "a", "version": "1", "score": 1.5}), "invalid_value", "classifier.score"),
        (with_("classifier", {"name": "a", "version": "1", "score": 10**400}), "invalid_value", "classifier.score"),
        (with_("notice", {"elements": ["location", "x"]}), "invalid_value", "notice.elements[1]"),
        (with_("notice", {"elements": ["location"] * 17}), "invalid_value", "notice.elements"),
        (with_("category", "phishing"), "unknown_category", "category"),
        (with_("channel.country", "de"), "invalid_country", "channel.country"),
        (with_("reporter", {"kind": "user", "country": "DEU"}), "invalid_country", "reporter.country"),
        (
            with_("evidence", [{"country": "ZZ", "basis": "victim", "confidence": 1}]),
            "invalid_country",
            "evidence[0].country",
        ),
        (with_("occurred_at", "yesterday"), "invalid_time", "occurred_at"),
        (with_("occurred_at", "2026-09-21T13:33:20"), "invalid_time", "occurred_at"),
        (with_("occurred_at", "2026-02-30T10:00:00Z"), "invalid_time", "occurred_at"),
        (with_("occurred_at", "2016-12-31T23:59:60Z"), "invalid_time", "occurred_at"),
        (with_("occurred_at", "1969-12-31T23:59:59.999Z"), "invalid_time", "occurred_at"),
        (with_("received_at", "0001-01-01T00:00:00+10:00"), "invalid_time", "received_at"),
        (with_("occurred_at", "9999-12-31T23:59:59-10:00"), "future_timestamp", "occurred_at"),
    ],
)  # fmt: skip
def test_each_fault_has_its_reason_and_field(document, reason, field):
    assert rejection(document) == (reason, field)


def test_a_time_may_be_five_minutes_ahead_of_the_broker_and_no_more():
    ahead = {
        "2026-09-21T14:18:20Z": True,
        "2026-09-21T14:18:20.001Z": False,
        "2026-09-21T16:18:20.001+02:00": False,
    }
    append_time_ms = 1_790_000_000_000  # 2026-09-21T14:13:20Z
    for text, accepted in ahead.items():
        for field in ("occurred_at", "received_at"):
            if accepted:
                assert decode(with_(field, text), (), append_time_ms)
            else:
                assert rejection(with_(field, text), (), append_time_ms) == ("future_timestamp", field)


def test_the_accepted_depth_does_not_depend_on_the_callers_stack():
    def nested(depth):
        return json.dumps(REPORT).encode()[:-1] + b',"unknown":' + b"[" * depth + b"]" * depth + b"}"

    def at_stack_depth(frames, document):
        return decode(document) if frames == 0 else at_stack_depth(frames - 1, document)

    for frames in (0, 600):
        assert at_stack_depth(frames, nested(MAX_DEPTH - 1)).event.report_id == "r-1"
        with pytest.raises(Rejected, match="too_deep"):
            at_stack_depth(frames, nested(MAX_DEPTH))
    assert decode(with_("unknown", "[" * 500)).event.report_id == "r-1"


def test_unknown_fields_are_dropped_and_null_counts_as_absent():
    everything_null = {
        name: None for name in ("received_at", "message_ref", "reporter", "classifier", "notice")
    }
    assert decode({**REPORT, **everything_null, "text": "x"}).event == decode(REPORT).event


@pytest.mark.parametrize(
    ("headers", "reason", "field"),
    [
        (binary(ce_id=...), "bad_envelope", "ce_id"),
        (binary(ce_source=...), "bad_envelope", "ce_source"),
        (binary(ce_type=...), "bad_envelope", "ce_type"),
        (binary(ce_specversion=...), "bad_envelope", "ce_specversion"),
        (binary(ce_specversion=b"0.3"), "bad_envelope", "ce_specversion"),
        (binary(ce_source=b""), "bad_envelope", "ce_source"),
        (binary(ce_source=b"\xff"), "bad_envelope", "ce_source"),
        (binary(ce_id=None), "bad_envelope", "ce_id"),
        (binary(ce_type=None), "bad_envelope", "ce_type"),
        ([("ce_time", b"2026-09-21T13:33:20Z")], "bad_envelope", "ce_specversion"),
        (binary(ce_type=b"other.event.v1"), "bad_envelope", "ce_type"),
        (binary(ce_type=b"tocsin.report.vX"), "bad_envelope", "ce_type"),
        (binary(ce_type=b"tocsin.report.v2"), "unsupported_version", "ce_type"),
        (binary(ce_type=b"tocsin.report.v10"), "unsupported_version", "ce_type"),
        ([*binary(), ("ce_type", b"tocsin.tick.v1")], "bad_envelope", "ce_type"),
        ([("ce_type", b"tocsin.tick.v1"), *binary()], "bad_envelope", "ce_type"),
        ([*binary(), ("ce_source", b"/reports/eu")], "bad_envelope", "ce_source"),
        ([("ce_extension", b"1"), *binary(), ("ce_extension", b"1")], "bad_envelope", "ce_extension"),
        ([*STRUCTURED, ("ce_id", b"1"), ("ce_id", b"2")], "bad_envelope", "ce_id"),
        ([("ce_source", b"mailto:ann@example.org"), *binary()], "pii_detected", "ce_source"),
        ([("content-type", b"application/cloudevents-batch+json")], "bad_envelope", "content-type"),
        ([("content-type", b"application/cloudevents+avro")], "bad_envelope", "content-type"),
    ],
)
def test_faults_of_the_envelope(headers, reason, field):
    assert rejection(REPORT, headers) == (reason, field)


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        (with_("id", ..., EVENT), "bad_envelope", "ce_id"),
        (with_("source", "", EVENT), "bad_envelope", "ce_source"),
        (with_("source", None, EVENT), "bad_envelope", "ce_source"),
        (with_("type", 1, EVENT), "bad_envelope", "ce_type"),
        (with_("data_base64", "e30=", EVENT), "bad_envelope", "data_base64"),
        ({**with_("data", ..., EVENT), "data_base64": "?"}, "bad_envelope", "data_base64"),
        ([EVENT], "bad_envelope", "value"),
        (with_("type", "tocsin.report.v2", EVENT), "unsupported_version", "ce_type"),
        (with_("data", ..., EVENT), "empty", "data"),
        (with_("data", None, EVENT), "empty", "data"),
        ({**with_("data", ..., EVENT), "data_base64": ""}, "empty", "data"),
        (with_("data.category", "x", EVENT), "unknown_category", "category"),
        (with_("data", json.dumps(REPORT), EVENT), "wrong_type", "value"),
        (b"{", "not_json", "value"),
        (
            {**with_("data", ..., EVENT), "data_base64": base64.b64encode(b"[" * 80).decode()},
            "too_deep",
            "value",
        ),
        (
            {**with_("data", ..., EVENT), "data_base64": base64.b64encode(b'{"a":"\xff"}').decode()},
            "invalid_utf8",
            "value",
        ),
    ],
)
def test_faults_of_a_structured_event(event, reason, field):
    assert rejection(event, STRUCTURED) == (reason, field)


def test_the_form_follows_from_the_content_type_then_from_the_headers():
    assert decode(EVENT, [("content-type", b"Application/CloudEvents")]).ce_source == "/reports/eu"
    # Structured mode wins over ce_ headers, the payload over ce_id, and the last of two equal other headers
    # counts.
    assert decode(EVENT, [*binary(ce_source=b"/other"), *STRUCTURED]).ce_source == "/reports/eu"
    assert decode(REPORT, binary(ce_id=b"another")).event.report_id == "r-1"
    twice = [("content-type", b"application/cloudevents+avro"), ("content-type", b"application/json")]
    assert decode(REPORT, [*twice, *binary()]).ce_source == "/reports/eu"
    assert decode(REPORT, [("content-type", b"text/plain"), ("traceparent", b"00-x")]).ce_source == ""
    assert decode(REPORT, [("content-type", None)]).ce_source == ""


EMAIL, PHONE = "ann@example.org", "+49 170 1234567"


@pytest.mark.parametrize(
    "path", ["report_id", "channel.ref", "message_ref", "reporter.ref", "classifier.name"]
)
@pytest.mark.parametrize("text", [EMAIL, "ann%40example.org", PHONE, "+491701234567", "@ann@social.example"])
def test_an_address_or_number_in_a_ref_is_personal_data(path, text):
    document = with_(path, text, {**REPORT, "reporter": {"kind": "user"}})
    if path.startswith("classifier"):
        document["classifier"] |= {"version": "1", "score": 0.5}
    assert rejection(document) == ("pii_detected", path)


@pytest.mark.parametrize(
    "text", ["00491701234567", "030-1234567", "0301234567", "tel:1701234567", "(030) 12 34 567", "٠١٢٣٤٥٦٧٨"]
)
def test_a_national_number_is_personal_data_where_a_pseudonym_belongs(text):
    assert rejection(with_("channel.ref", text)) == ("pii_detected", "channel.ref")
    assert rejection(with_("message_ref", text)) == ("pii_detected", "message_ref")


def test_a_counter_is_a_legitimate_report_id_and_version():
    document = {**REPORT, "classifier": {"name": "a", "version": "20260921", "score": 1}}
    assert decode(with_("report_id", "491701234567", document)).event.report_id == "491701234567"


def test_short_and_long_digit_strings_are_not_telephone_numbers():
    for text in ("123456", "1234567890123456", "1234567a"):
        assert decode(with_("channel.ref", text)).event.channel.ref == text


@pytest.mark.parametrize(
    "broken",
    [
        with_("kind", "x"),
        with_("category", ...),
        with_("occurred_at", "9999-12-31T23:59:59Z"),
        with_("reporter.ref", 491701234567),
        with_("reporter.ref", 4.91701234567e11),
        with_("reporter.ref", ["+49 170 1234567"]),
        with_("reporter.ref", {"value": EMAIL}),
        json.dumps(with_("reporter.ref", EMAIL)).encode()[:-1] + b',"unknown":"\xff"}',
    ],
)
def test_personal_data_is_found_whatever_else_is_wrong(broken):
    document = (
        broken if isinstance(broken, bytes) or "reporter" in broken else with_("reporter.ref", EMAIL, broken)
    )
    assert rejection(document) == ("pii_detected", "reporter.ref")
    if isinstance(document, bytes):
        return
    assert rejection(document, binary(ce_type=b"tocsin.report.v2")) == ("pii_detected", "reporter.ref")
    event = {**EVENT, "type": "tocsin.report.v2", "data": document}
    assert rejection(event, STRUCTURED) == ("pii_detected", "reporter.ref")
    hidden = {
        **with_("data", ..., EVENT),
        "data_base64": base64.encodebytes(json.dumps(document).encode()).decode(),
    }
    assert rejection(hidden, STRUCTURED) == ("pii_detected", "reporter.ref")
    # Data twice, and no version of CloudEvents: still an event.
    assert rejection({**hidden, "data": REPORT}, STRUCTURED) == ("pii_detected", "reporter.ref")
    del event["specversion"], event["type"]
    assert rejection(event, STRUCTURED) == ("pii_detected", "reporter.ref")


def test_an_address_in_the_envelope_is_personal_data():
    assert rejection(REPORT, binary(ce_source=b"mailto:ann@example.org")) == ("pii_detected", "ce_source")
    assert rejection(REPORT, binary(ce_id=b"ann%40example.org")) == ("pii_detected", "ce_id")
    assert rejection(None, binary(ce_id=b"ann@example.org")) == ("pii_detected", "ce_id")
    assert rejection({**EVENT, "source": "mailto:" + EMAIL}, STRUCTURED) == ("pii_detected", "ce_source")
    assert rejection({**EVENT, "id": EMAIL, "type": 1}, STRUCTURED) == ("pii_detected", "ce_id")
    assert decode(REPORT, binary(ce_source=b"/reports/%20@")).ce_source == "/reports/%20@"


@settings(max_examples=200)
@given(
    st.sampled_from(["a@", "1", "-", "(", "0-", "{", '"', "%4", "+1 ", " ", "tel:", "1 ", "A1", "AB12"]),
    st.integers(1, 30_000),
)
def test_hostile_refs_are_checked_in_linear_time(unit, length):
    # A pattern that backtracks would take minutes.
    text = (unit * length)[:30_000]
    assert rejection(with_("channel.ref", text + "!"))[1] in ("channel.ref", "value")


def test_what_is_too_large_is_refused_without_being_searched(monkeypatch):
    def fail(*_arguments, **_options):
        raise AssertionError("the record was searched")

    for name in ("is_too_nested", "personal_data_in_value", "open_envelope"):
        monkeypatch.setattr(reading, name, fail)
    large = b"[]," * MAX_EVENT_BYTES
    assert rejection(large, [*binary(), ("ce_id", b"twice")]) == ("oversized", "value")


def test_the_number_of_brackets_is_limited():
    def with_arrays(number):
        return json.dumps(REPORT).encode()[:-1] + b',"unknown":[' + b",".join([b"[]"] * number) + b"]}"

    most = (MAX_BRACKETS - 2 * 3) // 2
    assert decode(with_arrays(most)).event.report_id == "r-1"
    assert rejection(with_arrays(most + 1)) == ("too_deep", "value")


def test_a_lack_of_memory_is_not_blamed_on_the_record(monkeypatch):
    def no_memory(*_arguments):
        raise MemoryError

    for name in ("open_envelope", "is_too_nested", "personal_data_in_value"):
        with monkeypatch.context() as patched, pytest.raises(MemoryError):
            patched.setattr(reading, name, no_memory)
            decode(with_("kind", "x"))
