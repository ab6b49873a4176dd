"""State that was saved on one cluster goes on on another one to which the sources are mirrored: nothing is lost,
nothing counts twice.
"""

import time
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.state import by_time
from streams.commands.state.save_file import waiting_record
from streams.contract.wire.partitioner import home_partition
from streams.deciding.partition.duplicates import event_hash, read_slots
from streams.deciding.partition.state import DUPLICATES_SLOT
from tests.kafka.harness.command_results import done, refused
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.deployment import (
    COUNTERS,
    Deployment,
    ENRICHED,
    ESCALATIONS,
    ROUTING,
    SHADOW,
    SOURCE,
    VERIFIED,
)
from tests.kafka.harness.desk import LEGAL_CLOCK
from tests.kafka.harness.mirror import Mirror
from tests.kafka.harness.moderation import Moderators
from tests.kafka.harness.moderation_oracle import check_reporters
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import generate
from tests.kafka.harness.requests import generate_requests
from tests.kafka.harness.workers import HAVE_SMALL_CYCLES, changed_worker
from tests.unit.saved_state import read_file


def as_if_alone(record):
    """The report by a reporter and about a message of its own, so that risk does not depend on the order in which
    two workers pass reports on.
    """
    if record.facts is None:
        return record
    document = orjson.loads(record.value)
    document["message_ref"] = f"message-{record.facts.report_id}"
    if record.facts.reporter_ref is not None:
        document["reporter"]["ref"] = f"reporter-{record.facts.report_id}"
    return replace(record, value=orjson.dumps(document))


# What moderators decide about, and what is on its way while the state is saved: in other channels.
DECIDED = generate(31, 600)
LATER = [as_if_alone(record) for record in generate(32, 2_400)]
REPORTS = [*DECIDED, *LATER]
REQUESTS = generate_requests(31, 80)

# Each transaction takes a while, so records wait for the other worker at any moment.
SLOW_CYCLES = changed_worker(HAVE_SMALL_CYCLES.replace("sleep(0.1)", "sleep(1.0)"))


@pytest.fixture
def other(tmp_path):
    """The address of a second cluster."""
    with throwaway_broker(tmp_path / "other") as broker:
        yield broker.bootstrap


def tocsin(deployment, *arguments):
    return CliRunner().invoke(commands, list(map(str, arguments)), env=deployment.settings)


def save_on_the_way(deployment, file, records):
    """Save while records are on their way between two workers; gives those that were not published."""
    for attempt, begin in enumerate(range(0, len(records), 1_000)):
        deployment.publish(records[begin : begin + 1_000], LIBRDKAFKA_DEFAULT)
        path = file.with_name(f"{file.name}-{attempt}")
        done(tocsin(deployment, "state", "save", path))
        found = contents(path)
        if found.waiting.total() and found.unread:
            return path, found, records[begin + 1_000 :]
    raise AssertionError("nothing was ever on its way")


class Contents(NamedTuple):
    """Of a file: how many records wait by stage, how many reports were not read, and the ids of applied ones by
    home of the channel.
    """

    waiting: Counter
    unread: int
    applied: list[set[int]]


def contents(file):
    _, stages = read_file(file)
    waiting, unread = Counter(), 0
    for stage, sections in stages.items():
        for section, entries in sections:
            waiting[stage] += sum(waiting_record(row) is not None for row in entries.items())
            unread += sum(section.unread.get(topic, 0) for topic in (SOURCE, VERIFIED))
    applied = []
    for _, entries in stages["reports"]:
        slots = {
            int.from_bytes(key[1:], "big"): value
            for key, value in entries.items()
            if key[:1] == DUPLICATES_SLOT
        }
        applied.append({hashed for slot in read_slots(slots, 0) for hashed in slot.hashes})
    return Contents(waiting, unread, applied)


def check_reports(new, reader, applied):
    """Each report is in the state that was restored, or is applied on the other cluster, once."""
    facts = {record.facts.report_id: record.facts for record in REPORTS if record.facts}
    found = Counter(orjson.loads(row.value)["report"]["report_id"] for row in reader.all(new.name(ENRICHED)))
    assert found.keys() <= facts.keys()
    for report_id, fact in facts.items():
        home = home_partition(fact.channel.encode(), new.partitions)
        before = event_hash("", report_id, fact.channel) in applied[home]
        assert before + found[report_id] == 1, report_id


def last_of_each(deployment, reader, topic):
    """How each episode, clock or request stands. Which report opens an episode depends on which one of several
    workers is the faster, and so does its id.
    """
    last = {}
    for row in reader.all(deployment.name(topic)):
        event = orjson.loads(row.value)
        if topic == ROUTING:
            clocks = [(clock["obligation"], clock["status"]) for clock in event["clocks"]]
            last[event["request_id"]] = event["decision"], clocks
        elif event["policy"] == LEGAL_CLOCK:
            last[event["escalation_id"]] = event["level"], event["reason"]
        else:
            last[event["policy"], event["channel_ref"]] = event["level"]
    return last


