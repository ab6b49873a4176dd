"""Where a restore by time begins to read, and when it refuses."""

import pytest
from aiokafka import TopicPartition
from click import ClickException

from streams.commands.state.by_time import (
    MIRROR_DELAY_MS,
    OVERLAP_MS,
    NewLogs,
    SavedLog,
    map_rows,
    mapped,
    require_movable,
    saved_logs,
)
from streams.commands.state.save_file import Header, SavedStage, Section
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.deciding.requests.stage import request_stage
from streams.running.log.position import SourcePosition
from streams.running.log.source_logs import LogBounds
from streams.running.worker.settings import Settings
from tests.unit.request_traffic import RULES

NOON = 1_800_000_000_000
SAVED_AT = NOON + 5 * MINUTE
PLACE = TopicPartition("b.message-reports", 0)
STAGES = ("reports", "requests", "reporters")
HEADER = Header(
    2, "1.0", None, tuple(SavedStage(name, f"{name}-state", 3) for name in STAGES), saved_at=SAVED_AT
)


def log_of(times, begin=0):
    """A mirrored log with records of these append times."""
    return begin, times


def positions(
    log, *, since=NOON, unread=5, forgotten=0, other=NOON - DAY, retention=14 * DAY, now=NOON + HOUR
):
    begin, times = log
    saved = SavedLog(PLACE, 77, unread, since)
    elsewhere = TopicPartition("b.verified-reports", 0)
    found = next((begin + n for n, time in enumerate(times) if time >= saved.begin_at), None)
    new = NewLogs(
        LogBounds({PLACE: begin}, {PLACE: begin + len(times)}),
        {PLACE: times[0] if times else None, elsewhere: other},
        {PLACE: found},
    )
    (one,) = mapped([saved], new, {PLACE: retention}, forgotten, now)
    return one.offset, one.to_read


def refused(text, *arguments, **named):
    with pytest.raises(ClickException, match=text):
        positions(*arguments, **named)


EVERY_MINUTE = log_of([NOON + n * MINUTE for n in range(-60, 60)])


def test_reading_begins_before_the_position_by_what_clocks_may_differ():
    assert positions(EVERY_MINUTE) == (60 - OVERLAP_MS // MINUTE, 60 + OVERLAP_MS // MINUTE)


def test_what_was_applied_to_its_end_is_read_from_the_time_of_the_save():
    section = Section("requests", 1, 0, {"authority-requests": SourcePosition(9, 3, NOON - 9 * DAY)}, {})
    settings = Settings(kafka_bootstrap="x:1", topic_prefix="b.", hash_key="ab" * 32)
    (log,) = saved_logs(settings, request_stage(RULES), section, HEADER)
    assert log == SavedLog(TopicPartition("b.authority-requests", 1), 9, 0, SAVED_AT)
    unread = Section("requests", 1, 0, section.position, {"authority-requests": 4})
    (log,) = saved_logs(settings, request_stage(RULES), unread, HEADER)
    assert (log.unread, log.since) == (4, NOON - 9 * DAY)
    (log,) = saved_logs(settings, request_stage(RULES), Section("requests", 1, 0, None, {}), HEADER)
    assert (log.next_offset, log.since) == (None, SAVED_AT)


def test_a_log_without_newer_records_is_read_from_its_end():
    assert positions(log_of([NOON - HOUR])) == (1, 0)
    assert positions(log_of([], begin=12)) == (12, 0)


def test_a_source_of_which_nothing_was_read_begins_at_its_beginning():
    assert positions(EVERY_MINUTE, since=0, other=None, forgotten=NOON) == (0, 120)


def test_a_mirror_that_began_too_late_is_refused():
    late = log_of([NOON + n * MINUTE for n in range(1, 30)])
    refused("5 offsets of it were not applied", late, other=NOON)
    refused("when the mirror has run for 10 minutes", late, unread=0, other=NOON)
    refused("no source topic has a record", log_of([]), other=None)
    # Nobody wrote to this log for a while, but to another one.
    assert positions(late) == (0, 29)


def test_records_that_may_have_been_deleted_are_refused():
    younger = log_of([NOON + MINUTE], begin=40)
    refused("keeps records for 14 days", younger, now=NOON + 15 * DAY)
    refused("keeps records for 14 days", log_of([], begin=40), now=NOON + 15 * DAY)
    assert positions(younger, now=NOON + 13 * DAY) == (40, 1)
    # Something older is still there, or nothing was ever deleted.
    assert positions(log_of([NOON - HOUR, NOON], begin=40), now=NOON + 15 * DAY) == (41, 1)
    assert positions(log_of([NOON]), now=NOON + 15 * DAY) == (0, 1)


def test_what_would_not_be_recognised_is_refused():
    begin_at = NOON - OVERLAP_MS
    refused("ids of what was applied by", EVERY_MINUTE, forgotten=begin_at - MIRROR_DELAY_MS)
    assert positions(EVERY_MINUTE, forgotten=begin_at - MIRROR_DELAY_MS - 1)[0] == 50
    # Nothing is read again.
    assert positions(log_of([NOON - HOUR]), forgotten=NOON) == (1, 0)


def test_a_file_must_have_what_is_on_its_way():
    require_movable(HEADER, STAGES, "file")
    for header, text in (
        (Header(1, "0.2.0", None, HEADER.stages), "saved by version 0.2.0"),
        (Header(2, "1.0", None, HEADER.stages, moved_from=3), "another number of partitions"),
        (Header(2, "1.0", None, HEADER.stages[:2], saved_at=NOON), "does not have the stage reporters"),
    ):
        with pytest.raises(ClickException, match=text):
            require_movable(header, STAGES, "file")


def test_the_map_is_for_people():
    saved = SavedLog(PLACE, 1_077, 5, NOON + OVERLAP_MS)
    new = NewLogs(LogBounds({PLACE: 0}, {PLACE: 9}), {PLACE: NOON - HOUR}, {PLACE: 4})
    rows = map_rows(mapped([saved], new, {PLACE: -1}, 0, NOON), "b.")
    assert rows == [("message-reports", "0", "1,077", "5", "2027-01-15 08:00:00", "4", "5")]
