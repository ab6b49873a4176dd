import asyncio
import logging
import re
import socket

import aiohttp
import orjson
import pytest
from aiohttp.http_exceptions import BadHttpMessage
from structlog.testing import capture_logs

from streams.running.cycle.lag import SourceLag
from streams.running.operations import http_server
from streams.running.operations.address_refused import AddressRefused
from streams.running.operations.http_server import serve
from streams.running.operations.readiness import Readiness
from streams.running.operations.worker_operations import WorkerOperations
from tests.unit.traffic import PYTHON, SHIPPED

# --- readiness


@pytest.fixture
def readiness():
    now = [100.0]
    made = Readiness(lambda: now[0])
    made.pass_time = lambda seconds: now.__setitem__(0, now[0] + seconds)
    return made


def test_a_new_worker_waits_for_its_assignment(readiness):
    readiness.pass_time(7)
    assert readiness.reason_against() == "waiting for the group's first assignment, 7 s"


def test_a_worker_is_ready_once_all_its_partitions_are_restored(readiness):
    readiness.rebalance_began()
    readiness.pass_time(2)
    for partition in (2, 0):
        readiness.taking_over(partition)
    assert readiness.reason_against() == "taking over: 0 of 2 partitions, not yet 0, 2, 2 s"
    assert readiness.restoring
    readiness.settled(0)
    assert readiness.reason_against() == "taking over: 1 of 2 partitions, not yet 2, 2 s"
    readiness.settled(2)
    assert not readiness.restoring
    assert readiness.reason_against() is not None
    readiness.rebalanced()
    assert readiness.reason_against() is None


def test_a_takeover_of_many_partitions_says_how_far_it_is(readiness):
    for takeover in range(2):
        for partition in range(100):
            readiness.taking_over(partition)
        for partition in range(37):
            readiness.settled(partition)
        assert readiness.reason_against() == "taking over: 37 of 100 partitions, 0 s", takeover
        for partition in range(37, 100):
            readiness.settled(partition)


def test_a_worker_without_partitions_is_ready(readiness):
    readiness.rebalance_began()
    readiness.rebalanced()
    assert readiness.reason_against() is None


def test_a_worker_is_not_ready_during_a_rebalance(readiness):
    readiness.rebalanced()
    readiness.rebalance_began()
    readiness.pass_time(3)
    assert readiness.reason_against() == "the group is rebalancing, 3 s"
    readiness.rebalanced()
    assert readiness.reason_against() is None


def test_a_partition_released_during_its_restore_does_not_block_readiness(readiness):
    readiness.rebalanced()
    readiness.taking_over(1)
    readiness.settled(1)
    readiness.settled(1)
    assert readiness.reason_against() is None


def test_every_step_of_a_restore_counts_as_progress(readiness):
    assert readiness.restore_progress is None
    seen = []
    for step in (
        lambda: readiness.taking_over(1),
        readiness.restoring_goes_on,
        lambda: readiness.taking_over(2),
        lambda: readiness.settled(1),
    ):
        step()
        seen.append(readiness.restore_progress)
    assert seen == sorted(set(seen))
    readiness.settled(2)
    assert readiness.restore_progress is None


def test_a_restore_without_records_is_a_standstill_for_the_watchdog(monkeypatch):
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, lambda: [], PYTHON)
    now = [100.0]
    monkeypatch.setattr(operations._restore_standstill, "_monotonic", lambda: now[0])
    operations.readiness.taking_over(3)

    def after(seconds):
        for _ in range(seconds):
            now[0] += 1
            operations._lags()
        return operations._most_stalled

    after(1)
    stalled, description = after(60)
    assert stalled == 60
    assert re.fullmatch(
        r"taking over: 0 of 1 partitions, not yet 3, \d+ s; no state record received", description
    )
    operations.readiness.restoring_goes_on()
    assert after(1)[0] == 0
    after(10)
    operations.readiness.settled(3)
    assert after(60)[0] == 0


