"""Bundles of reports on their way to the home of their channel, most of them with a stamp."""

from typing import Final

from streams.contract.events.internal.passed_report import RestWithChannel, StampedReport
from streams.contract.wire.bundle import BundleForm
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL

STAMPED_REPORTS: Final[BundleForm[StampedReport[RestWithChannel]]] = BundleForm(
    MESSAGE_REPORTS_INTERNAL, "tocsin.stamped-reports.v1", StampedReport[RestWithChannel]
)
