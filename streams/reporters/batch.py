"""A batch of the stage of reporters."""

from streams.partition.batch import Batch
from streams.reporters.counters import ReporterCounters
from streams.reporters.rules import ReporterStageRules
from streams.reporters.state import ReporterState

ReporterBatch = Batch[ReporterState, ReporterStageRules, ReporterCounters]
