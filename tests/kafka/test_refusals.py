"""What makes a worker refuse to start or continue, and that its message tells the operator what to do."""

import asyncio
import dataclasses
from contextlib import ExitStack

import pytest
from aiokafka import TopicPartition

from streams.contract.wire.partitioner import home_partition
from streams.deciding.partition.hash_key import HashKeys, hash_key
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import CHANNEL_EPISODES, ReportState
from streams.running.errors import RefusedToStart
from streams.running.log.connection import Connection
from streams.running.log.position import POSITION_KEY, SourcePosition, encode_position
from streams.running.log.restore import read_state
from tests.kafka.harness.admin import Operator
from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.deployment import ESCALATIONS, INTERNAL, SOURCE, STATE, Deployment
from tests.kafka.harness.group import move_offsets
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate
from tests.unit.traffic import SHIPPED, START, compiled, policy, report, run

REPORTS = [(b"key", b"not read in these tests")] * 20


class Case:
    """A deployment on which no worker has run yet, and the faults that can be put into it."""

    def __init__(self, deployment, folder):
        self.deployment = deployment
        self.name = deployment.name
        self.settings = deployment.fleet.settings
        self.folder = folder
        self.operator = Operator(deployment.bootstrap)

    def position(self, next_offset, partitions=4, append_time=None):
        """Write the state of a worker that has applied partition 0 of the source up to `next_offset`."""
        position = {self.name(SOURCE): SourcePosition(next_offset, partitions, append_time)}
        self.operator.write(self.name(STATE), 0, [(POSITION_KEY, encode_position(position))])

    def reports(self):
        self.operator.write(self.name(SOURCE), 0, REPORTS)

    def policies(self, text):
        path = self.folder / "policies.yaml"
        path.write_text(text)
        self.settings["TOCSIN_POLICIES_FILE"] = str(path)


def missing_topic(case):
    case.operator.delete(case.name(ESCALATIONS))


def wrong_setting(case):
    case.operator.set(case.name(SOURCE), "message.timestamp.type", "CreateTime")


def partitions_of_one_topic(case):
    case.operator.set_partitions(case.name(SOURCE), 5)


def partitions_of_all_topics(case):
    case.position(0)
    for topic, declared in load_catalogue().items():
        if declared.partitions == "source":
            case.operator.set_partitions(case.name(topic), 5)


def recreated(case):
    case.reports()
    case.position(21)


def retention(case):
    case.reports()
    case.position(10)
    case.operator.delete_records(case.name(SOURCE), 0, 15)


def recreated_and_longer(case):
    case.reports()
    case.position(10, append_time=1)


def state_version(case):
    case.operator.write(case.name(STATE), 1, [(b"Cchannel-1", b"\x09")])


def counts_version(case):
    case.operator.write(case.name(STATE), 1, [(b"Nchannel-1", b"\x09"), (b"?", b"\x01")])


def position_version(case):
    case.operator.write(case.name(STATE), 2, [(POSITION_KEY, b"\x09{}")])


def no_policies_file(case):
    case.settings["TOCSIN_POLICIES_FILE"] = "/no/such/policies.yaml"


def indivisible_window(case):
    case.policies(
        "policies:\n"
        "  - {id: p, mode: live, categories: [spam], window: PT7M, clear_below: 0.6, min_clear: PT1H, "
        "cooldown: PT1H, reason: r, levels: [{level: 1, name: n, when: {reports: 1}}]}\n"
    )


def unknown_setting(case):
    case.settings["TOCSIN_DEAD_LETER_BREAKER"] = "off"


def wrong_value(case):
    case.settings["TOCSIN_DUPLICATES_MOST"] = "1500"


def no_hash_key(case):
    del case.settings["TOCSIN_HASH_KEY"]


def other_hash_key(case):
    keys = compiled(hash_keys=HashKeys(hash_key(bytes(range(32)))))
    channel = next(name for name in map("c{}".format, range(100)) if home_partition(name.encode(), 4) == 1)
    changes = run(ReportState(1, 4, keys), keys, [report(1, START, channel=channel)]).changes
    case.operator.write(case.name(STATE), 1, list(changes.items()))


def category_gone(case):
    own = dataclasses.replace(SHIPPED.categories["spam"], category="x_gone", code=128)
    rules = compile_report_rules(
        dataclasses.replace(
            SHIPPED,
            categories={**SHIPPED.categories, "x_gone": own},
            policies=(policy(categories=("x_gone",)),),
        )
    )
    channel = next(name for name in map("c{}".format, range(100)) if home_partition(name.encode(), 4) == 1)
    records = [report(number, START, channel=channel, category="x_gone") for number in range(3)]
    changes = run(ReportState(1, 4, rules), rules, records).changes
    # Without the counts, which another key has hashed.
    kept = [(key, value) for key, value in changes.items() if key[:1] == CHANNEL_EPISODES]
    case.operator.write(case.name(STATE), 1, kept)


def no_broker(case):
    case.settings["TOCSIN_KAFKA_BOOTSTRAP"] = "127.0.0.1:1"


