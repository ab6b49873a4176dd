"""A batch of the stage of reports."""

from streams.partition.batch import Batch
from streams.reports.counters import ReportCounters
from streams.reports.rules import ReportRules
from streams.reports.state import ReportState

ReportBatch = Batch[ReportState, ReportRules, ReportCounters]
