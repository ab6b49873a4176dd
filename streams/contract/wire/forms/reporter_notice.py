"""Encodes notices to reporters about their own reports: records of `reporter-notices`."""

from datetime import UTC, date, datetime
from functools import lru_cache

from streams.contract.events.reporter_notice import (
    REPORTER_NOTICE_TYPE,
    STANDING_NOTICE_TYPE,
    ReporterNotice,
    StandingNotice,
)
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import headers_at, rfc3339
from streams.contract.wire.ids import stable_id
from streams.contract.wire.records import OutputRecord, new_tuple
from streams.contract.wire.times import DAY, epoch_ms, from_epoch_ms
from streams.contract.wire.topics import REPORTER_NOTICES


def encode_reporter_notice(
    reporter: int, channel_ref: str, outcome_id: str, notice: ReporterNotice
) -> OutputRecord:
    """The record of a notice to the reporter with this keyed 64-bit hash, which is its key in hexadecimal.

    `channel_ref` is the channel of the report, `outcome_id` the outcome that caused the notice: with the
    report and the state they make the event's id, so a replay writes the same one. The time in the headers is
    the beginning of the notice's day.
    """
    key = f"{reporter:016x}"
    # A ce_source is the one part in which a publisher may write NUL.
    event_id = stable_id(
        "reporter-notice", key, channel_ref, notice.report_id, notice.state, outcome_id, notice.ce_source
    )
    headers = headers_at(REPORTER_NOTICE_TYPE, event_id, midnight(notice.day))
    return OutputRecord(REPORTER_NOTICES, None, key.encode(), encode(notice), headers)


def encode_receipt(
    reporter: int, channel_ref: str, message_ref: str | None, report_id: str, ce_source: str, day: int
) -> OutputRecord:
    """The record of a receipt: the notice that a report was received on `day` (days since the epoch).

    All receipts of a reporter for reports about one message have the same id. Without a message, reporter,
    channel and report make the id.
    """
    key = f"{reporter:016x}"
    if message_ref is None:
        event_id = stable_id("reporter-notice", key, channel_ref, report_id, "received", "", ce_source)
    else:
        event_id = stable_id("reporter-receipt", key, channel_ref, message_ref)
    ends, time = received_on(day)
    value = b'{"report_id":%b,"ce_source":%b%b' % (encode(report_id), encode(ce_source), ends)
    headers = headers_at(REPORTER_NOTICE_TYPE, event_id, time)
    return new_tuple(OutputRecord, (REPORTER_NOTICES, None, key.encode(), value, headers))


def encode_standing_notice(reporter: int, notice: StandingNotice) -> OutputRecord:
    """The record of a notice about the standing of the reporter with this keyed hash."""
    key = f"{reporter:016x}"
    event_id = stable_id("standing-notice", key, notice.standing_id, notice.report_id, notice.ce_source)
    headers = headers_at(STANDING_NOTICE_TYPE, event_id, midnight(notice.day))
    return OutputRecord(REPORTER_NOTICES, None, key.encode(), encode(notice), headers)


# There is a receipt for nearly every report, and those of a day differ in id and source alone.
@lru_cache(maxsize=64)
def received_on(day: int) -> tuple[bytes, bytes]:
    """Return what follows `ce_source` in a receipt of that day (days since the epoch), and its midnight."""
    date = from_epoch_ms(day * DAY).date()
    notice = encode(ReporterNotice("", "", "received", date, outcome=None))
    return notice.partition(b'"ce_source":""')[2], midnight(date)


# Nearly all reports of an hour were received on the same day.
@lru_cache(maxsize=64)
def midnight(day: date) -> bytes:
    """The beginning of a day (UTC), as it is written in headers."""
    return rfc3339(epoch_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))).encode()
