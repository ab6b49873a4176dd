"""The long drills: `make drills`. Each fault comes to a deployment that works, under load, with the shipped
rules.
"""

import re
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from streams.running.topics.topic_catalogue import load_catalogue
from tests.drills.harness import drill
from tests.drills.harness.drill import Result
from tests.drills.harness.monitoring import needs_monitoring
from tests.drills.harness.site import Site
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.clocks import broker_with_clock
from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.deployment import ENRICHED, SOURCE, VERIFIED
from tests.kafka.harness.law import HOUR
from tests.kafka.harness.reports import Published, now_ms, report, rfc3339, spam_report
from tests.kafka.harness.workers import changed_worker
from tests.runbook_lines import diagnosis, mitigation

pytestmark = [needs_monitoring, pytest.mark.drill, pytest.mark.timeout(1800)]

# A worker that needs 25 ms of its one core for a record, instead of some 50 microseconds.
SLOW = """
import asyncio
from streams.deciding.partition.stage import Stage
from streams.running.partitions import prepared

_all, _apply, _core = Stage.apply_in_slices, prepared._apply_in_slices, asyncio.Lock()

def _few(self, state, records, **until):
    return _all(self, state, records[:50], **until)

async def _slowly(slices, outputs):
    async with _core:
        applied = await _apply(slices, outputs)
        await asyncio.sleep(0.025 * applied[0].finished_records)
    return applied

Stage.apply_in_slices = _few
prepared._apply_in_slices = _slowly
"""

# A worker that may take as much memory as a file says. With 4 MiB its state has a budget of 2 MiB.
LITTLE_MEMORY = """
from pathlib import Path
from streams.running.operations import worker_operations

worker_operations.memory_limit = lambda: int(Path({file!r}).read_text())
"""

# Of a deployment in these drills.
PARTITIONS = 4

# In scaled time as long as most alerts wait.
ONE_BROKER_SECONDS = 30

BAD_POLICIES = """
policies:
  - id: spam
    levels: [{count: many}]
"""


@pytest.fixture
def scale_of_restarts(scale: float) -> float:
    """Workers that end are back after some ten seconds, more on a busy machine: that must not be two minutes."""
    return min(scale, 5)


@pytest.fixture
def measure(results: list[Result]) -> Callable[..., None]:
    """Runs a drill on a site and notes its result."""

    def run(site: Site, *arguments: Any, **options: Any) -> None:
        results.append(drill.run(site, *arguments, **options))

    return run


def settled(site: Site) -> None:
    """Everything that honest publishers sent is applied, and every worker is ready: the incident is over."""
    site.stop_traffic()
    site.wait_for(site.all_ready, 60, "every worker is ready")
    site.wait_for(site.deployment.everything_applied, 120, "everything is applied")


def test_the_only_broker_is_down(prefix: str, tmp_path: Path, scale_of_restarts: float, measure: Any) -> None:
    with throwaway_broker(tmp_path / "kafka") as broker:
        start = {"kafka": broker.start}
        with Site(tmp_path, broker.bootstrap, prefix, scale=scale_of_restarts, brokers=start) as site:
            alert = "TocsinNoneReady"
            measure(
                site,
                "the only broker is down",
                alert,
                strike=broker.kill,
                mitigate=lambda: site.shell.run(mitigation(alert, "systemctl start kafka"), machine="kafka"),
                # A worker is not ready after seven seconds of silence.
                fires_within=30,
                clears_within=60,
            )
            settled(site)


def test_replicas_in_sync_are_lost(
    prefix: str, tmp_path: Path, scale_of_restarts: float, measure: Any
) -> None:
    with KafkaCluster(tmp_path / "kafka") as cluster:
        start = {f"kafka-{number}": partial(cluster.start, number) for number in (1, 2, 3)}
        with Site(
            tmp_path,
            cluster.bootstrap,
            prefix,
            scale=scale_of_restarts,
            brokers=start,
            settings=cluster.settings,
            rate=200,
        ) as site:
            alert = "TocsinNoneReady"

            # The loss of one broker is none of Tocsin's incidents: everything goes on.
            cluster.kill(1)
            before = site.deployment.applied()
            time.sleep(ONE_BROKER_SECONDS)
            assert site.deployment.applied() > before
            assert site.monitoring.pager.called["page"] == []

            def bring_back() -> None:
                for number in (1, 2):
                    site.shell.run(mitigation(alert, "systemctl start kafka"), machine=f"kafka-{number}")

            measure(
                site,
                "two of three brokers are down: too few in sync",
                alert,
                strike=lambda: cluster.kill(2),
                mitigate=bring_back,
                fires_within=60,
                clears_within=120,
            )
            settled(site)


