"""Which reports are notices, and whose (Regulation (EU) 2022/2065, art. 16 and 22)."""

from typing import Literal

from streams.events.report import ReporterKind, ReportKind

ReportRole = Literal["notice", "trusted_flagger_notice", "detection"]


def report_role(kind: ReportKind, source: ReporterKind) -> ReportRole | None:
    """Return what a report of a kind by such a source is; None for one of a state actor.

    A state that uses the reporting button of users neither submits a notice (art. 16) nor gives an order (art. 9).
    What a machine of the platform has detected is its own initiative (art. 15(1)(c)).
    """
    if source == "state_actor":
        return None
    if kind == "automated_detection" or source == "automated":
        return "detection"
    return "trusted_flagger_notice" if kind == "trusted_flagger_notice" else "notice"