def counted(deployment, reader):
    """What the counters of the day add up to. Which report raised an episode may differ, as its id may."""
    cells = Counter()
    for partition in range(deployment.partitions):
        for key, value in reader.latest(deployment.name(COUNTERS), partition).items():
            counter = orjson.loads(value)
            for kind in ("reports", "requests", "items"):
                for cell in counter.get(kind, ()):
                    what = {name: value for name, value in cell.items() if name not in ("count", "escalated")}
                    cells[key, kind, str(what)] += cell["count"]
    return cells


def check_same(old, before, new, after):
    """What the other cluster wrote ends as on the old one, where the workers went on without a break."""
    for topic in (ESCALATIONS, SHADOW, ROUTING):
        here, there = (last_of_each(*each, topic) for each in ((old, before), (new, after)))
        assert there, topic
        assert there == {key: here[key] for key in there}, topic
    assert counted(new, after) == counted(old, before)
    last = [
        {
            (event["report"]["channel"]["ref"], event["report"]["category"]): event["channel_windows"]
            for event in (orjson.loads(row.value) for row in reader.all(each.name(ENRICHED)))
        }
        for each, reader in ((old, before), (new, after))
    ]
    assert {place: last[0][place] for place in last[1]} == last[1]


def deploy_again(deployment, folder):
    """The same topics seen again: the state topics were created again."""
    folder.mkdir()
    return Deployment(deployment.bootstrap, deployment.prefix, folder, partitions=deployment.partitions)


@pytest.fixture
def mirror():
    """Makes the mirrors of a test."""
    made = []

    def new(source, target):
        made.append(Mirror(source, target))
        return made[-1]

    yield new
    for each in made:
        each.close()


@pytest.mark.nightly
def test_saved_state_goes_on_on_another_cluster(deploy, other, mirror, tmp_path, monkeypatch):
    old, new = deploy(partitions=2), deploy(bootstrap=other, partitions=2)
    # Ten minutes are longer than the test.
    monkeypatch.setattr(by_time, "OVERLAP_MS", 1_000)
    mirrored = mirror(old, new)
    moderators = Moderators(old, 31, DECIDED)
    # The mirror began before anything that must be read again.
    old.publish(DECIDED[:50])
    mirrored.catch_up()
    time.sleep(2.5)
    old.publish(DECIDED[50:])
    old.publish_requests(REQUESTS[:40])
    moderators.go_on()
    for _ in range(2):
        old.fleet.start(SLOW_CYCLES)
    old.wait_until_applied()
    mirrored.catch_up()

    old.publish_requests(REQUESTS[40:60], LIBRDKAFKA_DEFAULT)
    file, saved, rest = save_on_the_way(old, tmp_path / "state", LATER)
    old.publish(rest)
    old.publish_requests(REQUESTS[60:])
    moderators.go_on()

    refused(tocsin(new, "state", "restore", file), "the log holds")
    # Everything else is mirrored only now.
    mirrored.catch_up()
    shown = done(tocsin(new, "state", "restore", file, "--by-time"))
    assert "nothing was written" in shown and "read from" in shown
    # Not from the beginning, and not from where the old log would have it.
    begun = [
        [int(number.replace(",", "")) for number in line.split()[-2:]]
        for line in shown.splitlines()
        if line.startswith((SOURCE, VERIFIED))
    ]
    assert all(offset > 0 for offset, _ in begun), shown
    done(tocsin(new, "state", "restore", file, "--by-time", "--yes"))
    done(tocsin(new, "state", "check"))
    new.fleet.start()
    new.wait_until_applied()
    old.wait_until_applied()

    before, after = old.outputs(), new.outputs()
    check_reports(new, after, saved.applied)
    # Some reports were read that had been applied.
    assert sum(to_read for _, to_read in begun) > saved.unread + len(rest)
    check_same(old, before, new, after)
    assert check_reporters(moderators, old, before) > 20
    check_reporters(moderators, new, after)

    # On the old cluster too, what workers passed on after the save does not come a second time.
    for worker in old.fleet.running:
        worker.terminate()
    old.fleet.tend()
    # Who is stopped in the middle of a rebalance stays in the group until its session is over.
    old.fleet.wait_for(
        lambda: tocsin(old, "state", "reset", "--yes").exit_code == 0, 30, "no worker is in the group"
    )
    done(tocsin(old, "state", "restore", file, "--yes"))
    again = deploy_again(old, tmp_path / "again")
    try:
        again.fleet.start()
        again.wait_until_applied()
        restored = again.outputs()
    finally:
        again.end()
    check_reporters(moderators, again, restored)
    check_same(old, before, again, restored)
