"""What the native core reads of a report is what Python reads, and honest publishers' reports are not left to
Python.
"""

import json
import random
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from streams.contract.events.report import (
    REPORT_TYPE,
    REPORTER_KINDS,
    AccountAge,
    EvidenceBasis,
    MessageReport,
    NoticeDeclaration,
    NoticeElement,
    ReportKind,
    Visibility,
)
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.reading import MAX_EVENT_BYTES
from streams.contract.wire.times import EPOCH, epoch_ms
from streams.deciding.reports.native.gate_rules import vocabulary
from tests.bench import traffic
from tests.categories import CATEGORIES
from tests.contract.examples import example, example_files, name_of
from tests.native.mutations import (
    mutated,
    mutated_headers,
    number_of_any_form,
    ref_of_any_form,
    time_of_any_form,
)
from tests.readers import decode_report
from tests.tools import native_core

tocsin_native = native_core()

WORDS = vocabulary(CATEGORIES)
ENCODED_WORDS = encode(WORDS)
BEGIN_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
# No time is in the future then: the core does not check that where it reads a report.
LATEST_MS = epoch_ms(datetime.max.replace(tzinfo=UTC))
VALID = (
    b'{"report_id":"r-1","kind":"user_report","occurred_at":"2026-09-21T13:33:20Z",'
    b'"channel":{"ref":"mfrggzdfmz","visibility":"public"},"category":"fraud"}'
)


def natively_read(value):
    return tocsin_native.read_report_fields(value, ENCODED_WORDS)


def native_source(headers):
    return tocsin_native.read_source(headers, REPORT_TYPE.encode())


def read_by_python(value, headers=()):
    """The report and its source, or None if it is refused."""
    try:
        decoded = decode_report(value, headers, LATEST_MS)
    except Rejected:
        return None
    return decoded.event, decoded.ce_source


def fields_of(report: MessageReport):
    """The report's fields as the native core gives them."""
    channel, reporter, classifier, notice = report.channel, report.reporter, report.classifier, report.notice
    return (
        report.report_id,
        report.kind,
        time_of(report.occurred_at),
        report.received_at and time_of(report.received_at),
        (channel.ref, channel.visibility, channel.country, channel.language),
        report.category,
        report.message_ref,
        reporter and (reporter.kind, reporter.ref, reporter.country, reporter.member, reporter.account_age),
        classifier and (classifier.name, classifier.version, classifier.score),
        [(piece.country, piece.basis, piece.confidence) for piece in report.evidence],
        notice
        and (list(notice.elements), None if notice.declares is msgspec.UNSET else list(notice.declares)),
    )


def time_of(moment):
    return (moment - EPOCH) // datetime.resolution


def assert_read_alike(value):
    """Return whether the native core and whether Python took the report."""
    native, python = natively_read(value), read_by_python(value)
    if native is not None:
        assert python is not None, value
        # Of floats, repr compares all bits.
        assert repr(native) == repr(fields_of(python[0])), value
    return native is not None, python is not None


def assert_source_alike(headers):
    source = native_source(headers)
    if source is not None:
        python = read_by_python(VALID, headers)
        assert python is not None, headers
        assert source == python[1], headers
    return source is not None


@pytest.mark.parametrize("reports", [traffic.usual, traffic.one_channel, traffic.all_new])
def test_takes_all_traffic_of_the_benchmark(reports):
    for report in reports(2_000, BEGIN_MS, HOUR_MS):
        assert assert_read_alike(report.value) == (True, True)
        assert native_source(report.headers) == "/bench/app"


@pytest.mark.parametrize("form", [{}, {"indent": 2}, {"sort_keys": True}, {"separators": (",", ":")}])
def test_takes_the_json_of_any_encoder(form):
    report = json.loads(VALID) | {
        "occurred_at": datetime(2026, 9, 21, 13, 33, 20, 250_000, UTC).isoformat(),
        "received_at": None,
        "message_ref": None,
        "reporter": {"kind": "user", "ref": None, "country": None, "member": None, "account_age": None},
        "classifier": {"name": "scan", "version": "2026.08", "score": 1},
        "evidence": [],
        "notice": None,
    }
    assert assert_read_alike(json.dumps(report, **form).encode()) == (True, True)


@pytest.mark.parametrize("beyond", [0, 1])
def test_takes_reports_to_the_limit_of_their_size(beyond):
    padding = b" " * (MAX_EVENT_BYTES - len(VALID) + beyond)
    assert assert_read_alike(VALID + padding) == (not beyond, not beyond)


