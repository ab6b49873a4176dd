"""`tocsin intake poll` on a real broker: what a system lists counts once, wherever the process is killed."""

import itertools
import signal

import orjson
import pytest

from tests.kafka.harness.adapters import metric, rows, until
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, POSITIONS, SOURCE
from tests.kafka.harness.receiver import Receiver, Reply
from tests.kafka.harness.reports import now_ms
from tests.kafka.harness.workers import COMMAND, Worker
from tests.unit.synapse_stand_in import TOKEN, SynapseStandIn

SOURCE_ROW = """
  {name}:
    ce_source: /matrix.example/{name}
    tenant: matrix
    poll:
      service: synapse-{name}
      address: {address}
      secret_file: token
      ca_file: {ca_file}
      allowed_networks: ["127.0.0.0/8", "::1/128"]
      every_seconds: 0.2
"""
REPORTS = 120


@pytest.fixture
def start(deploy, tmp_path):
    """Starts processes that ask a stand-in, one after the other; returns it, the deployment and the function."""
    deployment, server = deploy(partitions=2), SynapseStandIn()
    started, numbers = [], itertools.count()
    with Receiver(
        tmp_path,
        lambda request: Reply(*_answer(server, request)),
    ) as receiver:
        both = (
            SOURCE_ROW.format(name=name, address=receiver.address, ca_file=receiver.ca_file)
            for name in ("rooms", "accounts")
        )
        (tmp_path / "intake.yaml").write_text("sources:\n" + "".join(both))
        (tmp_path / "token").write_text(TOKEN)
        own = {
            "TOCSIN_INTAKE_SOURCES_FILE": str(tmp_path / "intake.yaml"),
            "TOCSIN_INTAKE_PSEUDONYM_KEY": "k" * 32,
            "TOCSIN_INTAKE_METRICS_PORT": "0",
        }

        def start():
            log = tmp_path / f"poll-{next(numbers)}.log"
            started.append(Worker(log, deployment.settings | own, (*COMMAND, "intake", "poll")))
            until(lambda: "asking for reports" in started[-1].text)
            return started[-1]

        yield deployment, server, start, started
        for process in started:
            process.end()
            print(f"--- {process.log.name}\n{process.tail()}")


def _answer(server, request):
    status, body = server.body(request.path, request.headers.get("authorization", ""))
    return status, {"Content-Type": "application/json"}, body


def test_what_is_listed_counts_once_although_the_process_is_killed_before_its_position_is_written(
    start, kafka
):
    deployment, server, start_one, started = start
    operator, positions = Operator(kafka), deployment.name(POSITIONS)
    for number in range(1, REPORTS + 1):
        server.add(number, now_ms() - 60_000 + number)
    # Kafka takes reports, and no positions: they are too large. No worker would start so.
    operator.set(positions, "max.message.bytes", "100")
    for _ in range(2):
        published = len(rows(deployment, SOURCE))
        process = start_one()
        until(lambda before=published: len(rows(deployment, SOURCE)) >= before + 200)
        process.signal(signal.SIGKILL)
        process.wait(10)
        assert rows(deployment, POSITIONS) == []
    operator.set(positions, "max.message.bytes", "1048576")
    deployment.fleet.start()
    process = start_one()
    until(lambda: len(rows(deployment, POSITIONS)) >= 2)
    # A deleted report moves the others up.
    del server.reports[:5]
    server.add(REPORTS + 1, now_ms())
    everything = {
        (of_message, str(number)) for of_message in (True, False) for number in range(1, REPORTS + 2)
    }

    def counted():
        found = [orjson.loads(row.value)["report"] for row in rows(deployment, ENRICHED)]
        return [(each.get("message_ref") is not None, each["report_id"]) for each in found]

    until(lambda: everything <= set(counted()))
    deployment.wait_until_applied()
    assert len(rows(deployment, SOURCE)) >= 2 * REPORTS + 400
    assert sorted(counted()) == sorted(everything)
    assert rows(deployment, DEAD_LETTERS) == []
    assert metric(process, 'tocsin_intake_unanswered_seconds{sender="rooms"}') < 60
    # No id, name, address or text of the server is in a topic, nor in any log.
    shown = b"".join(row.key + row.value for row in rows(deployment, SOURCE) + rows(deployment, POSITIONS))
    shown += "".join(each.text for each in started).encode()
    for text in ("@user-", "!1:", "$event-", "@target-", "Lounge", "0123456789", TOKEN, "k" * 32):
        assert text.encode() not in shown, text
    process.terminate()
    assert process.wait(20) == 0
