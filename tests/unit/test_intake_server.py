"""The address that takes reports answers strangers, floods and hostile bodies, and logs nothing of them."""

import asyncio
import hashlib
import hmac
import logging
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiokafka.errors import KafkaTimeoutError

from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.reading import event_reader
from streams.intake import publishing
from streams.intake import server as server_module
from streams.intake.mapping import load_mapping
from streams.intake.metrics import STATUSES, IntakeMetrics
from streams.intake.reports import ReportReader
from streams.intake.server import MOST_BODY_BYTES, IntakeServer
from streams.intake.sources import PRESETS, IntakeSource
from streams.intake.verification import Bearer, BodyHmac
from streams.registry.categories import built_in_categories
from streams.registry.sources import load_sources
from streams.running.operations.http_server import BoundedServer
from tests.unit.intake_documents import MASTODON, MASTODON_PRIVATE, REPORT

SECRET = b"a secret of a service"
FORUM = IntakeSource("forum", "/forum", "message-reports", 60, "", Bearer([b"forum token"]), None)
SERVER = IntakeSource(
    "server",
    "/server",
    "message-reports",
    6_000,
    "",
    BodyHmac([SECRET], "X-Hub-Signature", "sha256=", "hex"),
    load_mapping(PRESETS / "mastodon.yaml"),
)
TOKEN = {"Authorization": "Bearer forum token"}


class Brokers:
    """Confirms what it is sent once `confirms` is set, or fails."""

    def __init__(self):
        self.sent = []
        self.confirms = asyncio.Event()
        self.confirms.set()
        self.error = None

    async def send(self, topic, value, key, headers):
        if self.error is not None:
            raise self.error
        self.sent.append((topic, key, value))

        async def confirmed():
            await self.confirms.wait()

        return asyncio.ensure_future(confirmed())


