"""State is saved while workers run, restored, and moved to more partitions: nothing is lost, nothing happens
twice.
"""

import stat
from collections import Counter

import orjson
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from streams.commands.main import commands
from streams.commands.state import restore as restoring
from streams.contract.wire.topics import DESK_VIEWS, INTAKE_POSITIONS, RULE_CHANGES, RULE_SETS, RULE_TRIALS
from streams.running.errors import OwnershipLost
from tests.kafka.harness.command_results import done, refused
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.counter_oracle import check_counters
from tests.kafka.harness.deployment import (
    PROGRESS,
    CLAIMS,
    COUNTERS,
    ENRICHED,
    REQUESTS_STATE,
    ROUTING,
    STATE,
    TOPICS,
    Deployment,
)
from tests.kafka.harness.oracle import _check_episodes, _check_final_counts, _check_ids, check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import generate
from tests.kafka.harness.requests import generate_requests
from tests.unit.saved_state import read_file

REPORTS = generate(11, 4_000)
REQUESTS = generate_requests(11, 120)


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


def stop(deployment):
    for worker in deployment.fleet.running:
        worker.terminate()
    deployment.fleet.tend()


@pytest.fixture
def reopen(tmp_path):
    """The same topics seen again: the state topics were created again, maybe with more partitions."""
    opened = []

    def again(deployment, partitions=2):
        folder = tmp_path / f"again-{len(opened)}"
        folder.mkdir()
        new = Deployment(deployment.bootstrap, deployment.prefix, folder, partitions=partitions)
        new.published, new.requests = list(deployment.published), list(deployment.requests)
        opened.append(new)
        return new

    yield again
    for one in opened:
        one.end()


def kept(file):
    """The records of channels and requests, by stage and key."""
    _, stages = read_file(file)
    return {
        (name, key): value
        for name, partitions in stages.items()
        for _, entries in partitions
        for key, value in entries.items()
        if key[:1] in b"NCL"
    }


def what_was_saved(file):
    """What is in a file but for when it was saved, and where the internal logs ended then: a restore begins to read
    them at their ends.
    """

    def section(found):
        position = {topic: at for topic, at in found.position.items() if not topic.endswith("-internal")}
        return replace(found, position=position)

    header, stages = read_file(file)
    return replace(header, saved_at=0), {
        name: [(section(found), entries) for found, entries in sections] for name, sections in stages.items()
    }


def save_drained(deployment, tocsin, file):
    """Stop the workers when everything is applied, and save."""
    deployment.wait_until_applied()
    stop(deployment)
    done(tocsin("state", "save", file))


def check_moved(deployment, reader):
    """`check_outputs` without the places: a channel's records are in its old home and in its new one."""
    facts = {record.facts.report_id: record.facts for record in deployment.published if record.facts}
    requests = {record.facts.request_id: record.facts for record in deployment.requests if record.facts}
    rows = sorted(reader.all(deployment.name(ENRICHED)), key=lambda row: row.timestamp)
    enriched = [(row, orjson.loads(row.value)) for row in rows]
    _check_ids(enriched, facts)
    _check_final_counts(enriched, facts.values())
    _check_episodes(reader, deployment, facts.values())
    check_counters(deployment, reader, facts.values(), requests.values())
    judged = [
        row.key
        for row in reader.all(deployment.name(ROUTING))
        if orjson.loads(row.value)["reason"] == "judged"
    ]
    assert sorted(judged) == sorted(request_id.encode() for request_id in requests)


