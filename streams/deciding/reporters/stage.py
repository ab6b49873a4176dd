"""The stage of reporters: its topics and their handlers, and its state.

Nothing is due in it but forgetting.
"""

from streams.contract.wire.topics import REPORTER_STATE, REPORTERS_INTERNAL, SourceTopics
from streams.deciding.partition.core import Core, CoreName
from streams.deciding.partition.due import DueKey
from streams.deciding.partition.stage import Stage
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.counters import ReporterCounters
from streams.deciding.reporters.handle import CREDITED, HANDLERS, PASSED
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.state import MOVES, ReporterState, restore_reporters

SOURCES = SourceTopics((), REPORTERS_INTERNAL)

ReporterStage = Stage[ReporterState, ReporterStageRules, ReporterCounters]


def reporter_stage(rules: ReporterStageRules, core: CoreName = "python") -> ReporterStage:
    """Return the stage with these rules.

    No publisher writes to it: the stage of reports passes on what it has checked. Raises ImportError if the
    native core is asked for and not installed.
    """
    return Stage(
        name="reporters",
        rules=rules,
        sources=SOURCES,
        state_topic=REPORTER_STATE,
        handlers=HANDLERS,
        new_counters=ReporterCounters,
        core=_core(rules, core),
        rebound=_rebind,
        serve_due=_serve_due,
        moves=MOVES,
        relays=True,
        publishers=rules.publishers,
    )


def _core(rules: ReporterStageRules, core: CoreName) -> Core[ReporterState, ReporterStageRules]:
    if core == "python":
        return Core("python", restore_reporters, (PASSED, CREDITED))
    # Only here: it needs an extension that most installations do not have.
    from streams.deciding.reporters.native.core import native_core  # noqa: PLC0415

    return native_core(rules)


def _rebind(state: ReporterState, rules: ReporterStageRules) -> None:
    """Leave a state as it is: what it holds of reporters is a count of facts, whatever the rules."""


def _serve_due(batch: ReporterBatch, time: int, key: DueKey) -> None:  # noqa: ARG001
    raise AssertionError(f"no step of its own is due in the stage of reporters, but {key} was at {time}")
