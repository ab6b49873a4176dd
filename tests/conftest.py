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
