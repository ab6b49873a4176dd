"""A batch of the stage of reports."""

from streams.deciding.partition.batch import Batch
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.state import ReportState

ReportBatch = Batch[ReportState, ReportRules, ReportCounters]
