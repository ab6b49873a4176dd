"""Encodes notices to reporters about their own reports: records of `reporter-notices`."""

from datetime import UTC, datetime

from streams.events.reporter_notice import REPORTER_NOTICE_TYPE, ReporterNotice
from streams.wire.encoding import encode
from streams.wire.envelope import event_headers
from streams.wire.ids import stable_id
from streams.wire.records import OutputRecord
from streams.wire.times import epoch_ms
from streams.wire.topics import REPORTER_NOTICES


def encode_reporter_notice(
    reporter: int, channel_ref: str, outcome_id: str, notice: ReporterNotice
) -> OutputRecord:
    """The record of a notice to the reporter with this keyed 64-bit hash, which is its key in hexadecimal.

    `channel_ref` is the channel of the report, `outcome_id` the outcome that caused the notice, empty for a receipt: with
    the report and the state they make the event's id, so a replay writes the same one. The time in the headers is the
    beginning of the notice's day.
    """
    key = f"{reporter:016x}"
    # A ce_source is the one part in which a publisher may write NUL.
    event_id = stable_id(
        "reporter-notice", key, channel_ref, notice.report_id, notice.state, outcome_id, notice.ce_source
    )
    midnight = datetime(notice.day.year, notice.day.month, notice.day.day, tzinfo=UTC)
    headers = event_headers(REPORTER_NOTICE_TYPE, event_id, epoch_ms(midnight))
    return OutputRecord(REPORTER_NOTICES, None, key.encode(), encode(notice), headers)
