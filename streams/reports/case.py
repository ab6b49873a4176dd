"""A report with its origin, law and risk."""

from typing import NamedTuple

from streams.events.enriched_report import Risk
from streams.events.report import MessageReport
from streams.law.resolution import Resolved
from streams.wire.origin import Origin


class Case(NamedTuple):
    """A decoded report, its origin, its law and its risk.

    `ce_source` is the source of its CloudEvent, empty for plain JSON. `occurred` and `received` are in ms
    since the epoch; legal clocks start when the platform received the report.
    """

    report: MessageReport
    ce_source: str
    occurred: int
    received: int
    origin: Origin
    law: Resolved
    risk: Risk
