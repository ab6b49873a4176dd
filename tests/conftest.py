"""Options, signal handling, the order of tests and a real Kafka, for the whole suite."""

import gc
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
import structlog

from tests.kafka.harness import quick_java
from tests.kafka.harness.brokers import shared_broker
from tests.memory_folder import memory_folder
from tests.order import in_order
from tests.parsed_once import read_texts_once
from tests.tools import build_release, locked
from tocsin_demo.local_kafka import java

# Tests keep many objects, few of them in cycles. With Python's own threshold, looking for cycles takes an
# eighth of the processor's time of the unit tests.
gc.set_threshold(100_000, 50, 100)

# On a busy machine an example takes as long as it takes.
hypothesis.settings.register_profile("tocsin", deadline=None)
hypothesis.settings.load_profile("tocsin")

# The check of IRIs, which no schema here has, builds its grammars when jsonschema is imported: 1.2 s of every
# process.
sys.modules["rfc3987_syntax"] = None

# Otherwise rich draws each error that a test logs in frames, with all variables, for up to two seconds.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback

read_texts_once()

# A shell starts background jobs with SIGINT ignored. Child processes inherit that, and a test could not
# interrupt them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    """Add the options that tests/kafka/test_random_faults.py, tests/kafka/test_hostile.py and tests/drills
    explain.
    """
    group = parser.getgroup("tocsin")
    group.addoption(
        "--record-durations", action="store_true", help="write tests/durations.json, which orders files"
    )
    group.addoption(
        "--examples", type=float, default=1, help="this share of the examples of each Hypothesis test"
    )
    group.addoption("--drills", action="store_true", help="run the long incident drills too")
    group.addoption("--scale", type=float, help="divide the times of the alert rules by this in drills")
    group.addoption("--seeds", type=int, default=1, help="number of random fault scenarios to run")
    group.addoption("--first-seed", type=int, default=1, help="seed of the first scenario")
    group.addoption("--seconds", type=float, default=12, help="length of each scenario in seconds")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Write to memory: in the processes that this one starts, too, which have its environment."""
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        stack.enter_context(memory_folder())
        config.add_cleanup(stack.close)


DURATIONS = Path(__file__).with_name("durations.json")


def pytest_collection_modifyitems(config, items):
    """Run the files that take longest first, so that no process has one of them left when the others are
    done, and those that wait beside those that compute. With a share of --examples, Hypothesis tries fewer.
    """
    share = config.getoption("--examples")
    if share < 1:
        for test in {item.obj.__func__ if hasattr(item.obj, "__func__") else item.obj for item in items}:
            if hypothesis.is_hypothesis_test(test):
                # A test that names its number has no other way to get less.
                every = test._hypothesis_internal_use_settings
                fewer = hypothesis.settings(every, max_examples=max(1, int(every.max_examples * share)))
                test._hypothesis_internal_use_settings = fewer
    seconds = json.loads(DURATIONS.read_text())
    place = {
        file: number for number, file in enumerate(in_order({_file(item.nodeid) for item in items}, seconds))
    }
    items.sort(key=lambda item: place[_file(item.nodeid)])


def pytest_collection_finish():
    """Leave what was collected, a million objects, out of each later search for cycles: pytest alone searches
    five times at the end, and Python once more, which is three seconds of every process.
    """
    gc.freeze()


def pytest_runtest_logreport(report):
    """Add up what each file takes."""
    _taken[_file(report.nodeid)] += report.duration


def pytest_sessionfinish(session):
    """Record what the files took, if asked to: in the process that has the reports of all."""
    # Some tests end with nothing left out.
    gc.collect()
    gc.freeze()
    if session.config.getoption("--record-durations") and not hasattr(session.config, "workerinput"):
        known = {
            file: took for file, took in json.loads(DURATIONS.read_text()).items() if Path(file).exists()
        }
        known |= {file: round(took) for file, took in _taken.items() if took >= 1}
        DURATIONS.write_text(
            json.dumps(dict(sorted(known.items(), key=lambda row: -row[1])), indent=1) + "\n"
        )


_taken: Counter[str] = Counter()


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@pytest.fixture(scope="session")
def quick_brokers() -> Iterator[None]:
    """Every broker that a test starts in this process reads its classes from a cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(java, "command", quick_java.command)
        yield


@pytest.fixture(scope="session")
def kafka(quick_brokers: None, shared: Path) -> Iterator[str]:
    """Address of a running broker: TOCSIN_KAFKA_BOOTSTRAP if set, else the one of this session."""
    existing = os.environ.get("TOCSIN_KAFKA_BOOTSTRAP")
    if existing:
        yield existing
        return
    quick_java.make_cache()
    folder = shared / "kafka"
    folder.mkdir(exist_ok=True)
    with shared_broker(folder) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of the session."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def release(shared: Path) -> Path:
    """The folder with what `make dist` builds. All processes of a session share it, so do not change it."""
    folder = shared / "release"
    with locked(shared / "release.lock"):
        if not folder.exists():
            build_release(shared / "release-unfinished")
            (shared / "release-unfinished").rename(folder)
    return folder
