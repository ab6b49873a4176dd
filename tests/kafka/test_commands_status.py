"""`tocsin status` on a real broker: a healthy worker, a partition that lags, and a worker that is gone."""

import asyncio
import json
import re
import signal

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.status import clocks, command, reading
from streams.contract.wire.partitioner import home_partition
from streams.running.log.connection import Connection
from streams.running.wall_clock import clock_ms
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, SOURCE, STATE
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.reports import now_ms, spam_report, victims_request

LAGGING, OTHER = 0, 1
WHY = ("--reason", "for a test", "--actor", "op-7f3a", "--yes")


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


def runbooks(result):
    """The pages that the findings of --json name."""
    return [each["see"].rpartition("/")[2] for each in json.loads(result.stdout)["findings"]]


def reports(partition, first, count):
    channel = next(f"c-{n}" for n in range(99) if home_partition(f"c-{n}".encode(), 2) == partition)
    return [spam_report(number, channel, now_ms()) for number in range(first, first + count)]


async def leave_open(deployment):
    """Leave a transaction open in a source as a publisher does that hangs."""
    producer = Connection(deployment.bootstrap).producer(f"{deployment.prefix}publisher")
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(deployment.name(SOURCE), b"{", partition=OTHER)
    await producer.abandon()


def test_what_is_wrong_is_found_from_kafka_and_from_the_workers_page(deployment, tocsin, monkeypatch):
    before = tocsin("status")
    assert before.exit_code == 1
    assert before.output.startswith(f"not healthy: no worker is in the group {deployment.group} (docs/")
    fleet = deployment.fleet
    worker = fleet.start()
    deployment.publish([*reports(LAGGING, 0, 5), *reports(OTHER, 5, 5)])
    deployment.wait_until_applied()

    healthy = tocsin("status")
    assert healthy.exit_code == 0, healthy.output
    assert healthy.output.startswith("healthy: 1 worker, ")
    found = json.loads(tocsin("status", "--json").stdout)
    assert (found["healthy"], found["members"], found["without_owner"]) == (True, 1, [])
    (claim,) = found["claims"]
    assert (claim["in_group"], len(claim["partitions"])) == (True, 6)
    assert len(claim["rules_id"]) == 16 and len(claim["rules"]) == 3
    # Each source of each partition, and markers of transactions are nothing that waits.
    assert len(found["sources"]) == 2 * 9
    assert {row["waiting"] for row in found["sources"]} == {0}
    assert sum(row["next"] for row in found["sources"] if row["topic"] == SOURCE) == 10
    assert found["letters"] == {"by_reason": {}, "requests": 0, "published": 10}

    place = ("--topic", SOURCE, "--partition", LAGGING)
    assert tocsin("source", "pause", *place, *WHY).exit_code == 0
    fleet.wait_for(lambda: "paused by operators" in worker.text, 20, "paused", tend=False)
    deployment.publish([*reports(LAGGING, 10, 3), *reports(OTHER, 13, 1)])
    fleet.wait_for(
        lambda: deployment.outputs().count(deployment.name(ENRICHED)) == 11, 30, "the other goes on"
    )
    assert tocsin("status").exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(command, "clock_ms", lambda: clock_ms() + 90_000)
        late = tocsin("status")
        assert late.exit_code == 1
        said = rf"not healthy: 3 records wait, the oldest for 1 min \d+ s, in {SOURCE} {LAGGING} \(\S+/TocsinLagging.md"
        assert re.match(said, late.output), late.output
        # The page says why.
        (port,) = re.findall(r"serving .*http://127\.0\.0\.1:(\d+)", worker.text)
        asked = {**deployment.settings, "TOCSIN_HTTP_PORT": port}
        with_page = CliRunner().invoke(commands, ["status", "--json"], env=asked)
        assert runbooks(with_page) == ["TocsinLagging.md", "TocsinSourceResting.md"]
    assert tocsin("source", "resume", *place, *WHY, "--yes").exit_code == 0
    fleet.wait_for(lambda: deployment.outputs().count(deployment.name(ENRICHED)) == 14, 30, "it goes on")

    # A day later nobody publishes at this time of the day.
    with monkeypatch.context() as patched:
        patched.setattr(reading, "_USUAL_LEAST", 5)
        patched.setattr(command, "clock_ms", lambda: clock_ms() + 24 * 3_600_000 + 600_000)
        assert "TocsinNoReports.md" in runbooks(tocsin("status", "--json"))
        patched.setattr(command, "clock_ms", clock_ms)
        assert tocsin("status").exit_code == 0

    # The clock of a victim's request: two hours, of which a few minutes are left; and one that has lapsed.
    begun = {"near": now_ms() - 115 * 60_000, "over": now_ms() - 150 * 60_000}
    deployment.publish([victims_request(name, f"c-{name}", at) for name, at in begun.items()])
    fleet.wait_for(
        lambda: "TocsinClockNearlyDue.md" in runbooks(tocsin("status", "--json")), 30, "the clock is seen"
    )
    due = tocsin("status")
    assert due.exit_code == 1
    assert re.match(r"not healthy: 1 legal clock has lapsed in the last hour ", due.output), due.output
    assert re.search(r"^also: 1 legal clock is nearly due, the first in 4 min", due.output, re.M)
    first, second = re.findall(r"^IN\.itr\.3-2-b +channel (c-\w+) +(\w+) ", due.output, re.M)
    assert (first, second) == (("c-over", "lapsed"), ("c-near", "running"))
    assert "all workers have the same version and rules" in due.output
    # As somebody would who asks about a state too large to read.
    with monkeypatch.context() as patched:
        patched.setattr(clocks, "RECORDS_MOST", 1)
        large = tocsin("status")
    assert large.exit_code == 0
    assert "legal clocks are not looked at" in large.output
    ids = [json.loads(line)["clock_id"] for line in tocsin("clocks", "--json").stdout.splitlines()]
    assert CliRunner().invoke(
        commands, ["clock", "-", "withdrawn"], input="\n".join(ids),
        env={**deployment.settings, "TOCSIN_ACTOR": "op-7f3a"},
    ).exit_code == 0  # fmt: skip
    fleet.wait_for(lambda: tocsin("status").exit_code == 0, 30, "no clock is open")

    Operator(deployment.bootstrap).set(deployment.name(DEAD_LETTERS), "retention.ms", "86400000")
    differing = tocsin("status")
    assert differing.exit_code == 1
    assert differing.output.startswith("not healthy: not as in the catalogue")
    assert "retention.ms is 86400000" in differing.output

    asyncio.run(leave_open(deployment))
    with monkeypatch.context() as patched:
        patched.setattr(command, "clock_ms", lambda: clock_ms() + 90_000)
        opened = tocsin("status")
    assert re.match(
        rf"not healthy: a transaction has been open for 1 min \d+ s in {SOURCE} {OTHER} ", opened.output
    )

    worker.signal(signal.SIGKILL)
    worker.wait(10)
    evict_everybody(deployment.bootstrap, deployment.group)
    killed = tocsin("status", "--json")
    assert killed.exit_code == 1
    assert runbooks(killed) == ["TocsinWorkerDown.md", "operations-emergencies.md"]
    assert [each["in_group"] for each in json.loads(killed.stdout)["claims"]] == [False]
    # The position is found however far from the end it is.
    Operator(deployment.bootstrap).write(deployment.name(STATE), LAGGING, [(b"x", b"y")] * 1_500)
    sources = json.loads(tocsin("status", "--json").stdout)["sources"]
    assert [row["next"] for row in sources if (row["topic"], row["partition"]) == (SOURCE, LAGGING)] == [8]

    missing = {**deployment.settings, "TOCSIN_TOPIC_PREFIX": f"{deployment.prefix}x"}
    nowhere = CliRunner().invoke(commands, ["status"], env=missing)
    assert nowhere.exit_code == 1
    assert "missing, or not to be seen by this user" in nowhere.output
