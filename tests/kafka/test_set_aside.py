"""A record on which the code fails holds up its partition alone, until the code is right or operators skip
the record.
"""

import re
import urllib.request
from collections import Counter

import orjson
import pytest

from streams.contract.wire.partitioner import home_partition
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, INTERNAL, SOURCE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate, now_ms, source_of, spam_report
from tests.kafka.harness.workers import changed_worker
from tests.runbook_lines import arguments, mitigation

# Fails in the middle of a batch, so that the state is half changed.
BUG = """
from streams.deciding.partition import stage

_apply = stage.Stage.apply_in_slices

def _failing(self, state, records, **until):
    for number, record in enumerate(records):
        if {poison!r} in (record.value or b"") and record.topic.endswith({source!r}) and not (
            state.sources.of({source!r}).skip_below > record.offset
        ):
            yield from _apply(self, state, records[:number], **until)
            raise ValueError("a bug")
    yield from _apply(self, state, records, **until)

stage.Stage.apply_in_slices = _failing

from streams.running.partitions import setback

setback.FIRST_PAUSE = {pause}
"""

# Fails on an entry of a bundle, at the home of its channel. The native core leaves it to Python.
BUG_AT_HOME = """
from streams.deciding.reports import handle

_apply_once = handle.apply_once

def _failing_at_home(batch, key, origin, decoded, stamp):
    if decoded.event.report_id == {poison!r}:
        raise ZeroDivisionError("another bug")
    return _apply_once(batch, key, origin, decoded, stamp)

handle.apply_once = _failing_at_home

try:
    from streams.deciding.reports.native.home import NativeChannelHome
except ImportError:
    pass
else:
    _apply_natively = NativeChannelHome.apply

    def _up_to_it(self, batch, entries, begin, more_outputs):
        poison = {poison!r}.encode()
        end = next((n for n in range(begin, len(entries)) if poison in bytes(entries[n])), len(entries))
        return _apply_natively(self, batch, entries[:end], begin, more_outputs) if begin < end else 0

    NativeChannelHome.apply = _up_to_it
"""
PARTITIONS = 4


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=PARTITIONS)


def failing_worker(poison, pause=60.0):
    return changed_worker(BUG.format(poison=poison, source=SOURCE, pause=pause))


