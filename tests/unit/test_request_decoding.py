"""Requests are read in three forms or rejected with a reason, and the schema agrees with the decoder."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams.contract.events.authority_request import AUTHORITY_REQUEST_TYPE
from streams.contract.events.authority_routing import AUTHORITY_ROUTING_TYPE, AuthorityRouting
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.forms.request_decoding import VALID_IN_REQUEST
from streams.contract.wire.reading import MAX_AHEAD_MS
from streams.deciding.requests.judge import judge_request
from streams.running.topics.topic_catalogue import SCHEMAS
from tests.contract.examples import example, example_files, name_of
from tests.readers import decode_request
from tests.report_strategies import APPEND_TIME_MS
from tests.request_strategies import requests
from tests.unit.request_traffic import NOON, RULES, removal_order
from tests.unit.traffic import DAY

SCHEMA = Draft202012Validator(json.loads((SCHEMAS / "json" / "authority-request.v1.json").read_text()))
ROUTING_SCHEMA = Draft202012Validator(
    json.loads((SCHEMAS / "json" / "authority-routing.v1.json").read_text())
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TYPE = AUTHORITY_REQUEST_TYPE.encode()
BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/intake"), ("ce_type", TYPE)]


def reason(value, headers=(), now=NOON):
    with pytest.raises(Rejected) as caught:
        decode_request(value, headers, now)
    return caught.value.reason, caught.value.field


def of(**changes):
    return json.dumps({**removal_order(), **changes}).encode()


@settings(max_examples=100)
@given(requests)
def test_an_encoded_request_is_read_back_and_matches_the_schema(request):
    decoded = decode_request(encode(request), (), APPEND_TIME_MS)
    assert decoded.event == request
    assert decoded.time_ms == (request.received_at - EPOCH) // timedelta(milliseconds=1)
    SCHEMA.validate(json.loads(encode(request)))


def test_three_forms_give_the_same_request():
    plain = decode_request(of(), (), NOON)
    binary = decode_request(of(), BINARY, NOON)
    event = {"specversion": "1.0", "id": "1", "source": "/intake", "type": AUTHORITY_REQUEST_TYPE}
    structured = [("content-type", b"application/cloudevents+json")]
    wrapped = decode_request(json.dumps({**event, "data": removal_order()}).encode(), structured, NOON)
    assert plain.event == binary.event == wrapped.event
    assert (plain.ce_source, binary.ce_source, wrapped.ce_source) == ("", "/intake", "/intake")
    assert plain.time_ms == NOON


@pytest.mark.parametrize(
    ("value", "headers", "expected"),
    [
        (None, (), ("empty", "value")),
        (b"", (), ("empty", "value")),
        (b"{", (), ("not_json", "value")),
        (b'"\xff"', (), ("invalid_utf8", "value")),
        (b"[" * 500, (), ("too_deep", "value")),
        (b" " * 70_000, (), ("oversized", "value")),
        (b"{}", (), ("missing_field", "request_id")),
        (of(authority={"type": "court"}), (), ("missing_field", "authority.country")),
        (of(authority={"country": "de", "type": "court"}), (), ("invalid_country", "authority.country")),
        (of(authority={"country": "DE", "type": "king"}), (), ("invalid_value", "authority.type")),
        (of(target={"kind": "message", "people": -1}), (), ("invalid_value", "target.people")),
        (of(target={"kind": "account", "ref": "+4930123456"}), (), ("pii_detected", "target.ref")),
        (of(target={"kind": "account", "ref": "0049-30-123456"}), (), ("pii_detected", "target.ref")),
        (of(authority={"country": "DE", "type": "court", "ref": "a@b.de"}), (), ("pii_detected", "authority.ref")),
        (of(elements=["stamp"]), (), ("invalid_value", "elements[0]")),
        (of(concerns=["peaceful_assembly"] * 9), (), ("invalid_value", "concerns")),
        (of(demands=["remove"] * 17), (), ("invalid_value", "demands")),
        (of(emergency="yes"), (), ("wrong_type", "emergency")),
        (of(language="x"), (), ("invalid_value", "language")),
        (of(received_at="1969-01-01T00:00:00Z"), (), ("invalid_time", "received_at")),
        (of(), BINARY[:2], ("bad_envelope", "ce_type")),
        (of(), [*BINARY[:3], ("ce_type", b"tocsin.report.v1")], ("bad_envelope", "ce_type")),
        (of(), [*BINARY[:3], ("ce_type", b"tocsin.authority-request.v2")], ("unsupported_version", "ce_type")),
    ],
)  # fmt: skip
def test_an_invalid_request_is_rejected_with_a_reason(value, headers, expected):
    assert reason(value, headers) == expected


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("only_to_identify", "yes", "wrong_type"),
        ("supersedes", 5, "wrong_type"),
        ("supersedes", "", "invalid_value"),
        ("supersedes", "x" * 129, "invalid_value"),
        ("supersedes", "jane.roe@example.org", "pii_detected"),
        ("supersedes", "x: call now\nRouted", "invalid_value"),
        ("supersedes", "ar-1", "invalid_value"),
    ],
)
def test_what_a_request_says_of_an_earlier_one_is_checked(field, value, why):
    order = {**removal_order(), field: value}
    assert reason(json.dumps(order).encode(), (), NOON) == (why, field)


def test_a_request_from_the_future_is_rejected():
    assert decode_request(of(), (), NOON - MAX_AHEAD_MS)
    assert reason(of(), (), NOON - MAX_AHEAD_MS - 1) == ("future_timestamp", "received_at")


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(VALID_IN_REQUEST)),
    st.none() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({}),
)
def test_schema_and_decoder_agree_and_nothing_else_is_raised(path, value):
    document = {
        **removal_order(),
        "target": {"kind": "account", "ref": "a", "people": 1, "specific": True},
        "concerns": ["election"],
        "language": "de",
        "emergency": False,
    }
    names = path.replace("[]", ".0").split(".")
    if path == "value" or path.endswith("_at"):
        return
    target = document
    for name in names[:-1]:
        target = target[int(name) if name.isdigit() else name]
    target[int(names[-1]) if names[-1].isdigit() else names[-1]] = value
    try:
        decode_request(json.dumps(document).encode(), (), NOON)
    except Rejected as rejected:
        assert not SCHEMA.is_valid(document)
        assert rejected.detail
    else:
        SCHEMA.validate(document)


@settings(max_examples=200)
@given(
    st.binary(max_size=200),
    st.lists(
        st.tuples(st.sampled_from(["ce_type", "ce_id", "content-type"]), st.none() | st.binary(max_size=20))
    ),
)
def test_any_bytes_are_decoded_or_rejected(value, headers):
    try:
        decode_request(value, headers, NOON)
    except Rejected:
        pass


# --- the examples


@pytest.mark.parametrize(
    "path",
    [*example_files("authority-requests"), *example_files("authority-requests-internal/v1")],
    ids=name_of,
)
def test_an_example_of_a_request_is_valid(path):
    record = example(path)
    decode_request(record.value, record.headers, NOON + DAY)
    SCHEMA.validate(record.document)


@pytest.mark.parametrize("path", example_files("authority-requests"), ids=name_of)
def test_an_example_of_a_request_is_judged_as_the_example_of_its_routing_says(path):
    record = example(path)
    request, _, received = decode_request(record.value, record.headers, NOON + DAY)
    judged = judge_request(request, received, RULES)
    shown = example(path.parents[2] / "authority-routing" / "v1" / path.name).document
    assert judged.decision == shown["decision"]
    # Whether a state is in the closed tier is a matter of the registry, not of the request.
    hard = tuple(found for found in judged.findings.refusals if found.code != "political_demand")
    assert json.loads(encode(hard)) == shown["findings"]["refusals"]
    assert (judged.findings.disclosure, judged.gate) == (shown["findings"]["disclosure"], shown["gate"])


@pytest.mark.parametrize("path", example_files("authority-requests-internal/clock-outcome-v1"), ids=name_of)
def test_an_example_of_an_outcome_is_valid(path):
    record = example(path)
    assert decode_clock_outcome(record.value, record.headers, NOON + 2**33).event.subject == "request"


@pytest.mark.parametrize("path", example_files("authority-routing"), ids=name_of)
def test_an_example_of_a_routing_is_unchanged_by_decoding_and_encoding(path):
    record = example(path)
    event = msgspec.json.decode(record.value, type=AuthorityRouting)
    assert json.loads(encode(event)) == record.document
    ROUTING_SCHEMA.validate(record.document)
    assert dict(record.headers)["ce_type"].decode() == AUTHORITY_ROUTING_TYPE


def test_the_examples_show_every_type_and_decision():
    shown = [example(path).document for path in example_files("authority-routing")]
    assert {event["type"] for event in shown} == {"routed", "clock_updated", "clock_closed"}
    assert {event["decision"] for event in shown} == {"routed", "incomplete", "refused"}
    codes = {
        refusal["code"] for event in shown if event["findings"] for refusal in event["findings"]["refusals"]
    }
    assert codes == {"encryption_keys", "bulk_identify", "block_protest"}


# --- outcomes of clocks


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        ("a.b@example.org", "pii_detected"),
        ("+4930123456", "pii_detected"),
        ("0049-30-123456", "pii_detected"),
        (4930123456, "pii_detected"),
        ("Jane Doe", "invalid_value"),
        ("", "invalid_value"),
        ("x" * 129, "invalid_value"),
        ({"name": "x"}, "wrong_type"),
    ],
)
def test_an_outcome_whose_actor_is_no_pseudonym_is_rejected(actor, reason):
    path = SCHEMAS / "examples" / "clock-outcomes" / "v1" / "plain-json-paused.json"
    document = example(path).document | {"actor": actor}
    with pytest.raises(Rejected) as caught:
        decode_clock_outcome(json.dumps(document).encode(), (), NOON)
    assert (caught.value.reason, caught.value.field) == (reason, "actor")
