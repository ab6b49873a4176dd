"""A report with its origin, law and risk."""

import msgspec

from streams.contract.events.enriched_report import Risk, WithoutWeight
from streams.contract.events.internal.findings import Source
from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.report import MessageReport
from streams.contract.wire.origin import Origin
from streams.contract.wire.times import epoch_ms
from streams.counting.attribution import MessageReporters
from streams.counting.coordination.channel_itself import message_or_channel
from streams.deciding.law.resolution import Resolved


class Case(msgspec.Struct, frozen=True, gc=False):
    """A decoded report, its origin, its law, its risk, and its stamp by the stage of reporters, if any.

    `ce_source` is the source of its CloudEvent, empty for plain JSON. `occurred` is in ms since the epoch.
    `stamp` is what the stage of reporters says of its reporter; None if the report did not come from there.
    `source` is what found the message, if a detector's report comes from there. `without_weight` is what
    people decided that takes its weight, if anything. `message` is what was known of the message it names.
    """

    report: MessageReport
    ce_source: str
    occurred: int
    origin: Origin
    law: Resolved
    risk: Risk
    stamp: ReportStamp | None = None
    source: Source | None = None
    without_weight: WithoutWeight | None = None
    message: MessageReporters | None = None

    @property
    def known_as(self) -> str | None:
        """The text whose keyed hash stands for the reporter: a ref, or what found it; None without either."""
        if self.source is not None:
            return self.source.root
        reporter = self.report.reporter
        return None if reporter is None else reporter.ref

    @property
    def about(self) -> str:
        """The message, or what stands for the channel itself (counting/coordination/channel_itself.py)."""
        message = self.report.message_ref
        return message_or_channel(None, self.received) if message is None else message

    @property
    def received(self) -> int:
        """When the platform received the report (ms since the epoch): legal clocks start then."""
        received = self.report.received_at
        return self.occurred if received is None else epoch_ms(received)