class Running:
    """A running intake with its brokers, and a client of it."""

    def __init__(self, address, brokers, metrics, client):
        self.address, self.brokers, self.metrics, self._client = address, brokers, metrics, client

    async def post(self, path, body, **headers):
        """The status, the answer and its headers."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self._client.post(self.address + path, data=content, headers=headers) as response:
            return response.status, orjson.loads(await response.read()), response.headers


@asynccontextmanager
async def running():
    brokers, metrics = Brokers(), IntakeMetrics(["forum", "server"])
    reader = ReportReader(b"k" * 32, load_sources(), event_reader(FORM, built_in_categories()))
    intake = IntakeServer({"forum": FORUM, "server": SERVER}, reader, brokers, "a.", metrics)
    server = BoundedServer(
        intake.answer, most_connections=100, auto_decompress=False, client_max_size=MOST_BODY_BYTES
    )
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as client:
        yield Running(f"http://127.0.0.1:{runner.addresses[0][1]}", brokers, metrics, client)
    await runner.cleanup()


def signature(body):
    return {"X-Hub-Signature": "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()}


# Its body has 100 bytes, of which one comes.
BEGUN = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n{"


def run(test):
    async def inner():
        async with running() as server:
            await test(server)

    asyncio.run(inner())


def test_a_report_is_taken_after_the_confirmation_and_the_answer_has_its_refs():
    async def test(server):
        server.brokers.confirms.clear()
        answer = asyncio.create_task(server.post("/v1/reports", REPORT, **TOKEN))
        while not server.brokers.sent and not answer.done():
            await asyncio.sleep(0.01)
        assert not answer.done()
        server.brokers.confirms.set()
        status, said, _ = await answer
        [(topic, key, value)] = server.brokers.sent
        published = orjson.loads(value)
        assert status == 202
        assert topic == "a.message-reports"
        assert said == {
            "accepted": [
                {"report_id": "r-1", "channel_ref": key.decode(), "message_ref": published["message_ref"]}
            ]
        }
        assert published["reporter"]["ref"] not in orjson.dumps(said).decode()

    run(test)


def test_a_webhook_is_taken_and_other_events_of_the_service_are_answered_too():
    async def test(server):
        body = orjson.dumps(MASTODON)
        status, said, _ = await server.post("/v1/sources/server", body, **signature(body))
        assert (status, len(said["accepted"])) == (202, 1)
        other = orjson.dumps(MASTODON | {"event": "report.updated"})
        status, said, _ = await server.post("/v1/sources/server", other, **signature(other))
        assert (status, said["accepted"]) == (202, [])
        assert len(server.brokers.sent) == 1

    run(test)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/reports", b"{}", {}, 401),
        ("/v1/reports", b"{}", {"Authorization": "Bearer forum toke"}, 401),
        ("/v1/sources/server", b"{}", {}, 401),
        ("/v1/sources/server", b"{}", signature(b"{} "), 401),
        ("/v1/sources/server", b"{}", TOKEN, 401),
        ("/v1/sources/nobody", b"{}", TOKEN, 401),
        ("/v1/sources/../../etc/passwd", b"{}", TOKEN, 404),
        ("/", b"{}", TOKEN, 404),
        ("/v1/reports", b"alice@example.org", TOKEN, 400),
        ("/v1/reports", b'{"a":' * 200_000, TOKEN, 400),
        ("/v1/reports", b"\xff\xfe", TOKEN, 400),
        ("/v1/reports", b"1" * (MOST_BODY_BYTES + 1), TOKEN, 413),
        ("/v1/reports", b"{}", TOKEN | {"Content-Encoding": "gzip"}, 415),
        ("/v1/reports", {"comment": "alice@example.org"}, TOKEN, 422),
        ("/v1/reports", REPORT | {"report_id": "alice@example.org"}, TOKEN, 422),
        ("/v1/reports", [REPORT] * 61, TOKEN, 202),
        ("/v1/reports", REPORT, TOKEN | {"ce-source": "alice@example.org"}, 422),
    ],
)
def test_what_strangers_and_wrong_bodies_hear(path, body, headers, status, caplog):
    async def test(server):
        answered, said, _ = await server.post(path, body, **headers)
        assert answered == status
        assert status in STATUSES
        assert b"example.org" not in orjson.dumps(said)
        if status != 202:
            assert server.brokers.sent == []
        assert server.metrics.requests.of(str(status)) == 1

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert "example.org" not in caplog.text


def test_nothing_of_a_report_is_logged(caplog, capsys):
    async def test(server):
        for document in (MASTODON, MASTODON | {"object": MASTODON["object"] | {"created_at": "x"}}):
            body = orjson.dumps(document)
            await server.post("/v1/sources/server", body, **signature(body))
        server.brokers.error = KafkaTimeoutError()
        body = orjson.dumps(MASTODON)
        await server.post("/v1/sources/server", body, **signature(body))

    with caplog.at_level(logging.DEBUG):
        run(test)
    printed = "".join(capsys.readouterr()) + caplog.text
    assert "refused reports" in printed
    assert not [text for text in MASTODON_PRIVATE if text in printed]


def test_strangers_do_not_fill_the_log(caplog, capsys):
    async def test(server):
        for _ in range(50):
            assert (await server.post("/v1/sources/server", b"{}"))[0] == 401
        assert server.metrics.requests.of("401") == 50

    run(test)
    assert ("".join(capsys.readouterr()) + caplog.text).count("request not verified") == 1


def test_a_source_over_its_quota_waits_and_the_others_do_not():
    async def test(server):
        assert (await server.post("/v1/reports", [REPORT] * 60, **TOKEN))[0] == 202
        status, _, headers = await server.post("/v1/reports", [REPORT] * 30, **TOKEN)
        assert status == 429
        assert 1 <= int(headers["Retry-After"]) <= 30
        body = orjson.dumps(MASTODON)
        assert (await server.post("/v1/sources/server", body, **signature(body)))[0] == 202
        assert server.metrics.reports.of("forum", "over_quota") == 30
        assert len(server.brokers.sent) == 61

    run(test)


@pytest.mark.parametrize("silent", [True, False])
def test_what_kafka_does_not_confirm_is_to_be_sent_again(monkeypatch, silent):
    monkeypatch.setattr(publishing, "_CONFIRM_SECONDS", 0.2)

    async def test(server):
        if silent:
            server.brokers.confirms.clear()
        else:
            server.brokers.error = KafkaTimeoutError()
        status, _, headers = await server.post("/v1/reports", REPORT, **TOKEN)
        assert (status, headers["Retry-After"]) == (503, "5")
        assert not server.metrics.confirmed
        server.brokers.confirms.set()
        server.brokers.error = None
        assert (await server.post("/v1/reports", REPORT, **TOKEN))[0] == 202
        assert server.metrics.confirmed

    run(test)


def test_a_body_that_never_comes_holds_nothing(monkeypatch):
    monkeypatch.setattr(server_module, "_BODY_SECONDS", 0.2)

    async def test(server):
        host, _, port = server.address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(BEGUN % TOKEN["Authorization"].encode())
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith(b"HTTP/1.1 408")
        writer.close()

    run(test)


def test_a_stranger_is_answered_before_the_body():
    async def test(server):
        host, _, port = server.address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(BEGUN % b"Bearer wrong")
        answer = await asyncio.wait_for(reader.readline(), 30)
        assert answer.startswith(b"HTTP/1.1 401")
        writer.close()

    run(test)


@pytest.mark.parametrize("path", [b"/v1/reports", b"/v1/sources/server"])
def test_a_body_that_breaks_off_is_counted_and_leaves_no_traceback(path, caplog, capsys):
    async def test(server):
        host, _, port = server.address.removeprefix("http://").partition(":")
        for _ in range(3):
            _, writer = await asyncio.open_connection(host, int(port))
            request = BEGUN.replace(b"/v1/reports", path) % TOKEN["Authorization"].encode()
            writer.write(request)
            await writer.drain()
            writer.close()
        while server.metrics.requests.of("400") < 3:
            await asyncio.sleep(0.01)

    run(test)
    assert "Traceback" not in "".join(capsys.readouterr()) + caplog.text