def test_waiting_for_other_members_of_the_group_is_not_a_standstill(monkeypatch):
    operations = WorkerOperations(
        SHIPPED, {"reports": ("a", "b")}, lambda: [SourceLag("a", 0, 7, 5, 5, None)], PYTHON
    )
    now = [100.0]
    for clock in (operations._lag_watch, operations.readiness):
        monkeypatch.setattr(clock, "_monotonic", lambda: now[0])
    operations.readiness.rebalanced()

    def stalled_after(seconds):
        for _ in range(seconds):
            now[0] += 1
            operations._lags()
        return operations._most_stalled[0]

    stalled_after(1)
    assert stalled_after(10) == 10
    operations.readiness.rebalance_began()
    assert stalled_after(100) == 10
    # No broker waits that long for a group, so this counts as a standstill.
    assert stalled_after(100) > 60
    operations.readiness.rebalance_began()
    operations.readiness.rebalanced()
    before = operations._most_stalled[0]
    assert stalled_after(10) == before + 10


def test_a_worker_that_is_kept_out_of_its_group_says_why_and_decides_nothing():
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, list, PYTHON)
    assert operations.status()["rules_id"] is None
    operations.decides_with("1b4f0e9851971998", "60303ae22b998861")
    assert operations.status()["rules_id"] == "1b4f0e9851971998"

    def exposed():
        return operations._exposition.text().decode()

    series = 'rules_id="1b4f0e9851971998",version='
    operations.readiness.differs_in(["TOCSIN_HASH_KEY (its id)", "partitions of the source topics"])
    named = "other settings: TOCSIN_HASH_KEY (its id); partitions of the source topics, "
    assert named in operations.status()["reason"]
    assert "tocsin_kept_out 1.0" in exposed()
    assert series not in exposed()
    operations.readiness.differs_in(())
    assert "other settings" not in operations.status()["reason"]
    assert "tocsin_kept_out 0.0" in exposed()
    assert series in exposed()


def test_a_worker_is_not_ready_while_the_brokers_do_not_answer(monkeypatch):
    lags = [SourceLag("a", 0, 7, 0, 0, None)]
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, lambda: lags, PYTHON)
    now = [100.0]
    monkeypatch.setattr(operations._lag_watch, "_monotonic", lambda: now[0])
    operations.readiness.rebalanced()

    def after(seconds):
        for _ in range(seconds):
            now[0] += 1
            operations._lags()
        ready = "tocsin_ready 1.0" in operations._exposition.text().decode()
        assert ready == operations.status()["ready"]
        return operations.status()["reason"]

    assert after(60) is None
    # The lag that the runtime reports while the brokers do not answer.
    lags[:] = [SourceLag("a", 0, 7, None, 0, None)]
    assert after(5) is None, "a restarting broker is back within this time"
    assert after(3) == "the brokers do not answer, 8 s"
    operations.readiness.rebalance_began()
    assert after(1).startswith("the group is rebalancing")
    operations.readiness.rebalanced()
    lags[:] = [SourceLag("a", 0, 7, 3, 3, None)]
    assert after(1) is None


# --- HTTP


class Answers:
    reason = None
    metrics = b"# HELP a b\n"

    def serve(self, port=0, host="127.0.0.1"):
        return serve(
            host,
            port,
            prefix="TOCSIN_HTTP_",
            metrics=lambda: self.metrics,
            liveness=lambda: "last batch 1.0 s ago",
            reason_not_ready=lambda: self.reason,
            status=lambda: {"ready": self.reason is None},
        )


def with_client(scenario, answers=None, **options):
    async def run():
        async with (
            (answers or Answers()).serve(**options) as address,
            aiohttp.ClientSession(address) as client,
        ):
            return await scenario(client)

    return asyncio.run(run())


def test_metrics_are_served_in_the_prometheus_format():
    async def scenario(client):
        async with client.get("/metrics") as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert await answer.text() == "# HELP a b\n"

    with_client(scenario)


def test_readiness_gives_the_reason_for_not_being_ready():
    answers = Answers()

    async def scenario(client):
        answers.reason = "restoring"
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "not ready: restoring\n")
        async with client.get("/livez") as answer:
            assert (answer.status, await answer.text()) == (200, "alive: last batch 1.0 s ago\n")
        answers.reason = None
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (200, "ready\n")
            assert answer.headers["Cache-Control"] == "no-store"

    with_client(scenario, answers)


