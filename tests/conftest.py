"""Options, signal handling, the order of tests and a real Kafka, for the whole suite."""

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.kafka.harness import quick_java
from tests.kafka.harness.brokers import throwaway_broker
from tests.tools import build_release
from tocsin_demo.local_kafka import java

# On a busy machine an example takes as long as it takes.
hypothesis.settings.register_profile("tocsin", deadline=None)
hypothesis.settings.load_profile("tocsin")

# A shell starts background jobs with SIGINT ignored. Child processes inherit that, and a test could not
# interrupt them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    """Add the options that tests/kafka/test_random_faults.py, tests/drills and tests/native explain."""
    group = parser.getgroup("tocsin")
    group.addoption("--native", action="store_true", help="run the long unit tests on the native core too")
    group.addoption("--drills", action="store_true", help="run the long incident drills too")
    group.addoption("--scale", type=float, help="divide the times of the alert rules by this in drills")
    group.addoption("--seeds", type=int, default=1, help="number of random fault scenarios to run")
    group.addoption("--first-seed", type=int, default=1, help="seed of the first scenario")
    group.addoption("--seconds", type=float, default=30, help="length of each scenario in seconds")


# Kafka test files that take half a minute or more, the longest first. Otherwise, with two processes, one
# could end up idle while the other runs a long file.
LONG_FILES = (
    "test_takeover_steps.py",
    "test_leader_changes.py",
    "test_exactly_once.py",
    "test_hostile.py",
    "test_metrics.py",
    "test_earlier_recordings.py",
    "test_broker_restarts.py",
    "test_refusals.py",
    "test_rebalances.py",
    "test_wrong_clocks.py",
    "test_saved_state.py",
    "test_source_commands.py",
    "test_bounded_memory.py",
    "test_several_brokers.py",
    "test_random_faults.py",
    "test_subscriber_waits.py",
    "test_stalled_worker.py",
    "test_newcomer.py",
    "test_demo.py",
    "test_lost_fetch.py",
    "test_started_together.py",
    "test_rolling_restart.py",
    "test_shutdown.py",
    "test_largest.py",
    "test_local_kafka.py",
    "test_commands_daily.py",
    "test_rights.py",
    "test_partitioners.py",
    "test_zombie.py",
    "test_clocks.py",
    "test_adapter_webhook.py",
)


def pytest_collection_modifyitems(items):
    """Run tests with Kafka first, the longest files at the start, so that short tests fill the gaps at the end."""
    ranks = {name: rank for rank, name in enumerate(LONG_FILES)}

    def rank(item):
        on_kafka = item.path.parent.name in ("kafka", "browser", "drills")
        return ranks.get(item.path.name, len(ranks)) if on_kafka else len(ranks) + 1

    # The sort is stable: the order within a file, and among all other files, stays the same.
    items.sort(key=rank)


@pytest.fixture(scope="session")
def quick_brokers() -> Iterator[None]:
    """Every broker that a test starts in this process reads its classes from a cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(java, "command", quick_java.command)
        yield


@pytest.fixture(scope="session")
def kafka(quick_brokers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running broker: TOCSIN_KAFKA_BOOTSTRAP if set, else one of this session's own."""
    existing = os.environ.get("TOCSIN_KAFKA_BOOTSTRAP")
    if existing:
        yield existing
        return
    quick_java.make_cache()
    with throwaway_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `make dist` builds. All processes of a session share it, so do not change it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "release"
    with (shared / "release.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            build_release(shared / "release-unfinished")
            (shared / "release-unfinished").rename(folder)
    return folder
