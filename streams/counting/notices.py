"""Which reports are notices, and whose (Regulation (EU) 2022/2065, art. 16 and 22)."""

from collections.abc import Mapping
from typing import Literal, get_args

from streams.contract.events.report import REPORTER_KINDS, ReporterKind, ReportKind

ReportRole = Literal["notice", "trusted_flagger_notice", "detection"]


def report_role(kind: ReportKind, source: ReporterKind) -> ReportRole | None:
    """Return what a report of a kind by such a source is; None for one of a state actor.

    A state that uses the reporting button of users neither submits a notice (art. 16) nor gives an order
    (art. 9). What a machine of the platform has detected is its own initiative (art. 15(1)(c)).
    """
    if source == "state_actor":
        return None
    if kind == "automated_detection" or source == "automated":
        return "detection"
    return "trusted_flagger_notice" if kind == "trusted_flagger_notice" else "notice"


REPORT_ROLES: Mapping[tuple[ReportKind, ReporterKind], ReportRole | None] = {
    (kind, source): report_role(kind, source) for kind in get_args(ReportKind) for source in REPORTER_KINDS
}
"""`report_role` as a table: it is asked about every report, and looking it up takes half of the time."""
