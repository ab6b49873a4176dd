import asyncio
import re
import socket

import aiohttp
import orjson
import pytest
from structlog.testing import capture_logs

from streams.operations.http_server import serve
from streams.operations.readiness import Readiness
from streams.operations.worker_operations import WorkerOperations
from streams.runtime.lag import SourceLag
from tests.unit.traffic import SHIPPED

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
    assert readiness.reason_against() == "restoring partitions 0, 2, 2 s"
    assert readiness.restoring
    readiness.settled(0)
    assert readiness.reason_against() == "restoring partitions 2, 2 s"
    readiness.settled(2)
    assert not readiness.restoring
    assert readiness.reason_against() is not None
    readiness.rebalanced()
    assert readiness.reason_against() is None


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
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, lambda: [])
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
    assert re.fullmatch(r"restoring partitions 3, \d+ s; no state record received", description)
    operations.readiness.restoring_goes_on()
    assert after(1)[0] == 0
    after(10)
    operations.readiness.settled(3)
    assert after(60)[0] == 0


def test_waiting_for_other_members_of_the_group_is_not_a_standstill(monkeypatch):
    operations = WorkerOperations(
        SHIPPED, {"reports": ("a", "b")}, lambda: [SourceLag("a", 0, 7, 5, 5, None)]
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


def test_a_worker_is_not_ready_while_the_brokers_do_not_answer(monkeypatch):
    lags = [SourceLag("a", 0, 7, 0, 0, None)]
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, lambda: lags)
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
    assert after(9) is None, "a restarting broker is back within this time"
    assert after(3) == "the brokers do not answer, 12 s"
    operations.readiness.rebalance_began()
    assert after(1).startswith("the group is rebalancing")
    operations.readiness.rebalanced()
    lags[:] = [SourceLag("a", 0, 7, 3, 3, None)]
    assert after(1) is None


# --- HTTP


class Answers:
    reason = None

    def serve(self, port=0, host="127.0.0.1"):
        return serve(
            host,
            port,
            metrics=lambda: b"# HELP a b\n",
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


def test_a_port_in_use_is_an_error():
    async def scenario():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(OSError, match="in use"):
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
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, lambda: [])

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
                    assert (await answer.json())["ready"] is True

    asyncio.run(scenario())
