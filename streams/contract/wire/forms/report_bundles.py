"""Bundles of reports: on their way to the home of their reporter, and from there to that of their channel."""

from typing import Final

import msgspec

from streams.contract.events.internal.passed_report import PassedReport, RestWithChannel, StampedReport
from streams.contract.wire.bundle import BundleForm
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL, REPORTERS_INTERNAL

PASSED_REPORTS: Final[BundleForm[PassedReport[msgspec.Raw]]] = BundleForm(
    REPORTERS_INTERNAL, "tocsin.passed-reports.v1", PassedReport[msgspec.Raw]
)
"""From the stage of reports to the home of their reporter."""

STAMPED_REPORTS: Final[BundleForm[StampedReport[RestWithChannel]]] = BundleForm(
    MESSAGE_REPORTS_INTERNAL, "tocsin.stamped-reports.v1", StampedReport[RestWithChannel]
)
"""To the home of their channel, most of them with a stamp."""
