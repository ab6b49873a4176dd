import json
import logging
import re
import sys
import warnings

import pytest
import structlog
from aiokafka.errors import InconsistentGroupProtocolError, InvalidSessionTimeoutError

from streams.running.operations import logs
from streams.running.operations.logs import OncePerWhile, WithoutTraceback, configure_logs, is_no_chatter


def record(name, message, *args, error=None, level=logging.ERROR):
    exc_info = (type(error), error, None) if error else None
    made = logging.LogRecord(name, level, __file__, 1, message, args, exc_info)
    made.created = 1_800_000_000.0
    return made


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    return now


def test_a_kind_of_message_passes_once_per_interval_and_counts_the_rest(clock):
    once = OncePerWhile()
    passed = [once.filter(record("aiokafka.conn", "connect to %s failed", n)) for n in range(100)]
    assert passed == [True] + [False] * 99
    clock[0] += logs.REPEAT_SECONDS
    again = record("aiokafka.conn", "connect to %s failed", 100)
    assert once.filter(again)
    assert again.getMessage() == "connect to 100 failed (and 99 more of this kind since 08:00:00 UTC)"
    clock[0] += logs.REPEAT_SECONDS
    alone = record("aiokafka.conn", "connect to %s failed", 101)
    assert once.filter(alone)
    assert alone.getMessage() == "connect to 101 failed"


def test_different_kinds_of_messages_do_not_suppress_each_other(clock):
    once = OncePerWhile()
    assert once.filter(record("aiokafka", "one"))
    assert once.filter(record("aiokafka", "two"))


def test_messages_of_tocsin_itself_always_pass(clock):
    once = OncePerWhile()
    assert all(once.filter(record("streams.running", "took over")) for _ in range(5))


def test_only_explained_errors_lose_their_traceback():
    explained = record("mode", "Crashed", error=KeyError("x"))
    other = record("mode", "Crashed", error=ValueError("x"))
    without = WithoutTraceback(KeyError)
    assert without.filter(explained)
    assert without.filter(other)
    assert explained.exc_info is None
    assert other.exc_info is not None


def test_service_steps_are_dropped_and_service_errors_are_kept():
    assert not is_no_chatter(
        record("streams.running.app.stage_app", "[^-StageApp]: Starting...", level=logging.INFO)
    )
    assert is_no_chatter(
        record("streams.running.app.stage_app", "[^-StageApp]: Crashed", level=logging.ERROR)
    )
    assert is_no_chatter(record("streams.running.app.stage_app", "took over", level=logging.INFO))


def test_a_session_that_the_brokers_do_not_allow_is_told_by_the_worker_alone():
    template = "Attempt to join group failed due to fatal error: %s"
    assert not is_no_chatter(record("aiokafka", template, InvalidSessionTimeoutError()))
    assert is_no_chatter(record("aiokafka", template, InconsistentGroupProtocolError()))


@pytest.fixture
def written(capsys, kept_logs):
    """Returns what is written to standard error."""
    return lambda: capsys.readouterr().err


def fails_with_a_report():
    reporter = "person-7"
    raise ValueError("no such thing") from KeyError(len(reporter))


def log_everything():
    structlog.get_logger("streams.a").info("owns partitions %s", [1, 2], generation=3)
    logging.getLogger("aiokafka.conn").warning("connect to %s failed", "b:9092")
    logging.getLogger("faust.worker").info("Starting")
    try:
        fails_with_a_report()
    except ValueError as error:
        error.add_note("while applying report r-1: t partition 3 offset 17")
        logging.getLogger("streams.b").exception("Crashed reason=%r", error)
    structlog.get_logger("streams.c").critical("no progress", stack="Thread x:\n  File y")
    structlog.get_logger("streams.d").debug("hidden")


def test_json_is_one_object_per_line_for_every_logger(written):
    configure_logs("INFO", "json")
    log_everything()
    lines = [json.loads(line) for line in written().splitlines()]
    assert [line["event"] for line in lines] == [
        "owns partitions [1, 2]",
        "connect to b:9092 failed",
        "Crashed reason=ValueError('no such thing')",
        "no progress",
    ]
    assert all({"timestamp", "level", "logger", "event"} <= line.keys() for line in lines)
    assert lines[0]["generation"] == 3
    assert lines[1]["logger"] == "aiokafka.conn"
    assert "fails_with_a_report" in lines[2]["exception"]
    assert "while applying report r-1: t partition 3 offset 17" in lines[2]["exception"]
    assert lines[3]["stack"] == "Thread x:\n  File y"


def test_the_console_format_is_readable(written):
    configure_logs("INFO", "console")
    log_everything()
    text = written()
    assert "owns partitions [1, 2]" in text
    assert "generation=3" in text
    assert "\x1b[" not in text, "only a terminal gets colours"
    assert "Traceback (most recent call last)" in text
    assert "\nThread x:\n  File y\n" in text
    assert "hidden" not in text


@pytest.mark.parametrize(("on_terminal", "log_format"), [(True, "console"), (False, "json")])
def test_people_get_the_console_format_and_everything_else_json(
    capsys, kept_logs, monkeypatch, on_terminal, log_format
):
    def lines(wanted):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: on_terminal)
        configure_logs("INFO", wanted)
        structlog.get_logger("streams.a").info("owns partitions", partitions=[1, 2])
        # The times differ.
        return re.sub(r"20\d\d-\S+?Z", "", capsys.readouterr().err)

    assert lines("auto") == lines(log_format)
    other = {"console", "json"} - {log_format}
    assert lines("auto") != lines(other.pop())


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_values_of_variables(written, log_format):
    configure_logs("INFO", log_format)
    log_everything()
    assert "person-7" not in written().replace('reporter = "person-7"', "")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_explained_error_has_no_traceback(written, log_format):
    configure_logs("INFO", log_format, ValueError)
    log_everything()
    text = written()
    assert "no such thing" in text
    assert "Traceback" not in text


def test_python_warnings_are_logged(written):
    configure_logs("INFO", "json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (line,) = [json.loads(line) for line in written().splitlines()]
    assert line["logger"] == "py.warnings"


def test_the_debug_level_shows_debug_messages(written):
    configure_logs("DEBUG", "json")
    structlog.get_logger("streams.d").debug("shown")
    assert '"event":"shown"' in written()