# The fault, the exit code, and the parts of the message: what is wrong and what to do.
CASES = {
    missing_topic: (1, ["escalations: is missing", "tocsin topics create"]),
    wrong_setting: (
        1,
        ["message.timestamp.type is CreateTime, it should be LogAppendTime", "kafka-configs.sh --alter"],
    ),
    partitions_of_one_topic: (
        1,
        ["channel-state: has 4 partitions, message-reports has 5.", "Both must have the same number"],
    ),
    partitions_of_all_topics: (
        1,
        ["had 4 partitions when its state was written and has 5 now", "tocsin state repartition"],
    ),
    recreated: (
        1,
        ["the next report to apply is at offset 21, but the log holds 0 to 20", "deleted and recreated"],
    ),
    retention: (
        1,
        [
            "at offset 10, but the log holds 15 to 20",
            "Reports were deleted before they were applied (retention)",
        ],
    ),
    recreated_and_longer: (
        1,
        ["offset 9 does not hold the record that was applied", "When the position does not fit"],
    ),
    state_version: (1, ["has version 09", "Run the version that wrote it"]),
    counts_version: (1, ["version", "Run the version that wrote it"]),
    position_version: (1, ["position has version 9, this worker reads 1", "Run the version that wrote it"]),
    no_policies_file: (2, ["TOCSIN_POLICIES_FILE=/no/such/policies.yaml points to it", "No such file"]),
    indivisible_window: (2, ["policies.yaml:2: policies[0].window: must be a multiple of PT5M"]),
    unknown_setting: (
        2,
        ["TOCSIN_DEAD_LETER_BREAKER: there is no such setting", "TOCSIN_DEAD_LETTER_BREAKER"],
    ),
    wrong_value: (2, ["TOCSIN_DUPLICATES_MOST", "greater than or equal to 10000"]),
    no_hash_key: (2, ["TOCSIN_HASH_KEY is missing", "openssl rand -hex 32"]),
    other_hash_key: (
        1,
        [
            "channel-state partition 1: reporters in the counts are hashed with a key that is not given",
            hash_key(bytes(range(32))).id,
            "Set TOCSIN_HASH_KEY_PREVIOUS",
        ],
    ),
    category_gone: (
        1,
        [
            "channel-state partition 1: open escalations and clocks need categories that are gone: x_gone (1)",
            "Put their entries back into the file of categories (TOCSIN_CATEGORIES_FILE)",
        ],
    ),
    no_broker: (1, ["no Kafka broker answers at 127.0.0.1:1", "TOCSIN_KAFKA_BOOTSTRAP"]),
}


@pytest.fixture(scope="module")
def outcomes(kafka, tmp_path_factory):
    """Exit code and log of a worker for every case. All run at the same time because they mostly wait."""
    with ExitStack() as stack:
        workers = {}
        for break_it in CASES:
            folder = tmp_path_factory.mktemp(break_it.__name__)
            deployment = Deployment(kafka, f"{folder.name}-{folder.stat().st_ino}.", folder)
            stack.callback(deployment.end)
            break_it(Case(deployment, folder))
            workers[break_it] = deployment.fleet.start()
        yield {break_it: (worker.wait(60), worker.text) for break_it, worker in workers.items()}


@pytest.mark.parametrize("break_it", CASES, ids=lambda break_it: break_it.__name__)
def test_the_worker_refuses_and_says_what_to_do(outcomes, break_it):
    wanted_code, wanted = CASES[break_it]
    code, text = outcomes[break_it]
    assert code == wanted_code, text
    missing = [part for part in wanted if part not in text]
    assert not missing, f"{missing} not in:\n{text}"
    assert "Traceback" not in text


def test_an_added_partition_is_refused_by_an_owner_of_no_other_partition(deploy):
    deployment = deploy()
    case = Case(deployment, None)
    position = encode_position({case.name(SOURCE): SourcePosition(0, 4, None)})
    # Many records follow the position, so it is far from the end of the log.
    case.operator.write(case.name(STATE), 2, [(POSITION_KEY, position), *[(b"other", b"")] * 200])
    sources = [case.name(SOURCE), case.name(INTERNAL)]
    for topic in (case.name(STATE), *sources):
        case.operator.set_partitions(topic, 5)
    with pytest.raises(RefusedToStart, match="had 4 partitions when its state was written and has 5 now"):
        asyncio.run(
            read_state(Connection(deployment.bootstrap), TopicPartition(case.name(STATE), 4), sources, 5)
        )


def test_committed_offsets_of_the_group_are_ignored(deploy):
    deployment = deploy()
    reports = generate(12, 4_000)
    deployment.publish(reports[:2_000])
    first = deployment.fleet.start()
    deployment.wait_until_applied(30)
    first.terminate()
    deployment.publish(reports[2_000:])
    # Two partitions move forward past everything that is not applied yet, two go back to the start.
    ends = {row.partition: row.offset + 1 for row in deployment.outputs().all(deployment.name(SOURCE))}
    move_offsets(
        deployment.bootstrap, deployment.group, deployment.name(SOURCE), {0: ends[0], 1: ends[1], 2: 0, 3: 0}
    )
    deployment.fleet.tend()
    deployment.fleet.start()
    deployment.wait_until_applied(30)
    check_outputs(deployment, deployment.outputs())


def test_a_running_worker_stops_when_its_topic_is_recreated(deploy):
    deployment = deploy()
    operator = Operator(deployment.bootstrap)
    deployment.publish(generate(13, 2_000))
    worker = deployment.fleet.start()
    deployment.wait_until_applied(30)
    operator.delete(deployment.name(SOURCE))
    deployment.create_topics()
    # These offsets are below the old position: a worker that took them for applied would lose the reports
    # silently.
    deployment.publisher().publish(generate(14, 400))
    assert worker.wait(30) == 1
    deployment.fleet.tend()
    (again,) = deployment.fleet.running
    assert again.wait(30) == 1
    assert "deleted and recreated" in again.text