def test_state_is_saved_restored_and_moved(deployment, tocsin, reopen, tmp_path, monkeypatch):
    deployment.fleet.start()
    deployment.publish(REPORTS[:500])
    # Saved while the worker applies reports.
    deployment.fleet.wait_for(lambda: deployment.applied() > 0, 60, "the first reports")
    deployment.publish(REPORTS[500:1_400])
    deployment.publish_requests(REQUESTS[:60])
    running = tmp_path / "running"
    assert "6 partitions are in" in done(tocsin("state", "save", running))
    assert stat.S_IMODE(running.stat().st_mode) == 0o600
    refused(tocsin("state", "save", running), "exists already")
    # Even if the worker had applied everything when it was saved, this is another state.
    deployment.publish(REPORTS[1_400:1_500])
    deployment.wait_until_applied()
    refused(tocsin("state", "restore", running, "--yes"), "1 worker is in group")
    idle = tmp_path / "idle"
    save_drained(deployment, tocsin, idle)
    refused(tocsin("state", "restore", idle, "--yes"), "records of state", "tocsin state reset")

    # Damage is found before anything is written.
    done(tocsin("state", "reset", "--yes"))
    damaged = tmp_path / "damaged"
    damaged.write_bytes(idle.read_bytes()[:-40])
    refused(tocsin("state", "restore", damaged, "--yes"), "damaged")
    assert "nothing was written" in done(tocsin("state", "restore", idle))
    assert "start the workers" in done(tocsin("state", "restore", idle, "--yes"))
    again = tmp_path / "again"
    done(tocsin("state", "save", again))
    assert what_was_saved(again) == what_was_saved(idle)

    # A restore that ends half-way is not taken for a state, and can be repeated.
    done(tocsin("state", "reset", "--yes"))

    def interrupted(*_):
        raise OwnershipLost("for the test")

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_last_writes", interrupted)
        refused(tocsin("state", "restore", idle, "--yes"), "the restore was interrupted")
    refused(tocsin("state", "check"), "a restore of the state was not finished")
    worker = deployment.fleet.start()
    assert worker.wait(60) == 1
    assert "a restore of the state was not finished" in worker.text
    deployment.fleet.running.clear()
    refused(tocsin("state", "save", tmp_path / "half"), "a restore of the state was not finished")
    refused(tocsin("state", "restore", running, "--yes"), "restore of another file")
    done(tocsin("state", "restore", idle, "--yes"))

    # In the form of the version before: this version reads it as it reads state of that version.
    before = tmp_path / "before"
    assert "for version 0.2" in done(tocsin("state", "downgrade", idle, before))
    refused(tocsin("state", "downgrade", idle, before), "exists already")
    done(tocsin("state", "reset", "--yes"))
    done(tocsin("state", "restore", before, "--yes"))
    done(tocsin("state", "check"))

    # It goes on, and knows what it had applied.
    deployment = reopen(deployment)
    deployment.fleet.start()
    deployment.publish([*REPORTS[1_500:2_500], *REPORTS[:200]])
    deployment.publish_requests(REQUESTS[60:90])
    drained = tmp_path / "drained"
    save_drained(deployment, tocsin, drained)
    check_outputs(deployment, deployment.outputs())

    # More partitions, in the same topics.
    moved = tmp_path / "moved"
    shown = done(tocsin("state", "repartition", drained, moved, "--partitions", 4, "--dry-run"))
    assert "from 2 partitions to 4" in shown and not moved.exists()
    done(tocsin("state", "repartition", drained, moved, "--partitions", 4))
    assert kept(moved) == kept(drained)
    operator = Operator(deployment.bootstrap)
    for topic in TOPICS:
        one_partition = (
            CLAIMS, PROGRESS, DESK_VIEWS, INTAKE_POSITIONS, RULE_SETS, RULE_CHANGES, RULE_TRIALS,
        )  # fmt: skip
        if topic not in (*one_partition, STATE, REQUESTS_STATE):
            operator.set_partitions(deployment.name(topic), 4)
    done(tocsin("state", "reset", "--yes"))
    refused(tocsin("state", "restore", drained, "--yes"), "tocsin state repartition")
    done(tocsin("state", "restore", moved, "--yes"))
    deployment = reopen(deployment, 4)
    deployment.fleet.start()
    deployment.fleet.start()
    deployment.publish(REPORTS[2_500:], LIBRDKAFKA_DEFAULT)
    deployment.publish(REPORTS[100:300])
    deployment.publish_requests(REQUESTS[90:], LIBRDKAFKA_DEFAULT)
    deployment.wait_until_applied()
    check_moved(deployment, deployment.outputs())
    done(tocsin("state", "check"))


def sums_of_last_day(deployment):
    """The last day in transparency-counters, and its numbers by country and category over all partitions."""
    last = {row.key.decode(): row.value for row in deployment.outputs().all(deployment.name(COUNTERS))}
    day = max(key.split("/")[0] for key in last)
    sums = Counter()
    for key, value in last.items():
        date, stage, _, country, category, *_ = key.split("/")
        if date == day:
            sums[stage, country, category] += sum(row["count"] for row in orjson.loads(value)[stage])
    return day, sums


@pytest.mark.nightly
def test_state_is_moved_to_fewer_partitions_in_new_topics(deploy, tmp_path):
    old = deploy(partitions=4)
    old.fleet.start()
    old.publish(REPORTS[:800])
    old.publish_requests(REQUESTS[:60])
    old.wait_until_applied()
    stop(old)

    def tocsin(deployment, *arguments):
        return done(CliRunner().invoke(commands, list(map(str, arguments)), env=deployment.settings))

    tocsin(old, "state", "save", tmp_path / "old")
    tocsin(old, "state", "repartition", tmp_path / "old", tmp_path / "new", "--partitions", 3)
    elsewhere = CliRunner().invoke(
        commands, ["state", "restore", str(tmp_path / "old"), "--yes"], env=deploy(partitions=4).settings
    )
    refused(elsewhere, "the next report to apply is at offset", "the log holds 0 to 0")
    new = deploy(partitions=3)
    tocsin(new, "state", "restore", tmp_path / "new", "--yes")
    assert sums_of_last_day(new) == sums_of_last_day(old)
    new.fleet.start()
    new.publish(REPORTS[700:1_200])
    new.wait_until_applied()
    rows = [
        *old.outputs().all(old.name(ENRICHED)),
        *sorted(new.outputs().all(new.name(ENRICHED)), key=lambda row: row.timestamp),
    ]
    enriched = [(row, orjson.loads(row.value)) for row in rows]
    facts = {record.facts.report_id: record.facts for record in REPORTS[:1_200] if record.facts}
    _check_ids(enriched, facts)
    _check_final_counts(enriched, facts.values())
    tocsin(new, "state", "check")
