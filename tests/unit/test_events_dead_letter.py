"""What a dead letter keeps of a record, and what it must leave out."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.contract.wire import dead_letter as dead_letters
from streams.contract.wire.dead_letter import Rejected, dead_letter
from streams.contract.wire.origin import with_origin
from streams.contract.wire.records import HEADERS_DROPPED, MAX_HEADERS, MAX_PASSED_ON_BYTES
from tests.report_strategies import Record

REJECTED = Rejected("unknown_category", "category", "Must be one of a, b.")
REJECTED_AGAIN = Rejected("wrong_type", "kind", "Must be a string.")
STATE = Rejected("clock_not_running", "clock_id", "Must name a clock that is open.")
REASON_HEADERS = ("reason", "field", "detail", "topic", "partition", "offset", "timestamp", "attempt")
PERSONAL = Rejected("pii_detected", "reporter.ref", "Must be a pseudonym.")


@given(
    st.none() | st.binary(),
    st.none() | st.binary(),
    st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5))),
)
def test_a_dead_letter_keeps_key_value_and_headers_and_adds_the_reason(key, value, headers):
    # Any @ may be part of an address.
    assume(
        b"@" not in repr((key, value, headers)).encode() and b"tocsin-" not in repr(headers).lower().encode()
    )
    letter = dead_letter(Record(key=key, value=value, headers=headers), REJECTED)
    assert (letter.key, letter.value) == (key, value)
    assert letter.headers[: len(headers)] == headers
    assert letter.headers[len(headers) :] == [
        ("tocsin-reason", b"unknown_category"),
        ("tocsin-field", b"category"),
        ("tocsin-detail", b"Must be one of a, b."),
        ("tocsin-topic", b"message-reports"),
        ("tocsin-partition", b"3"),
        ("tocsin-offset", b"42"),
        ("tocsin-timestamp", b"1790000000000"),
        ("tocsin-attempt", b"1"),
    ]


def test_a_record_too_large_for_the_topic_is_replaced_by_hash_and_length():
    large = b"x" * MAX_PASSED_ON_BYTES
    for record in (
        Record(value=large, headers=[("ce_id", b"x")]),
        Record(key=large, value=b"{}"),
        Record(value=b"{}", headers=[("a", large)]),
    ):
        letter = dead_letter(record, STATE)
        assert letter.key is None
        assert json.loads(letter.value) == {
            "sha256": hashlib.sha256(record.value).hexdigest(),
            "length": len(record.value),
            "field": "clock_id",
        }
        assert letter.headers[0] == ("content-type", b"application/json")
        assert {name for name, _ in letter.headers[1:]} == {f"tocsin-{name}" for name in REASON_HEADERS}
    # Half of that is still more than message-reports accepts without compression.
    assert dead_letter(Record(value=large[: len(large) // 2]), STATE).value == large[: len(large) // 2]


def test_a_record_with_too_many_headers_is_replaced_by_hash_and_length():
    # With its own headers, a dead letter has at most MAX_HEADERS.
    most = MAX_HEADERS - len(REASON_HEADERS)
    kept = dead_letter(Record(value=b"{}", headers=[("a", b"b")] * most), REJECTED)
    assert len(kept.headers) == MAX_HEADERS
    dropped = [(HEADERS_DROPPED, b"300")]
    for headers in ([("a", b"b")] * (most + 1), dropped):
        letter = dead_letter(Record(key=b"k", value=b"{}", headers=headers), REJECTED)
        assert letter.key is None
        assert json.loads(letter.value) == {
            "sha256": hashlib.sha256(b"{}").hexdigest(),
            "length": 2,
            "field": "category",
        }
        assert {name for name, _ in letter.headers[1:]} == {f"tocsin-{name}" for name in REASON_HEADERS}


def attempt_after(*incoming):
    letter = dead_letter(Record(headers=[("tocsin-attempt", value) for value in incoming]), REJECTED)
    (attempt,) = (value for name, value in letter.headers if name == "tocsin-attempt")
    return attempt


def test_a_redriven_record_counts_its_attempts():
    assert attempt_after() == b"1"
    assert attempt_after(b"1") == b"2"
    assert attempt_after(b"41") == b"42"
    for malformed in (b"", b"x", b"-1", b"1.5", b"\xff", b"\xd9\xa1", b"9" * 5000, None):
        assert attempt_after(malformed) == b"2"


def test_a_redriven_record_that_is_rejected_again_has_one_set_of_headers():
    first = dead_letter(Record(headers=[("ce_id", b"x")]), REJECTED)
    second = dead_letter(replace(Record(), offset=7, headers=list(first.headers)), REJECTED_AGAIN)
    names = [name for name, _ in second.headers]
    assert len(names) == len(set(names))
    headers = dict(second.headers)
    assert headers["tocsin-reason"] == b"wrong_type"
    assert headers["tocsin-offset"] == b"7"
    assert headers["ce_id"] == b"x"


def test_the_dead_letter_of_a_rekeyed_record_names_its_original_place():
    original = Record(headers=[("ce_id", b"x")])
    rekeyed = Record(
        topic="message-reports-internal", partition=0, offset=9, timestamp=1, headers=with_origin(original)
    )
    letter = dead_letter(rekeyed, REJECTED)
    assert letter.headers == dead_letter(original, REJECTED).headers


def test_a_dead_letter_keeps_no_personal_data():
    secret = b"ann@example.org"
    record = Record(
        key=secret,
        value=secret,
        headers=[("content-type", secret), ("ce_source", secret), ("tocsin-attempt", b"1")],
    )
    letter = dead_letter(record, PERSONAL)
    assert secret not in repr(letter).encode()
    assert letter.key is None
    assert json.loads(letter.value) == {
        "sha256": hashlib.sha256(secret).hexdigest(),
        "length": len(secret),
        "field": "reporter.ref",
    }
    headers = dict(letter.headers)
    assert headers["content-type"] == b"application/json"
    assert headers["tocsin-reason"] == b"pii_detected"
    assert headers["tocsin-attempt"] == b"2"
    assert set(headers) == {"content-type"} | {name for name in headers if name.startswith("tocsin-")}


def test_a_redacted_record_without_a_value_has_length_zero():
    letter = dead_letter(Record(value=None), Rejected("pii_detected", "ce_id", "Must be a pseudonym."))
    assert json.loads(letter.value)["length"] == 0


def is_redacted(record, rejected):
    letter = dead_letter(record, rejected)
    headers = dict(letter.headers)
    assert headers["tocsin-reason"] == rejected.reason.encode()
    if letter.key is None:
        assert json.loads(letter.value)["sha256"] == hashlib.sha256(record.value or b"").hexdigest()
        assert [name for name, _ in letter.headers if not name.startswith("tocsin-")] == ["content-type"]
    return letter.key is None


def refused(reason):
    return Rejected(reason, "value", "Must be something else.")


def test_what_was_not_read_is_not_kept(monkeypatch):
    def fail(*_arguments, **_options):
        raise AssertionError("the record was searched")

    monkeypatch.setattr(dead_letters, "may_name_a_person", fail)
    for reason in ("oversized", "bad_batch"):
        assert is_redacted(Record(value=b"[]," * 100_000), refused(reason))


@pytest.mark.parametrize(
    "record",
    [
        Record(key=b"ann@example.org"),
        Record(headers=[("ce_subject", b"ann@example.org")]),
        Record(headers=[("from", b"Ann <ann%40example.org>")]),
        Record(headers=[("ann@example.org", b"")]),
        Record(headers=[("x", b"y" * 10_000)]),
        Record(value=b'{"text":"ann@example.org"}'),
        Record(value=b'{"text":"' + b"x" * 10_000 + b'"}'),
    ],
)
def test_an_address_anywhere_redacts_a_refused_record(record):
    for reason in ("not_json", "missing_field", "unknown_category", "future_timestamp"):
        assert is_redacted(record, refused(reason))
    # It could be read: a later redrive needs its bytes.
    for reason in ("clock_not_running", "not_pausable"):
        assert not is_redacted(record, refused(reason))


def test_a_number_redacts_a_record_of_unknown_structure():
    for record in (
        Record(value=b"0171 1234567"),
        Record(key=b"491711234567"),
        Record(headers=[("a", b"171 1234567")]),
    ):
        assert is_redacted(record, refused("not_json"))
        assert not is_redacted(record, refused("unknown_category"))


def test_the_detail_says_that_a_suspicious_record_is_not_kept():
    headers = dict(dead_letter(Record(value=b"ann@example.org"), refused("not_json")).headers)
    assert headers["tocsin-detail"].startswith(b"Must be something else. The record is not kept")
    assert b"ann" not in headers["tocsin-detail"]


def test_a_publisher_cannot_write_what_a_reader_takes_for_tocsins_words():
    forged = [(name, b"forged") for name in ("tocsin-reason", "Tocsin-Reason", "TOCSIN-topic", "tocsin-x")]
    letter = dead_letter(Record(headers=[*forged, ("ce_id", b"x")]), REJECTED)
    assert b"forged" not in repr(letter.headers).encode()
    assert letter.headers[0] == ("ce_id", b"x")