def test_one_partition_has_no_leader(
    prefix: str, tmp_path: Path, scale_of_restarts: float, measure: Any
) -> None:
    with KafkaCluster(tmp_path / "kafka", brokers=2, replicas=1) as cluster:
        cluster.place(load_catalogue(), prefix, PARTITIONS, (ENRICHED, 3))
        start = {"kafka-2": partial(cluster.start, 2)}
        with Site(tmp_path, cluster.bootstrap, prefix, scale=scale_of_restarts, brokers=start) as site:
            alert = "TocsinDestinationInTrouble"
            measure(
                site,
                "one partition of a topic for subscribers has no leader",
                alert,
                strike=lambda: cluster.kill(2),
                mitigate=lambda: site.shell.run(
                    mitigation(alert, "systemctl start kafka"), machine="kafka-2"
                ),
                fires_within=60,
                clears_within=120,
            )
            settled(site)
            assert all(worker.starts == 1 for worker in site.workers)


def test_a_flood_of_poison(kafka: str, prefix: str, tmp_path: Path, scale: float, measure: Any) -> None:
    with Site(tmp_path, kafka, prefix, scale=scale) as site:
        alert = "TocsinSourceResting"
        topic = site.deployment.name(SOURCE)

        def flood() -> None:
            producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
            for number in range(30_000):
                producer.produce(topic, f"no report {number}", partition=0)
                producer.poll(0)
            assert producer.flush(60) == 0

        def skip() -> None:
            shown = site.shell.run(diagnosis(alert, "tocsin source show"))
            (end,) = re.findall(rf"reports +{SOURCE} +0 +\d+ +(\d+)", shown)
            line = mitigation(alert, "tocsin source skip")
            site.shell.run(line, TOPIC=SOURCE, PARTITION=0, OFFSET=end)

        measure(
            site,
            "a flood of records that cannot be read",
            alert,
            strike=flood,
            mitigate=skip,
            fires_within=60,
            clears_within=90,
        )
        settled(site)


def new_channels(numbers: range) -> list[Published]:
    """Reports each of which brings a channel and a reporter of its own."""
    return [spam_report(number, f"new-{number}", now_ms()) for number in numbers]


def without_room(site: Site) -> list[str]:
    """The partitions that take nothing new."""
    name = "tocsin_partition_without_room{"
    texts = [
        urllib.request.urlopen(f"http://{worker.address}/metrics", timeout=10).read().decode()
        for worker in site.workers
    ]
    return [line for text in texts for line in text.splitlines() if line.startswith(name)]


def test_a_publisher_that_invents_channels(
    kafka: str, prefix: str, tmp_path: Path, scale: float, measure: Any
) -> None:
    with Site(
        tmp_path, kafka, prefix, scale=scale, settings={"TOCSIN_NEW_CHANNELS_PER_HOUR": "1000"}
    ) as site:
        alert = "TocsinNewcomersRefused"

        def look() -> None:
            # That the flood has ended is all that must be done.
            shown = site.shell.run(diagnosis(alert, "tocsin dead-letters list"))
            assert "too_many_new" in shown

        measure(
            site,
            "a publisher invents a channel for each report",
            alert,
            strike=lambda: site.deployment.publisher().publish(new_channels(range(10**6, 10**6 + 8_000))),
            mitigate=look,
            fires_within=60,
            clears_within=60,
        )
        settled(site)


def test_state_reaches_its_budget(
    kafka: str, prefix: str, tmp_path: Path, scale: float, measure: Any
) -> None:
    file = tmp_path / "memory"
    file.write_text(str(4 * 1024**2))
    command = changed_worker(LITTLE_MEMORY.format(file=str(file)))
    # The only worker is away for some seconds, which must not be a minute in scaled time.
    with Site(tmp_path, kafka, prefix, scale=min(scale, 3), workers=1, command=command) as site:
        alert = "TocsinNewcomersRefused"

        def give_memory() -> None:
            file.write_text(str(4 * 1024**3))
            site.shell.run(mitigation(alert, "systemctl restart"), INSTANCE=1)
            site.wait_for(site.all_ready, 60, "the worker is ready again")
            site.wait_for(lambda: not without_room(site), 60, "every partition has room again")
            shown = site.shell.run(mitigation(alert, "tocsin dead-letters redrive"))
            assert int(shown.split()[0]) > 0

        measure(
            site,
            "state reaches its budget of memory",
            alert,
            strike=lambda: site.deployment.publisher().publish(new_channels(range(10**6, 10**6 + 4_000))),
            mitigate=give_memory,
            fires_within=90,
            clears_within=240,
        )
        settled(site)


def test_a_slow_consumer(kafka: str, prefix: str, tmp_path: Path, scale: float, measure: Any) -> None:
    with Site(
        tmp_path, kafka, prefix, scale=scale, workers=1, spare=3, rate=10, command=changed_worker(SLOW)
    ) as site:
        alert = "TocsinFreshnessBurnsFast"

        def add_workers() -> None:
            for number in (2, 3, 4):
                site.shell.run(mitigation(alert, "systemctl start"), INSTANCE=number)

        measure(
            site,
            "a worker is too slow for its load",
            alert,
            strike=lambda: site.set_rate(100),
            mitigate=add_workers,
            fires_within=120,
            clears_within=240,
        )
        site.stop_traffic()
        site.wait_for(site.deployment.everything_applied, 240, "everything is applied")


