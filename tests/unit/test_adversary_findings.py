"""The findings of the second adversary: each test says by its name which one it keeps closed.

Those with a test beside the code that they concern stand in SHOWN_ELSEWHERE.
"""

import asyncio
import json
import time
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from streams.contract.wire.dead_letter import Rejected, dead_letter
from streams.contract.wire.suspicion import MOST_SEARCHED, may_name_a_person
from streams.deciding.reporters.reporter import Reporter, ReportFacts
from streams.running.operations.http_server import serve
from tests.categories import CODES
from tests.readers import decode_report
from tests.report_strategies import APPEND_TIME_MS, Record
from tests.shipped import RULES

TESTS = Path(__file__).parents[1]

SHOWN_ELSEWHERE = {
    "M1": "unit/test_console_acts.py::test_two_people_call_a_trusted_flaggers_notice_unfounded_also_after_it_left_the_window",
    "M2": "unit/test_console_open_pages.py::test_of_all_pages_that_are_opened_at_once_no_more_than_the_limit_are_let_in",
    "M4": "unit/test_duplicates.py::test_a_repeat_within_a_day_is_recognised_whatever_lies_between",
    "L1": "unit/test_commands_outcome.py::test_a_table_whose_cells_cannot_be_told_apart_is_refused_with_the_line",
    "L2": "unit/test_save_file.py::test_a_truncated_or_foreign_file_is_refused",
    "L3": "unit/test_registry_mistakes.py::test_a_huge_number_is_refused_in_every_file",
    "L3, people": "unit/test_console_people.py::test_a_change_of_the_file_is_noticed_and_a_wrong_one_changes_nothing",
    "L4": "unit/test_console_live_feed.py::test_a_position_with_a_number_that_none_has_is_refused",
    "L5": "unit/test_console_people.py::test_nobody_is_listed_twice_in_another_spelling",
    "L6": "unit/test_console_read_model.py::test_nobody_else_on_the_machine_reads_the_file_in_its_default_place",
}


@pytest.mark.parametrize("finding", SHOWN_ELSEWHERE)
def test_what_is_shown_elsewhere_is_there(finding):
    path, _, name = SHOWN_ELSEWHERE[finding].partition("::")
    assert f"\ndef {name}(" in (TESTS / path).read_text(encoding="utf-8")


REPORT = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-09-21T13:33:20Z",
    "channel": {"ref": "mfrggzdfmz", "visibility": "public", "language": "de"},
    "category": "fraud",
    "reporter": {"kind": "user", "ref": "u-1"},
}


def letter_of(record):
    with pytest.raises(Rejected) as caught:
        decode_report(record.value, record.headers, APPEND_TIME_MS)
    return dead_letter(record, caught.value)


def is_kept(record):
    return letter_of(record).value == record.value


def ref(written):
    """A report of wrong structure whose reporter's ref is written so, as JSON."""
    text = json.dumps([REPORT]).replace('"u-1"', f'"{written}"')
    return Record(value=text.encode())


def percent(text, times):
    for _ in range(times):
        text = quote(text, safe="")
    return text


# --- M5: personal data that stayed in dead letters


@pytest.mark.parametrize(
    "written",
    [
        "bob\\uff20example.org",
        "bob＠example.org",
        "bob\\ufe6bexample.org",
        "bob﹫example.org",
        "bob%2540example.org",
        percent("bob@example.org", 4),
        "bob%EF%BC%A0example.org",
        "bob&#64;example.org",
        "bob&#x40;example.org",
        "bob&commat;example.org",
        "bob&amp;#64;example.org",
        "bob\\\\u0040example.org",
        "\\uff10\\uff11\\uff17\\uff11 1234567",
        "0171%2D1234567",
    ],
)
def test_m5_no_way_to_write_an_address_or_number_hides_it(written):
    assert not is_kept(ref(written))


def test_m5_what_is_encoded_again_and_again_is_not_kept():
    assert not is_kept(ref(percent("%", 12)))


@pytest.mark.parametrize("written", ["100%", "a%20b", "R&D", "%7B", "u-1 \\u00e4"])
def test_m5_an_encoding_alone_is_not_suspicious(written):
    assert is_kept(ref(written))


@pytest.mark.parametrize(
    "text",
    [
        "\\",
        "%25",
        "&",
        "&" + "a" * 31,
        "&#6",
        "\\u0061",
        "%26%2525&amp;#x25;",
        "\ufdfa",
        '{"a":"b"}',
        "1 ",
        "@",
    ],
)
def test_m5_no_text_takes_long_to_search(text):
    long = (text * MOST_SEARCHED).encode()[:MOST_SEARCHED]
    began = time.process_time()
    may_name_a_person(long, numbers=True)
    # They take up to three milliseconds; with the backslashes of the first version it was 800.
    assert time.process_time() - began < 0.2


PHONE = "+49 171 1234567"


