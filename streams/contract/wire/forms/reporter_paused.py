"""Records that say that a reporter was paused, on the internal topic of the stage of reports."""

import msgspec

from streams.contract.events.internal.reporter_paused import REPORTER_PAUSED_TYPE, ReporterPaused
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.own_events import own_event_decoder
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL

_encode = msgspec.json.Encoder().encode

decode_reporter_paused = own_event_decoder(REPORTER_PAUSED_TYPE, ReporterPaused)
"""Return the event in a record; None for any other record."""


def reporter_paused_record(paused: ReporterPaused) -> OutputRecord:
    """The record for the home of the channel, or of the reporter's hash."""
    key = f"{paused.reporter:016x}" if paused.channel is None else paused.channel
    headers = [(CE_TYPE, REPORTER_PAUSED_TYPE.encode())]
    return OutputRecord(MESSAGE_REPORTS_INTERNAL, None, key.encode(), _encode(paused), headers)
