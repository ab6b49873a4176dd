import logging

import pytest

from streams.operations import logs
from streams.operations.logs import OncePerWhile, WithoutTraceback


def record(name, message, *args, error=None):
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, exc_info)


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    return now


def test_a_kind_passes_once_per_while_and_counts_the_rest(clock):
    once = OncePerWhile()
    passed = [once.filter(record("aiokafka.conn", "connect to %s failed", n)) for n in range(100)]
    assert passed == [True] + [False] * 99
    clock[0] += logs.REPEAT_SECONDS
    again = record("aiokafka.conn", "connect to %s failed", 100)
    assert once.filter(again)
    assert again.getMessage() == "connect to 100 failed (and 99 more of this kind)"


def test_kinds_do_not_hide_each_other(clock):
    once = OncePerWhile()
    assert once.filter(record("aiokafka", "one"))
    assert once.filter(record("aiokafka", "two"))


def test_our_own_lines_always_pass(clock):
    once = OncePerWhile()
    assert all(once.filter(record("streams.runtime", "took over")) for _ in range(5))


def test_explained_errors_lose_their_traceback_only():
    explained = record("mode", "Crashed", error=KeyError("x"))
    other = record("mode", "Crashed", error=ValueError("x"))
    without = WithoutTraceback(KeyError)
    assert without.filter(explained)
    assert without.filter(other)
    assert explained.exc_info is None
    assert other.exc_info is not None
