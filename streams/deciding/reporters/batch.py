"""A batch of the stage of reporters."""

from streams.deciding.partition.batch import Batch
from streams.deciding.reporters.counters import ReporterCounters
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.state import ReporterState

ReporterBatch = Batch[ReporterState, ReporterStageRules, ReporterCounters]
