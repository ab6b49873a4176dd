"""`tocsin intake` on a real broker: a report that is sent until it is taken counts once, whatever is killed."""

import fcntl
import hashlib
import hmac
import itertools
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson
import pytest

from tests.kafka.harness.adapters import metric, rows, until
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, SOURCE
from tests.kafka.harness.reports import now_ms, rfc3339
from tests.kafka.harness.workers import COMMAND, Worker
from tests.unit.intake_documents import MASTODON, MASTODON_PRIVATE
from tocsin_demo.local_kafka.probe import free_port

SECRET = "a secret of a Mastodon server"
TOKEN = "a token of a small forum"
SOURCES = """
sources:
  mastodon:
    ce_source: /mastodon.example
    reports_per_minute: 6000
    authentication: {scheme: hmac, header: X-Hub-Signature, prefix: "sha256=", secret_file: mastodon}
    mapping: mastodon
  forum:
    ce_source: /forum.example
    reports_per_minute: 60
    authentication: {scheme: bearer, secret_file: forum}
  own:
    ce_source: /own.example
    reports_per_minute: 60000
    authentication: {scheme: bearer, secret_file: own}
"""
REPORTS = 150
SENDERS = 6


@pytest.fixture
def start(deploy, tmp_path):
    """Starts intakes of a deployment on one port, one after the other; returns it and the function."""
    deployment = deploy(partitions=2)
    (tmp_path / "intake.yaml").write_text(SOURCES)
    (tmp_path / "mastodon").write_text(SECRET)
    (tmp_path / "forum").write_text(TOKEN)
    (tmp_path / "own").write_text("a token for files")
    own = {
        "TOCSIN_INTAKE_SOURCES_FILE": str(tmp_path / "intake.yaml"),
        "TOCSIN_INTAKE_PSEUDONYM_KEY": "k" * 32,
        "TOCSIN_INTAKE_PORT": str(free_port()),
        "TOCSIN_INTAKE_METRICS_PORT": "0",
    }
    started, numbers = [], itertools.count()

    def start():
        log = tmp_path / f"intake-{next(numbers)}.log"
        started.append(Worker(log, deployment.settings | own, (*COMMAND, "intake")))
        until(lambda: "taking reports at" in started[-1].text)
        return started[-1]

    yield deployment, start, f"http://127.0.0.1:{own['TOCSIN_INTAKE_PORT']}", started
    for process in started:
        process.end()


def webhook(number):
    """A report of Mastodon, with the signature of its body."""
    moment = rfc3339(now_ms())
    body = orjson.dumps(MASTODON | {"object": MASTODON["object"] | {"id": str(number), "created_at": moment}})
    return body, {"X-Hub-Signature": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


def test_a_report_counts_once_however_often_it_is_sent_while_the_intake_is_killed(start):
    deployment, start_one, address, started = start
    deployment.fleet.start()
    taken, answered = set(), threading.Event()

    def send(number):
        """Send as services do: again until it is taken; every seventh once more, as if its answer was lost."""
        body, headers = webhook(number)
        for _ in range(2 if number % 7 == 0 else 1):
            status = None
            while status != 202:
                assert not answered.wait(0.01 if status is None else 0.05)
                try:
                    status = httpx.post(
                        f"{address}/v1/sources/mastodon", content=body, headers=headers, timeout=20
                    ).status_code
                except httpx.TransportError:
                    status = 0
        taken.add(number)

    process = start_one()
    with ThreadPoolExecutor(SENDERS) as senders:
        sending = [senders.submit(send, number) for number in range(REPORTS)]
        try:
            for enough in (20, 60, 100):
                until(lambda enough=enough: len(taken) >= enough)
                process.signal(signal.SIGKILL)
                process.wait(10)
                process = start_one()
            until(lambda: len(taken) == REPORTS)
        finally:
            answered.set()
        for each in sending:
            each.result()
    until(
        lambda: (
            len({orjson.loads(row.value)["report"]["report_id"] for row in rows(deployment, ENRICHED)})
            == REPORTS
        )
    )
    deployment.wait_until_applied()
    assert len(rows(deployment, SOURCE)) >= REPORTS + len(range(0, REPORTS, 7))
    counted = [orjson.loads(row.value)["report"]["report_id"] for row in rows(deployment, ENRICHED)]
    assert sorted(counted, key=int) == [str(number) for number in range(REPORTS)]
    assert rows(deployment, DEAD_LETTERS) == []
    # No id, name, address or text of the service is in the topic, nor in any log.
    shown = b"".join(row.key + row.value for row in rows(deployment, SOURCE))
    shown += "".join(each.text for each in started).encode()
    assert not [text for text in (*MASTODON_PRIVATE, SECRET, "k" * 32) if text.encode() in shown]
    process.terminate()
    assert process.wait(20) == 0


def test_a_flood_of_one_source_leaves_the_others_their_share(start):
    _, start_one, address, _ = start
    process = start_one()
    report = {
        "report_id": "r-1",
        "kind": "user_report",
        "occurred_at": rfc3339(now_ms()),
        "channel": {"ref": "room", "visibility": "public"},
        "category": "spam",
    }
    token = {"Authorization": f"Bearer {TOKEN}"}
    statuses = [
        httpx.post(f"{address}/v1/reports", json=[report] * 10, headers=token).status_code for _ in range(12)
    ]
    assert statuses[:6] == [202] * 6
    assert statuses[-1] == 429
    body, headers = webhook(1)
    assert httpx.post(f"{address}/v1/sources/mastodon", content=body, headers=headers).status_code == 202
    assert metric(process, 'tocsin_intake_reports_total{fate="over_quota",sender="forum"}') >= 50
    assert metric(process, "tocsin_intake_ready") == 1


def test_a_file_that_is_sent_while_the_intake_is_killed_counts_once(start, tmp_path):
    deployment, start_one, address, _ = start
    deployment.fleet.start()
    process = start_one()
    moment = rfc3339(now_ms())
    lines = [f"{number},{moment},room {number % 50},fraud,alice {number}\n" for number in range(2_500)]
    lines[2_300] = f"2300,{moment},room 7,swindle,alice 2300\n"
    # A pipe: so it is certain that there is more to send when the intake is killed.
    file = tmp_path / "reports.csv"
    os.mkfifo(file)
    command = (*COMMAND, "intake", "send", str(file), "--token-file", str(tmp_path / "own"), "--to", address)
    sending = Worker(tmp_path / "send.log", {}, command)
    try:
        with file.open("w") as pipe:
            # It holds all of them.
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1024 * 1024)
            pipe.writelines(["report_id,occurred_at,channel,category,reporter\n", *lines[:1_000]])
            pipe.flush()
            until(lambda: len(rows(deployment, SOURCE)) >= 400)
            process.signal(signal.SIGKILL)
            process.wait(10)
            pipe.writelines(lines[1_000:])
            pipe.flush()
            until(lambda: "no connection: Connection refused; trying again" in sending.text)
            start_one()
        assert sending.wait(60) == 1, sending.tail()
    finally:
        sending.end()
    *said, counts = sending.text.splitlines()
    assert counts == "2,499 sent, 1 refused"
    (refused,) = [line for line in said if line.startswith("line ")]
    assert refused.startswith("line 2302: category: Must be one of ")
    assert "alice" not in sending.text
    deployment.wait_until_applied()
    counted = [orjson.loads(row.value)["report"]["report_id"] for row in rows(deployment, ENRICHED)]
    assert sorted(counted, key=int) == [str(number) for number in range(2_500) if number != 2_300]
    assert rows(deployment, DEAD_LETTERS) == []
