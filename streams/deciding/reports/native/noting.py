"""What the native core does of `streams/deciding/reports/outcomes.py`."""

from collections.abc import Sequence
from typing import Protocol

from streams.contract.events.transparency import NoticeSource
from streams.counting.attribution import MessageReporters
from streams.counting.notices import ReportRole


class NoteReport(Protocol):
    """Notes a report of a message as `note_reporter` does; None, changing nothing, for an unusual one.

    Returns whether it is the first one of its reporter, in which counts of items its message is new, and the
    fields of the receipt, if one `is_told`. `record` is what was found for the key just now.
    """

    def __call__(
        self,
        record: MessageReporters | None,
        key: bytes,
        reporter: int,
        received_ms: int,
        now: int,
        ce_source: str,
        report_id: str,
        channel_ref: str,
        message_ref: str | None,
        role: ReportRole | None,
        country: str,
        category: str,
        is_told: bool,
        /,
    ) -> tuple[bool, Sequence[NoticeSource] | None, tuple[object, ...] | None] | None:
        """Note it."""