def test_a_wrong_rules_file(kafka: str, prefix: str, tmp_path: Path, scale: float, measure: Any) -> None:
    with Site(tmp_path, kafka, prefix, scale=scale) as site:
        alert = "TocsinWorkerDown"
        policies = tmp_path / "policies.yaml"
        right = (Path("streams") / "registry" / "policies.yaml").read_text()
        worker = site.workers[0]

        def roll_out() -> None:
            policies.write_text(BAD_POLICIES)
            worker.settings["TOCSIN_POLICIES_FILE"] = str(policies)
            worker.stop()
            worker.start()

        def put_back() -> None:
            with pytest.raises(AssertionError, match=r"policies\.yaml"):
                site.shell.run(mitigation(alert, "tocsin policy check"), FILE=policies)
            policies.write_text(right)
            site.shell.run(mitigation(alert, "tocsin policy check"), FILE=policies)
            site.shell.run(mitigation(alert, "systemctl restart"), INSTANCE=1)

        measure(
            site,
            "a wrong policies file is rolled out",
            alert,
            strike=roll_out,
            mitigate=put_back,
            fires_within=10,
            clears_within=30,
        )
        settled(site)


def test_a_worker_with_other_settings(
    kafka: str, prefix: str, tmp_path: Path, scale_of_restarts: float, measure: Any
) -> None:
    with Site(tmp_path, kafka, prefix, scale=scale_of_restarts) as site:
        alert = "TocsinWorkerKeptOut"
        worker = site.workers[0]
        key = worker.settings["TOCSIN_HASH_KEY"]

        def roll_out() -> None:
            worker.settings["TOCSIN_HASH_KEY"] = bytes(range(32)).hex()
            worker.stop()
            worker.start()

        def put_back() -> None:
            assert "TOCSIN_HASH_KEY (its id): " in worker.text
            site.shell.run(diagnosis(alert, "tocsin config show"))
            worker.settings["TOCSIN_HASH_KEY"] = key
            site.shell.run(mitigation(alert, "systemctl restart"), INSTANCE=1)

        measure(
            site,
            "a worker is started with another hash key",
            alert,
            strike=roll_out,
            mitigate=put_back,
            fires_within=20,
            clears_within=30,
        )
        settled(site)


def victim_request(number: int, received_ms: int) -> Published:
    """A victim's request that was received then; its clock of 48 hours runs from that time."""
    document = report(
        f"v-{number}",
        now_ms(),
        kind="statutory_victim_request",
        received_at=rfc3339(received_ms),
        channel={"ref": f"victims-{number}", "visibility": "public"},
        category="ncii",
        evidence=[{"country": "US", "basis": "victim", "confidence": 1.0}],
        notice={"elements": ["location", "good_faith", "contact", "signature"]},
    )
    return Published(f"victims-{number}".encode(), orjson.dumps(document))


@pytest.mark.parametrize(
    ("alert", "tenths", "listing"),
    [
        ("TocsinClockNearlyDue", 9, "tocsin clocks --status running"),
        ("TocsinClockLapsed", 10, "tocsin clocks --status lapsed"),
    ],
)
def test_a_clock(
    kafka: str,
    prefix: str,
    tmp_path: Path,
    scale: float,
    measure: Any,
    alert: str,
    tenths: int,
    listing: str,
) -> None:
    """A clock that is about to lapse, and one that has lapsed before anybody looked."""
    with Site(tmp_path, kafka, prefix, scale=scale) as site:

        def fulfil() -> None:
            shown = site.shell.run(diagnosis(alert, listing))
            (clock_id,) = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", shown)
            site.shell.run(mitigation(alert, "tocsin clock CLOCK_ID"), CLOCK_ID=clock_id)

        received = now_ms() - 48 * HOUR * tenths // 10
        measure(
            site,
            "a legal clock is about to lapse" if tenths < 10 else "a legal clock has lapsed",
            alert,
            strike=lambda: site.deployment.publisher(topic=VERIFIED).publish([victim_request(1, received)]),
            mitigate=fulfil,
            fires_within=10,
            clears_within=30,
        )
        settled(site)


def test_a_broker_with_a_wrong_clock(prefix: str, tmp_path: Path, scale: float, measure: Any) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0s\n")
    with broker_with_clock(tmp_path / "kafka", clock) as broker:
        alert = "TocsinClocksDisagree"
        with Site(
            tmp_path,
            broker.bootstrap,
            prefix,
            scale=scale,
            correct_clock=lambda: clock.write_text("+0s\n"),
        ) as site:
            measure(
                site,
                "a broker's clock is two minutes ahead",
                alert,
                strike=lambda: clock.write_text("+120s\n"),
                mitigate=lambda: site.shell.run(mitigation(alert, "chronyc makestep")),
                fires_within=20,
                clears_within=60,
            )
            settled(site)
