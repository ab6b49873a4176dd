"""The stage of reports: its topics and their handlers, its state, and its due steps."""

from streams.contract.wire.topics import CHANNEL_STATE, MESSAGE_REPORTS_INTERNAL, SourceTopics
from streams.deciding.partition.batch import FastPath
from streams.deciding.partition.reading import unread
from streams.deciding.partition.stage import Stage
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.reports.escalation.transitions import serve_due
from streams.deciding.reports.handle import ALIGNED, BUNDLED, HANDLERS
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.state import MOVES, ReportState, rebind_reports, restore_reports
from streams.deciding.reports.trial.candidate import tried_beside

SOURCES = SourceTopics(
    tuple(topic for topic in HANDLERS if topic != MESSAGE_REPORTS_INTERNAL), MESSAGE_REPORTS_INTERNAL
)

ReportStage = Stage[ReportState, ReportRules, ReportCounters]


def report_stage(rules: ReportRules) -> ReportStage:
    """Return the stage with these rules.

    Raises ImportError if they ask for the native core and it is not installed.
    """
    fast_path: FastPath | None = None
    fast_entries: FastPath | None = None
    if rules.native:
        # Only here: they need an extension that most installations do not have.
        from streams.deciding.reports.native.gate import NativeGate  # noqa: PLC0415
        from streams.deciding.reports.native.home import NativeChannelHome  # noqa: PLC0415

        home = NativeChannelHome(rules)
        fast_path, fast_entries = NativeGate(rules, home).apply, home.apply
    return Stage(
        name="reports",
        rules=rules,
        sources=SOURCES,
        state_topic=CHANNEL_STATE,
        handlers=HANDLERS,
        new_counters=ReportCounters,
        restored=restore_reports,
        rebound=rebind_reports,
        serve_due=serve_due,
        moves=MOVES,
        bundled=unread(BUNDLED) if rules.native else BUNDLED,
        fast_path=fast_path,
        fast_entries=fast_entries,
        aligned=ALIGNED,
        publishers=rules.registry.publishers,
        tried_beside=tried_beside,
    )