def test_the_status_is_json():
    async def scenario(client):
        async with client.get("/status") as answer:
            assert answer.content_type == "application/json"
            assert orjson.loads(await answer.read()) == {"ready": True}

    with_client(scenario)


@pytest.mark.parametrize("path", ["/", "/table", "/graph", "/metrics/", "/../etc/passwd", "/debug"])
def test_other_paths_are_not_served(path):
    async def scenario(client):
        async with client.get(path) as answer:
            assert answer.status == 404

    with_client(scenario)


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/status"])
def test_writing_methods_are_not_allowed(path):
    async def scenario(client):
        for method in ("POST", "PUT", "DELETE"):
            async with client.request(method, path) as answer:
                assert answer.status == 405

    with_client(scenario)


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/status"])
def test_head_is_answered_like_get_without_a_body(path):
    async def scenario(client):
        async with client.get(path) as got, client.head(path) as headed:
            assert (headed.status, await headed.read()) == (got.status, b"")
            assert headed.headers["Content-Length"] == got.headers["Content-Length"]

    with_client(scenario)


def test_other_methods_are_told_the_allowed_ones():
    async def scenario(client):
        for method in ("OPTIONS", "PATCH", "TRACE", "PROPFIND"):
            async with client.request(method, "/metrics") as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")

    with_client(scenario)


HALF_SENT = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "
PATHS = {"/metrics": 200, "/livez": 200, "/readyz": 200, "/status": 200}


async def open_many(address, number, data=HALF_SENT):
    """So many connections, each with only this sent."""
    host, port = address.removeprefix("http://").split(":")
    connections = [await asyncio.open_connection(host, int(port)) for _ in range(number)]
    for _, writer in connections:
        writer.write(data)
    await asyncio.sleep(0.1)
    return connections


async def closed(connections):
    """How many of them the server has closed or closes within a short time."""

    async def ended(reader):
        try:
            async with asyncio.timeout(0.5):
                return await reader.read() == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    return sum(await asyncio.gather(*(ended(reader) for reader, _ in connections)))


def test_hundreds_of_half_sent_requests_do_not_keep_others_from_being_answered():
    async def scenario():
        async with Answers().serve() as address:
            connections = await open_many(address, 300)
            async with aiohttp.ClientSession(address) as client:
                for path, expected in PATHS.items():
                    async with client.get(path) as answer:
                        assert answer.status == expected
                assert await closed(connections) >= 300 - http_server.MAX_CONNECTIONS
            for _, writer in connections:
                writer.close()

    asyncio.run(scenario())


async def cut_off(reader):
    """Whether the connection ends before the whole answer of `large` has come."""
    try:
        async with asyncio.timeout(10):
            return len(await reader.read()) < 20_000_000
    except ConnectionError:
        return True


def test_connections_that_never_read_their_answer_are_bounded_too(monkeypatch):
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 4)
    large = Answers()
    # More than the buffers of both sockets take.
    large.metrics = b"x" * 20_000_000

    async def scenario():
        async with large.serve() as address:
            connections = await open_many(address, 10, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            async with aiohttp.ClientSession(address) as client, client.get("/livez") as answer:
                assert answer.status == 200
            for reader, _ in connections[:6]:
                assert await cut_off(reader)
            started = asyncio.get_running_loop().time()
        # Its end does not wait for the rest of them.
        assert asyncio.get_running_loop().time() - started < 10
        for _, writer in connections:
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("sent", [b"", HALF_SENT, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + HALF_SENT])
def test_a_request_has_a_limited_time_to_arrive(monkeypatch, sent):
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", 0.3)

    async def scenario():
        async with Answers().serve() as address:
            ((reader, writer),) = await open_many(address, 1, sent)

            async def drip():
                # A byte now and then gains no time.
                while True:
                    writer.write(b"x")
                    await asyncio.sleep(0.05)

            dripping = asyncio.create_task(drip()) if sent else None
            answered = b""
            try:
                async with asyncio.timeout(10):
                    # A reset drops what was not read before it.
                    while part := await reader.read(1_000):
                        answered += part
            except ConnectionError:
                pass
            finally:
                if dripping:
                    dripping.cancel()
                writer.close()
            assert answered.count(b"HTTP/1.1") == sent.count(b"\r\n\r\n")

    asyncio.run(scenario())


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "a long line": b"GET /" + b"a" * 2_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
    "many headers": b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1_000 + b"\r\n",
    "a bad header": b"GET /metrics HTTP/1.1\r\nHost x\r\n\r\n",
    "a bad length": b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
}


