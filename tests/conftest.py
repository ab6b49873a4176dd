"""For every test."""

import signal

# A shell ignores Ctrl-C for what it starts in the background, and so would every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    """How long to look for trouble: see tests/kafka/test_random_faults.py."""
    group = parser.getgroup("tocsin")
    group.addoption("--seeds", type=int, default=1, help="stories of random faults to play")
    group.addoption("--first-seed", type=int, default=1, help="the seed of the first")
    group.addoption("--seconds", type=float, default=30, help="how long each lasts")


# Files of tests on Kafka that take half a minute and more, the longest first. Of two processes one would otherwise be left
# with one of them at the end, and the other with nothing to do.
LONG_FILES = (
    "test_exactly_once.py",
    "test_metrics.py",
    "test_broker_restarts.py",
    "test_refusals.py",
    "test_rebalances.py",
    "test_several_brokers.py",
    "test_random_faults.py",
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
    "test_before_the_house.py",
)


def pytest_collection_modifyitems(items):
    """Tests on Kafka first, the longest files before all: what is short evens out the end."""
    ranks = {name: rank for rank, name in enumerate(LONG_FILES)}

    def rank(item):
        on_kafka = item.path.parent.name == "kafka"
        return ranks.get(item.path.name, len(ranks)) if on_kafka else len(ranks) + 1

    # Stable: within a file and among the others nothing changes.
    items.sort(key=rank)