@pytest.mark.parametrize("beyond", [0, 1])
@pytest.mark.parametrize(
    ("template", "most", "item"),
    [
        ('"evidence":[%s]', 32, '{"country":"DE","basis":"victim","confidence":0.5}'),
        ('"notice":{"elements":[%s]}', 16, '"location"'),
        ('"notice":{"declares":[%s]}', 8, '"against_a_woman"'),
    ],
)
def test_takes_arrays_to_the_limit_of_their_length(template, most, item, beyond):
    field = template % ",".join([item] * (most + beyond))
    assert assert_read_alike(VALID[:-1] + f",{field}}}".encode()) == (not beyond, not beyond)


# A time with an offset that is not zero, structured mode, a field of a later version, a re-keyed record.
PYTHONS = {
    "message-reports/v1/binary-user-report.json",
    "message-reports/v1/structured-base64.json",
    "message-reports/v1/plain-json-unknown-field.json",
    "message-reports/v1/plain-json-with-size.json",
    "message-reports/v1/plain-json-with-version.json",
    "verified-reports/v1/binary-list-match.json",
    "verified-reports/v1/structured-victim-request.json",
    "message-reports-internal/v1/re-keyed.json",
}


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("message-reports", "verified-reports", "message-reports-internal/v1")
        for path in example_files(folder)
    ],
    ids=name_of,
)
def test_takes_the_golden_examples(path):
    record = example(path)
    taken = native_source(record.headers) is not None and assert_read_alike(record.value)[0]
    assert taken == (name_of(path) not in PYTHONS)


def mutable_reports(seed):
    """Reports without end, and reports with all fields among them."""
    every_field = (
        b'{"report_id":"6f1ed002-ab59-4a6b-9b5c-0d1f3b2a9c77","kind":"statutory_victim_request",'
        b'"occurred_at":"2026-09-21T13:33:20.25Z","received_at":"2026-09-21T13:33:21Z",'
        b'"channel":{"ref":"mfrggzdfmz","visibility":"private","country":"XX","language":"pt-BR"},'
        b'"message_ref":"ABCDEFGH234567","category":"ncii","reporter":{"kind":"user","ref":"q4hwin5vhae",'
        b'"country":"EL","member":true,"account_age":"under_1d"},'
        b'"classifier":{"name":"scan","version":"2026.08","score":0.25},'
        b'"evidence":[{"country":"DE","basis":"victim","confidence":1},{"country":"FR","basis":"suspect","confidence":0.1}],'
        b'"notice":{"elements":["explanation","location"],"declares":["intimate_image_content"]}}'
    )
    while True:
        for number, report in enumerate(traffic.usual(1_000, BEGIN_MS, HOUR_MS, seed=seed)):
            yield report.value if number % 4 else every_field


def compare_mutations(seed, count):
    """Return how many of `count` mutated reports the native core took, and how many Python took."""
    chance, native, python = random.Random(seed), 0, 0
    for _, value in zip(range(count), mutable_reports(seed), strict=False):
        took = assert_read_alike(mutated(chance, value))
        native += took[0]
        python += took[1]
    return native, python


def test_takes_no_mutated_report_that_python_would_read_otherwise():
    native, python = compare_mutations(seed=20, count=12_000)
    # Else the mutations, or the core, would be too strict to find anything.
    assert native > 0.7 * python > 0.2 * 12_000


def with_refs(ref):
    """Reports with the ref in each place that a report has for one."""
    template = VALID.decode()
    yield template.replace('"r-1"', ref)
    yield template.replace('"mfrggzdfmz"', ref)
    yield template.replace('"category"', f'"message_ref":{ref},"category"')
    yield template.replace('"category"', f'"reporter":{{"kind":"user","ref":{ref}}},"category"')
    yield template.replace('"category"', f'"classifier":{{"name":{ref},"version":"1","score":0}},"category"')


def compare_refs(seed, count):
    chance = random.Random(seed)
    for _ in range(count):
        ref = msgspec.json.encode(ref_of_any_form(chance)).decode()
        for report in with_refs(ref):
            assert_read_alike(report.encode())


def test_takes_no_ref_that_python_would_refuse():
    compare_refs(seed=21, count=2_000)


def compare_numbers(seed, count):
    chance, taken = random.Random(seed), 0
    for _ in range(count):
        number = number_of_any_form(chance)
        report = VALID.decode().replace(
            '"category"', f'"classifier":{{"name":"scan","version":"1","score":{number}}},"category"'
        )
        taken += assert_read_alike(report.encode())[0]
    return taken


