"""The stage of reports: its topics and their handlers, its state, and its due steps."""

from streams.contract.wire.topics import CHANNEL_STATE, MESSAGE_REPORTS_INTERNAL, SourceTopics
from streams.deciding.partition.core import Core, CoreName
from streams.deciding.partition.stage import Stage
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.reports.escalation.transitions import serve_due
from streams.deciding.reports.handle import ALIGNED, HANDLERS, STAMPED
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.state import MOVES, ReportState, rebind_reports, restore_reports
from streams.deciding.reports.trial.candidate import tried_beside

SOURCES = SourceTopics(
    tuple(topic for topic in HANDLERS if topic != MESSAGE_REPORTS_INTERNAL), MESSAGE_REPORTS_INTERNAL
)

ReportStage = Stage[ReportState, ReportRules, ReportCounters]


def report_stage(rules: ReportRules, core: CoreName = "python") -> ReportStage:
    """Return the stage with these rules.

    Raises ImportError if the native core is asked for and not installed.
    """
    return Stage(
        name="reports",
        rules=rules,
        sources=SOURCES,
        state_topic=CHANNEL_STATE,
        handlers=HANDLERS,
        new_counters=ReportCounters,
        core=_core(rules, core),
        rebound=rebind_reports,
        serve_due=serve_due,
        moves=MOVES,
        aligned=ALIGNED,
        publishers=rules.registry.publishers,
        tried_beside=tried_beside,
    )


def _core(rules: ReportRules, core: CoreName) -> Core[ReportState, ReportRules]:
    if core == "python":
        return Core("python", restore_reports, (STAMPED,))
    # Only here: it needs an extension that most installations do not have.
    from streams.deciding.reports.native.core import native_core  # noqa: PLC0415

    return native_core(rules)
