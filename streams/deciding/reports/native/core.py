"""The native core of the stage of reports."""

from functools import partial

from streams.deciding.partition.core import Core
from streams.deciding.partition.native.fast_path import applied_with
from streams.deciding.partition.native.stores import IN_EXTENSION
from streams.deciding.partition.native.unread import unread
from streams.deciding.reports.handle import STAMPED
from streams.deciding.reports.native.gate import NativeGate
from streams.deciding.reports.native.home import NativeChannelHome
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.state import ReportState, restore_reports


def native_core(rules: ReportRules) -> Core[ReportState, ReportRules]:
    """Return it with these rules."""
    home = NativeChannelHome(rules)
    return Core(
        "native",
        partial(restore_reports, stores=IN_EXTENSION),
        (unread(STAMPED, applied_with(home.apply)),),
        applied_with(NativeGate(rules, home).apply),
    )
