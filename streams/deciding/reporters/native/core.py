"""The native core of the stage of reporters."""

from functools import partial

from streams.deciding.partition.core import Core
from streams.deciding.partition.native.fast_path import applied_with
from streams.deciding.partition.native.stores import IN_EXTENSION
from streams.deciding.partition.native.unread import unread
from streams.deciding.reporters.handle import CREDITED, PASSED
from streams.deciding.reporters.native.home import NativeReporterHome
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.state import ReporterState, restore_reporters


def native_core(rules: ReporterStageRules) -> Core[ReporterState, ReporterStageRules]:
    """Return it with these rules."""
    return Core(
        "native",
        partial(restore_reporters, stores=IN_EXTENSION),
        (unread(PASSED, applied_with(NativeReporterHome(rules).apply)), CREDITED),
    )