@pytest.mark.parametrize(
    "changed",
    [
        {"category": "0171-1234567"},
        {"category": "491711234567"},
        {"occurred_at": PHONE},
        {"occurred_at": "0171 1234567"},
        {"channel": {**REPORT["channel"], "language": "491711234567"}},
        {"channel": {**REPORT["channel"], "visibility": "0171.1234567"}},
        {"reporter": {"kind": "0171 1234567", "ref": "u-1"}},
    ],
)
def test_m5_a_number_in_the_value_that_is_refused_is_not_kept(changed):
    report = {**REPORT, **changed}
    assert not is_kept(Record(value=json.dumps(report).encode()))
    structured = {
        "specversion": "1.0",
        "id": "r-1",
        "source": "/r",
        "type": "tocsin.report.v1",
        "data": report,
    }
    headers = [("content-type", b"application/cloudevents+json")]
    assert not is_kept(Record(value=json.dumps(structured).encode(), headers=headers))


UNKNOWN = json.dumps({**REPORT, "category": "gambling"}).encode()
BINARY = [("ce_specversion", b"1.0"), ("ce_type", b"tocsin.report.v1"), ("content-type", b"application/json")]


@pytest.mark.parametrize(
    "number", [PHONE, "0171 1234567", "tel:491711234567", "4111 1111 1111 1111", "+491711234567"]
)
@pytest.mark.parametrize("place", ["key", "ce_source", "ce_id", "x-own"])
def test_m5_a_number_around_a_refused_report_is_not_kept(place, number):
    source = {"ce_source": "/r", "ce_id": "r-1", "x-own": "x", place: number}
    key = source.pop("key", "mfrggzdfmz").encode()
    headers = [*BINARY, *((name, text.encode()) for name, text in source.items())]
    assert not is_kept(Record(key=key, value=UNKNOWN, headers=headers))


@pytest.mark.parametrize("number", ["4711234", "1790000000000", "2026-11-29-0001", "1.2.3", "00417112345"])
def test_m5_counters_and_dated_ids_around_a_refused_report_are_kept_for_its_redrive(number):
    headers = [
        *BINARY,
        ("ce_source", b"/r"),
        ("ce_id", number.encode()),
        ("ce_time", b"2026-09-21T13:33:20Z"),
    ]
    assert is_kept(Record(key=number.encode(), value=UNKNOWN, headers=headers))


@pytest.mark.parametrize("reason", ["skipped", "too_many_new"])
def test_m5_what_is_refused_for_the_state_keeps_no_address_in_what_nobody_reads(reason):
    """A report beyond the limit of new channels was kept with fields and headers that Tocsin does not know."""

    def kept(record):
        letter = dead_letter(record, Rejected(reason, "channel.ref", "Must be known."))
        return letter.value == record.value

    numbered = json.dumps({**REPORT, "channel": {"ref": "4711234", "visibility": "public"}}).encode()
    assert kept(Record(key=b"4711234", value=numbered))
    assert not kept(Record(value=json.dumps({**REPORT, "from": "bob@example.org"}).encode()))
    assert not kept(Record(value=numbered, headers=[("from", b"bob@example.org")]))
    assert not kept(Record(value=numbered, headers=[("from", b"+49 171 1234567")]))


# --- L8: the worker's port answered to any name


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("rebound.example.org", 421),
        ("rebound.example.org:9464", 421),
        ("127.0.0.1.example.org", 421),
        ("[::1", 421),
        ("127.0.0.1", 200),
        ("[::1]:9464", 200),
        ("localhost:9464", 200),
        ("worker:9464", 200),
        ("LOCALHOST", 200),
    ],
)
@pytest.mark.parametrize("path", ["/status", "/metrics", "/livez", "/readyz"])
def test_l8_a_name_that_was_made_to_point_to_this_machine_is_not_answered(name, status, path):
    async def scenario():
        async with (
            serve(
                "127.0.0.1",
                0,
                prefix="TOCSIN_HTTP_",
                metrics=lambda: b"x 1\n",
                liveness=lambda: "alive",
                reason_not_ready=lambda: None,
                status=lambda: {"ready": True},
            ) as address,
            aiohttp.ClientSession(address) as client,
            client.get(path, headers={"Host": name}) as answer,
        ):
            return answer.status

    assert asyncio.run(scenario()) == status


# --- L9: reports in an honest reporter's name


def test_l9_reports_in_somebodys_name_use_up_her_day_but_no_floor_category_and_one_case_says_so():
    rules = RULES.reporters
    day, user = 86_400_000, Reporter()

    def note(moment, channel, *, floor=False):
        facts = ReportFacts("user", moment, moment // 1_000, CODES["spam"], channel, channel, False, floor)
        return user.note_report(rules, facts)

    # Hashes of channels are uniform.
    channels = [number * 0x9E3779B97F4A7C15 & (1 << 64) - 1 for number in range(299)]
    forged = [note(day * 20_000 + number, channel) for number, channel in enumerate(channels)]
    assert note(day * 20_000 + 1_000, 7).factor == 0.0
    assert note(day * 20_000 + 1_001, 7, floor=True).factor == 1.0
    assert sum(stamp.many_channels is not None for stamp in forged) == 1
    assert note(day * 20_001, 7).factor == 1.0