def test_reads_numbers_to_the_same_bits():
    assert compare_numbers(seed=22, count=4_000) > 1_000


def compare_times(seed, count):
    chance, taken = random.Random(seed), 0
    for _ in range(count):
        report = VALID.decode().replace("2026-09-21T13:33:20Z", time_of_any_form(chance))
        taken += assert_read_alike(report.encode())[0]
    return taken


def test_reads_times_alike():
    assert compare_times(seed=23, count=4_000) > 1_000


def test_knows_leap_years():
    # The calendar repeats after 400 years.
    for year in (*range(1970, 2401), 9999):
        for day in ("01-01", "02-28", "02-29", "03-01", "12-31"):
            report = VALID.replace(b"2026-09-21", f"{year}-{day}".encode())
            taken, valid = assert_read_alike(report)
            assert taken == valid


def compare_headers(seed, count):
    chance, taken = random.Random(seed), 0
    usual = next(traffic.usual(1, BEGIN_MS, HOUR_MS)).headers
    for _ in range(count):
        headers = mutated_headers(chance, usual if chance.random() < 0.8 else [])
        taken += assert_source_alike(headers)
    return taken


def test_takes_no_mutated_headers_that_python_would_read_otherwise():
    assert compare_headers(seed=24, count=10_000) > 2_000


# Python takes each. Each but the last two is as publishers write refs.
@pytest.mark.parametrize(
    ("ref", "taken"),
    [
        ("6f1ed002-ab59-4a6b-9b5c-0d1f3b2a9c77", True),
        ("AB12D002-AB59-4A6B-9B5C-0D1F3B2A9C77", True),
        ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", True),
        ("NB2HI4DTHIXS653XO4XHG4DBM5SS433SM4XXK3TJMNXWI2LOM4XWK3DJ", True),
        ("n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg", True),
        ("01K5Q000000000000000000001", True),
        ("telegram:1234567", True),
        ("TR-group.77", True),
        ("1098765432109876543", True),
        ("x" * 128, True),
        ("1234", False),
        ("tel", False),
    ],
)
def test_takes_the_refs_that_publishers_make(ref, taken):
    report = VALID.replace(b"mfrggzdfmz", ref.encode())
    assert assert_read_alike(report) == (taken, True)


@pytest.mark.parametrize(
    "ref",
    [
        "TR330006100519786457841326",
        "T-N59_1000_6035_1835_9847_8831",
        "DE89370400440532013000",
        "MT84MALT011000012345MTLCAST001S",
        "tel:0171-1234567",
        "0171_1234567",
        "00491711234567890",
        "4111111111111111",
    ],
)
def test_takes_no_number_of_a_person(ref):
    assert assert_read_alike(VALID.replace(b"mfrggzdfmz", ref.encode())) == (False, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", '"fraud"'),
        ("added_later", "{}"),
        ("message_ref", r'"\u0061bc"'),
        ("received_at", '"2026-09-21T15:33:20+02:00"'),
        ("received_at", '"2026-09-21T13:33:20.1234567Z"'),
        ("classifier", '{"name":"scan","version":"1","score":-0.0}'),
        ("classifier", '{"name":"scan","version":"1","score":5e-1}'),
        ("classifier", '{"name":"scan","version":"1","score":0.5,"score":0.5}'),
    ],
)
def test_leaves_the_unusual_to_python(field, value):
    report = VALID[:-1] + f',"{field}":{value}}}'.encode()
    assert assert_read_alike(report) == (False, True)


@pytest.mark.parametrize(
    "header",
    [
        ("ce_type", b"tocsin.report.v1"),
        ("ce_time", b"2026-09-21T13:33:20Z"),
        ("ce_type", None),
        ("content-type", b"Application/CloudEvents+json"),
        ("ce_ofplatform", b"x"),
        ("tocsin-origin", b"x"),
    ],
)
def test_leaves_unusual_headers_to_python(header):
    usual = next(traffic.usual(1, BEGIN_MS, HOUR_MS)).headers
    assert native_source(usual) is not None
    assert native_source([*usual, header]) is None


def test_names_a_country_that_has_no_code():
    with pytest.raises(ValueError, match='countries: the country "Germany" must be two capital letters'):
        words = msgspec.structs.replace(WORDS, countries=["DE", "Germany"])
        tocsin_native.read_report_fields(VALID, encode(words))