async def answer_to(address, request):
    ((reader, writer),) = await open_many(address, 1, request)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_without_a_traceback(request_bytes, caplog):
    async def scenario():
        async with Answers().serve() as address:
            return [await answer_to(address, request_bytes) for _ in range(3)]

    for answer in asyncio.run(scenario()):
        assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 ")), answer
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
    # A wrong method or protocol is common enough that aiohttp logs it as a detail for debugging.
    lines = [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]
    assert len(lines) <= 1
    for line in lines:
        assert line.startswith("malformed HTTP request from 127.0.0.1 (")
        assert "aaaa" not in line


def test_malformed_requests_are_counted_between_their_lines():
    now = [100.0]
    limited = http_server._WithoutMalformedRequests(lambda: now[0])

    def log():
        error = BadHttpMessage("it is bad")
        record = logging.LogRecord(
            "x", logging.ERROR, "x.py", 1, "Error from %s", ("::1",), (type(error), error, None)
        )
        return limited.filter(record) and record.getMessage()

    assert log() == "malformed HTTP request from ::1 (BadHttpMessage); 0 more since the last such line"
    assert [log() for _ in range(4)] == [False] * 4
    now[0] += http_server.MALFORMED_SECONDS
    assert log() == "malformed HTTP request from ::1 (BadHttpMessage); 4 more since the last such line"


def test_an_error_of_ours_keeps_its_traceback(caplog):
    class Failing(Answers):
        @property
        def reason(self):
            raise KeyError("a bug")

    async def scenario(client):
        async with client.get("/readyz") as answer:
            assert answer.status == 500

    with_client(scenario, Failing())
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [KeyError]


def test_a_worker_with_hundreds_of_open_connections_stops_serving_in_time():
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, lambda: [], PYTHON)

    async def scenario():
        loop = asyncio.get_running_loop()
        with capture_logs() as lines:
            async with operations.running("127.0.0.1", 0, 60):
                connections = await open_many(lines[0]["address"], 300)
                started = loop.time()
        assert loop.time() - started < 5
        assert await closed(connections) == 300
        for _, writer in connections:
            writer.close()

    asyncio.run(scenario())


def test_a_port_in_use_is_an_error():
    async def scenario():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(AddressRefused, match="in use"):
                async with Answers().serve(port=taken.getsockname()[1]):
                    pass

    asyncio.run(scenario())


def test_the_server_listens_on_the_given_address_alone():
    async def scenario():
        async with Answers().serve() as address:
            port = int(address.rpartition(":")[2])
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.2", port)

    asyncio.run(scenario())


def test_a_worker_serves_from_start_to_end():
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, lambda: [], PYTHON)

    async def scenario():
        with capture_logs() as lines:
            await serving(lines)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(lines[0]["address"].rpartition(":")[2]))

    async def serving(lines):
        async with operations.running("127.0.0.1", 0, 60):
            async with aiohttp.ClientSession(lines[0]["address"]) as client:
                async with client.get("/readyz") as answer:
                    assert answer.status == 503
                operations.readiness.rebalanced()
                async with client.get("/readyz") as answer:
                    assert answer.status == 200
                async with client.get("/metrics") as answer:
                    assert "tocsin_ready 1.0" in await answer.text()
                async with client.get("/status") as answer:
                    status = await answer.json()
                assert status["ready"] is True
                assert status["core"] == {"runs": "python", "why": PYTHON.why}

    asyncio.run(scenario())
