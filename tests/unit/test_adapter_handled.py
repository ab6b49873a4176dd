"""A decided report is marked as handled where it was made, again and again if need be, and nothing else is done."""

import asyncio

import orjson
import pytest

from streams.contract.wire.records import DetachedRecord
from streams.desk.adapters.handled.handling import Handling, is_wanted
from streams.desk.adapters.handled.settings import HandledSettings
from streams.running.clients.https.answer import Accepted, Failed
from streams.running.clients.https.http_client import HttpAnswer
from streams.running.worker.environment import SettingsError, load_prefixed
from tests.contract.examples import example, example_files

EXAMPLES = [example(path) for path in example_files("reporter-notices/v1")]
STANDING = example(example_files("reporter-notices/standing-v1")[0])
SOURCE = "/matrix.example/rooms"


def record(document, headers=EXAMPLES[0].headers):
    value = document if isinstance(document, bytes) else orjson.dumps(document)
    return DetachedRecord(
        "reporter-notices",
        0,
        0,
        0,
        b"key",
        value,
        headers,
    )


def notice(report_id="7", **changes):
    return record({"report_id": report_id, "ce_source": SOURCE, "state": "decided"} | changes)


class Platform:
    """Answers as documented; `reports` are those that it has, with whether they are resolved."""

    def __init__(self, reports):
        self.reports, self.asked, self.answer = reports, [], None

    async def request(self, method, path, *, body=None, headers):
        assert headers == {"Authorization": "Bearer t"}
        self.asked.append((method, path))
        if self.answer is not None:
            return self.answer
        number = path.removesuffix("/resolve").rpartition("/")[2]
        found = self.reports.get(number)
        if found is None:
            error = {"errcode": "M_NOT_FOUND", "error": "Event report not found"}
            if path.startswith("/api"):
                error = {"error": "Record not found"}
            return HttpAnswer(404, {}, orjson.dumps(error))
        if method == "DELETE":
            del self.reports[number]
        elif method == "POST":
            assert found is False
            self.reports[number] = True
        return HttpAnswer(200, {}, orjson.dumps({"id": number, "action_taken": self.reports.get(number)}))


def sent(platform, service, record):
    return asyncio.run(Handling(platform, "t", service).send(record))


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("synapse-rooms", "/_synapse/admin/v1/event_reports/7"),
        ("synapse-accounts", "/_synapse/admin/v1/user_reports/7"),
    ],
)
def test_a_report_of_synapse_is_deleted_once(service, path):
    platform = Platform({"7": False, "8": False})
    assert sent(platform, service, notice()) == Accepted()
    assert sent(platform, service, notice()) == Accepted()
    assert platform.asked == [("DELETE", path)] * 2
    assert platform.reports == {"8": False}


def test_a_report_of_mastodon_is_resolved_unless_a_moderator_has():
    platform = Platform({"7": False, "8": True})
    for number in ("7", "7", "8", "9"):
        assert sent(platform, "mastodon", notice(number)) == Accepted()
    assert [method for method, _ in platform.asked] == ["GET", "POST", "GET", "GET", "GET"]
    assert platform.reports == {"7": True, "8": True}


@pytest.mark.parametrize("service", ["synapse-rooms", "mastodon"])
@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (HttpAnswer(401, {}, b'{"errcode": "M_UNKNOWN_TOKEN"}'), "refused"),
        (HttpAnswer(403, {}, b"{}"), "refused"),
        # An address that leads elsewhere has no report either, and that is no reason to forget one.
        (HttpAnswer(404, {}, b'{"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}'), "refused"),
        (HttpAnswer(404, {}, b"<html>"), "refused"),
        (HttpAnswer(302, {"Location": "https://elsewhere.example"}, b""), "refused"),
        (HttpAnswer(429, {"Retry-After": "9"}, b""), "unavailable"),
        (HttpAnswer(503, {}, b""), "unavailable"),
        (Failed("unavailable", "no answer in time"), "unavailable"),
    ],
)
def test_what_is_no_such_answer_is_tried_again(service, answer, failure):
    platform = Platform({"7": False})
    platform.answer = answer
    assert sent(platform, service, notice()).failure == failure


def test_an_answer_that_is_not_documented_resolves_nothing():
    platform = Platform({"7": False})
    platform.answer = HttpAnswer(200, {}, b"[]")
    assert sent(platform, "mastodon", notice()).failure == "unavailable"
    assert platform.asked == [("GET", "/api/v1/admin/reports/7")]


@pytest.mark.parametrize("number", ["../../users/@alice", "7/resolve", "7?x", "", "٧", "-1", "7 ", "a" * 64])
def test_an_id_that_is_no_number_asks_nothing(number):
    platform = Platform({})
    assert sent(platform, "synapse-rooms", notice(number)).failure == "not_sendable"
    assert platform.asked == []


def test_only_decided_reports_of_the_source_are_wanted():
    states = {each.document["state"]: each for each in EXAMPLES}
    assert set(states) == {"received", "decided", "superseded"}
    for state, each in states.items():
        found = record(each.document, each.headers)
        assert is_wanted(found, each.document["ce_source"]) == (state != "received")
        assert not is_wanted(found, "/another")
    assert not is_wanted(record(STANDING.document, STANDING.headers), STANDING.document["ce_source"])
    # What cannot be read is set aside, where somebody sees it.
    assert is_wanted(record(b"{"), SOURCE)
    assert sent(Platform({}), "mastodon", record(b"{")).failure == "not_sendable"


def test_settings_of_two_sources_share_no_name_and_this_machine_may_be_the_platform():
    first, second = (
        load_prefixed(
            HandledSettings, {"TOCSIN_HANDLED_CE_SOURCE": source, "TOCSIN_HANDLED_ADDRESS": address}
        )
        for source, address in (("/a", "http://127.0.0.1:8008"), ("/b", "https://social.example"))
    )
    assert first.of_source().name != second.of_source().name
    assert [str(network) for network in first.networks()] == ["127.0.0.0/8", "::1/128"]
    assert second.networks() == ()
    with pytest.raises(SettingsError, match="TOCSIN_HANDLED_CE_SOURCE: must be set"):
        load_prefixed(HandledSettings, {}).of_source()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("address", "http://matrix.example", "must be an https address without a path"),
        ("address", "https://matrix.example/_synapse", "must be an https address without a path"),
        ("address", "http://127.0.0.1:8008/x", "without a path"),
        ("service", "discourse", "'synapse-rooms', 'synapse-accounts' or 'mastodon'"),
        ("ce_source", "", "at least 1"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_valid(name, text, said):
    with pytest.raises(SettingsError) as refused:
        load_prefixed(HandledSettings, {f"TOCSIN_HANDLED_{name.upper()}": text})
    assert said in str(refused.value)
