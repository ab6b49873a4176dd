"""Personal data in records whose structure is wrong, in every form that is searched."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.dead_letter import Rejected, dead_letter
from streams.contract.wire.encoding import encode
from streams.contract.wire.suspicion import MOST_SEARCHED, may_name_a_person
from tests.readers import decode_report
from tests.report_strategies import APPEND_TIME_MS, Record, reports

STRUCTURED = [("content-type", b"application/cloudevents+json")]
PERSONAL = ["ann@example.org", "+49 170 1234567", "0170-1234567"]


def report(ref):
    return {
        "report_id": "r-1",
        "kind": "user_report",
        "occurred_at": "2026-09-21T13:33:20Z",
        "channel": {"ref": "mfrggzdfmz", "visibility": "public"},
        "category": "fraud",
        "reporter": {"kind": "user", "ref": ref},
    }


def event(**fields):
    return json.dumps(
        {"specversion": "1.0", "id": "r-1", "source": "/r", "type": "tocsin.report.v1", **fields}
    ).encode()


def lines(document):
    return base64.encodebytes(json.dumps(document).encode()).decode()


def nested(value):
    for _ in range(70):
        value = [value]
    return value


def escaped(text):
    return "".join(f"\\u{ord(sign):04x}" for sign in text)


SHAPES = {
    "without specversion": lambda ref: (json.dumps({"id": "r", "data": report(ref)}).encode(), STRUCTURED),
    "data twice": lambda ref: (event(data=report("x"), data_base64=lines(report(ref))), STRUCTURED),
    "base64 with line breaks": lambda ref: (event(data_base64=lines(report(ref))), STRUCTURED),
    "base64 cut off": lambda ref: (event(data_base64=lines(report(ref)))[:-4], STRUCTURED),
    "base64 for URLs": lambda ref: (event(type=1, data_base64=base64.urlsafe_b64encode(json.dumps(report(ref)).encode()).decode()), STRUCTURED),
    "only base64": lambda ref: (lines(report(ref)).encode(), []),
    "a batch of events": lambda ref: (b"[" + event(data=report(ref)) + b"]", [("content-type", b"application/cloudevents-batch+json")]),
    "ref in a list": lambda ref: (json.dumps(report([ref])).encode(), []),
    "ref in an object": lambda ref: (json.dumps(report({"of": {"x": ref}})).encode(), []),
    "reporter in a list": lambda ref: (json.dumps({**report(""), "reporter": [{"ref": ref}]}).encode(), []),
    "reporter as text": lambda ref: (json.dumps({**report(""), "reporter": ref}).encode(), []),
    "nested too deep": lambda ref: (json.dumps(report(nested(ref))).encode(), []),
    "an array of reports": lambda ref: (json.dumps([report(ref)]).encode(), []),
    "two reports": lambda ref: (json.dumps(report("x")).encode() + b"\n" + json.dumps(report(ref)).encode(), []),
    "byte order mark": lambda ref: (json.dumps(report(ref)).encode("utf-8-sig"), []),
    "UTF-16": lambda ref: (json.dumps(report(ref)).encode("utf-16"), []),
    "UTF-16 without a mark": lambda ref: (json.dumps(report(ref)).encode("utf-16-be"), []),
    "UTF-32": lambda ref: (json.dumps(report(ref)).encode("utf-32"), []),
    "trailing comma": lambda ref: (json.dumps(report(ref)).encode()[:-1] + b",}", []),
    "cut off": lambda ref: (json.dumps(report(ref)).encode()[:-1], []),
    "JSON's escapes": lambda ref: (json.dumps([report("?")]).replace("?", escaped(ref)).encode(), []),
    "percent-encoded": lambda ref: (json.dumps([report(quote(ref))]).encode(), []),
    "another encoding": lambda ref: (json.dumps(report(f"\xff {ref}"), ensure_ascii=False).encode("latin-1"), []),
    "a form": lambda ref: (f"ref={quote(ref)}&kind=user_report".encode(), []),
    "plain text": lambda ref: (f"call\n{ref}\nnow".encode(), []),
    "YAML": lambda ref: (f"reporter:\n  ref: {ref}\n".encode(), []),
    "another name": lambda ref: (json.dumps({"reporter_id": ref}).encode(), []),
    "other type": lambda ref: (event(type=7, data=report(ref)), STRUCTURED),
}  # fmt: skip


def letter_of(value, headers):
    with pytest.raises(Rejected) as caught:
        decode_report(value, headers, APPEND_TIME_MS)
    return dead_letter(Record(value=value, headers=headers), caught.value)


@pytest.mark.parametrize("ref", PERSONAL)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_hides_personal_data(shape, ref):
    value, headers = SHAPES[shape](ref)
    letter = letter_of(value, headers)
    assert letter.key is None
    assert json.loads(letter.value)["length"] == len(value)


@pytest.mark.parametrize("number", ["491701234567", "4.91701234567e11", "4111111111111111"])
def test_a_number_in_place_of_a_ref_is_personal_data(number):
    value = json.dumps(report("x")).replace('"x"', number).encode()
    assert dict(letter_of(value, []).headers)["tocsin-reason"] == b"pii_detected"


@pytest.mark.parametrize(
    "text", ["IBAN GB29NWBK60161331926819", "4111 1111 1111 1111", "4111111111111111", "٠١٧١ ١٢٣٤٥٦٧"]
)
def test_numbers_of_cards_and_accounts_are_suspicious(text):
    assert may_name_a_person(text.encode(), numbers=True)
    assert not may_name_a_person(text.encode(), numbers=False)


@pytest.mark.parametrize(
    "text",
    [
        '"2026-09-21T13:33:20.123456+02:00"', '"2026-09-21"', "2026-09-21 13:33:20.123", "1790000000000",
        "0.123456789", "1234567890123456789", "073df17e8c9cbd68357029d6023dfb13", "a1234567b",
        "00-1234567a-01", "v1.2.3", "123456",
        "3f0c81c2-5a0e-5c43-9d5e-0f3d2f1f6d55",
    ],
)  # fmt: skip
def test_times_ids_and_probabilities_are_not_suspicious(text):
    assert not may_name_a_person(text.encode(), numbers=True)


def test_long_and_crowded_texts_are_suspicious_unread():
    assert not may_name_a_person(b"x" * MOST_SEARCHED, numbers=False)
    assert may_name_a_person(b"x" * (MOST_SEARCHED + 1), numbers=False)
    assert may_name_a_person(b"1790000000000 a " * 100, numbers=True)


def test_an_operator_still_learns_what_is_wrong():
    headers = dict(letter_of(json.dumps(report("ann@example.org")).encode()[:-1] + b",}", []).headers)
    assert headers["tocsin-reason"] == b"not_json"
    assert b"ann" not in headers["tocsin-detail"]


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_text_is_searched_without_an_error(text):
    assert may_name_a_person(text, numbers=True) in (True, False)
    assert may_name_a_person(b'{"data_base64":"' + base64.b64encode(text), numbers=True) in (True, False)


@settings(max_examples=100)
@given(reports)
def test_an_ordinary_report_with_one_wrong_value_is_kept(report):
    value = encode(report)
    wrong = Rejected("unknown_category", "category", "Must be another.")
    assert dead_letter(Record(value=value), wrong).value == value