def poisonous(records):
    """A report in the middle that is at home where it is published, and has an id that no other has."""
    ids = Counter(record.facts.report_id for record in records if record.facts)
    return next(
        record
        for record in records[len(records) // 2 :]
        if record.facts
        and ids[record.facts.report_id] == 1
        and record.key == record.facts.channel.encode()
        and source_of(record) == SOURCE
    )


def offset_of(deployment, record, partition):
    rows = deployment.outputs().rows[deployment.name(SOURCE)][partition]
    return next(row.offset for row in rows if row.value == record.value)


def answer(worker, path):
    url = re.search(r"address=(http://\S+)", worker.text)[1]
    with urllib.request.urlopen(url + path, timeout=10) as response:
        return response.read().decode()


def lines_of(worker, text):
    return [line for line in worker.text.splitlines() if text in line]


def owners(workers, partition):
    """The workers that own a partition of the stage of reports, and show it as set aside."""
    shown = f'tocsin_partition_set_aside{{partition="{partition}",stage="reports",why="record"}} 1.0'
    return [worker for worker in workers if shown in answer(worker, "/metrics")]


def test_all_other_partitions_go_on_and_a_repaired_worker_applies_the_rest(deployment):
    fleet = deployment.fleet
    records = generate(51, 4_000)
    poison = poisonous(records)
    partition = home_partition(poison.key, PARTITIONS)
    # So that the record is in the middle of a large batch.
    deployment.publish(records)
    offset = offset_of(deployment, poison, partition)
    command = failing_worker(poison.facts.report_id.encode())
    workers = [fleet.start(command), fleet.start(command)]
    fleet.wait_for(lambda: deployment.position(partition) == offset, 60, "what is before it is applied")
    fleet.wait_for(lambda: deployment.applied_but(partition), 60, "the other partitions are applied")
    exactly = f"records='{SOURCE} offset {offset}'"
    fleet.wait_for(lambda: any(exactly in worker.text for worker in workers), 60, "the record is named")
    (first,) = owners(workers, partition)
    (line, *_) = lines_of(first, exactly)
    assert "[error" in line
    assert "partition set aside" in line
    assert "docs/runbooks/TocsinPartitionSetAside.md" in line
    # Once, and again where the other worker joined only after that. The last line of a traceback: other lines
    # have the error's repr().
    assert 1 <= len(lines_of(first, "ValueError: a bug")) <= first.text.count("owns partitions")
    assert "ready" in answer(first, "/readyz")
    status = next(
        each
        for each in orjson.loads(answer(first, "/status"))["partitions"]
        if (each["stage"], each["partition"]) == ("reports", partition)
    )
    assert status["set_aside"]["error"] == "ValueError"
    assert status["lag"][SOURCE]["records"] > 0

    # Its worker ends: the other one takes the partition over, sets it aside as well, and keeps its own.
    fleet.running.remove(first)
    first.terminate()
    (second,) = fleet.running
    fleet.wait_for(lambda: owners([second], partition), 60, "the other worker has set it aside")
    more = generate(52, 1_000)
    deployment.publish(more)
    fleet.wait_for(lambda: deployment.applied_but(partition), 60, "the other partitions go on")
    assert deployment.position(partition) == offset
    assert fleet.ended == []

    fleet.start()
    fleet.running.remove(second)
    second.terminate()
    deployment.wait_until_applied()
    assert fleet.exit_codes == []
    check_outputs(deployment, deployment.outputs())


def test_operators_skip_the_record_while_its_worker_runs(deployment, tocsin):
    """In a topic of publishers, and an entry of a bundle in an internal topic."""
    fleet = deployment.fleet
    channel = "c-1"
    partition = home_partition(channel.encode(), PARTITIONS)
    bugs = BUG.format(poison=b'"s-20"', source=SOURCE, pause=1.0) + BUG_AT_HOME.format(poison="s-60")
    worker = fleet.start(changed_worker(bugs))
    deployment.publish([spam_report(number, channel, now_ms()) for number in range(40)])
    exactly = f"records='{SOURCE} offset 20'"
    fleet.wait_for(lambda: exactly in worker.text, 60, "the record is named")
    assert deployment.position(partition) == 20
    # As the runbook says, word for word.
    alert = "TocsinPartitionSetAside"
    skip = mitigation(alert, "tocsin source skip --topic TOPIC --partition PARTITION --until OFFSET --reason")
    shown = tocsin(*arguments(skip, TOPIC=SOURCE, PARTITION=partition, OFFSET=21))
    assert (shown.exit_code, "nothing was written" in shown.output) == (0, True), shown.output
    result = tocsin(*arguments(f"{skip} --yes", TOPIC=SOURCE, PARTITION=partition, OFFSET=21))
    assert result.exit_code == 0, result.output
    deployment.wait_until_applied(60)
    assert "partition goes on" in worker.text
    assert not owners([worker], partition)

    deployment.publish([spam_report(number, channel, now_ms()) for number in range(40, 80)])
    named = re.compile(rf"records='{INTERNAL} offset (\d+) entry (\d+), published as {SOURCE}")
    paused = re.compile(rf"next_attempt_in_seconds=1\.0 .*{named.pattern}")
    fleet.wait_for(lambda: paused.search(worker.text), 60, "the entry fails alone")
    offset, entry = map(int, paused.search(worker.text).groups())
    place = {"TOPIC": INTERNAL, "PARTITION": partition, "OFFSET": offset + 1}
    skip_entry = mitigation(
        alert, "tocsin source skip --topic TOPIC --partition PARTITION --until OFFSET --entry ENTRY --reason"
    )
    for wrong in (skip, skip_entry.replace("ENTRY", str(entry + 1))):
        result = tocsin(*arguments(f"{wrong} --yes", **place))
        assert (result.exit_code, f"--entry {entry}" in result.output) == (1, True), result.output
    result = tocsin(*arguments(f"{skip_entry} --yes", **place, ENTRY=entry))
    assert result.exit_code == 0, result.output
    deployment.wait_until_applied(60)
    assert worker.text.count("partition goes on") == 2
    assert not owners([worker], partition)
    assert fleet.running == [worker]
    reader = deployment.outputs()
    enriched = Counter(
        orjson.loads(row.value)["report"]["report_id"] for row in reader.all(deployment.name(ENRICHED))
    )
    assert enriched == Counter({f"s-{number}": 1 for number in range(80) if number not in (20, 60)})
    letters = [dict(row.headers) for row in reader.all(deployment.name(DEAD_LETTERS))]
    assert [letter["tocsin-reason"] for letter in letters] == [b"skipped"] * 2
    # Where they were published.
    assert {letter["tocsin-topic"] for letter in letters} == {deployment.name(SOURCE).encode()}
