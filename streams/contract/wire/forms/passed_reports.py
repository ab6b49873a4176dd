"""Bundles of reports on their way from the stage of reports to the home of their reporter."""

from typing import Final

import msgspec

from streams.contract.events.internal.passed_report import PassedReport
from streams.contract.wire.bundle import BundleForm
from streams.contract.wire.topics import REPORTERS_INTERNAL

PASSED_REPORTS: Final[BundleForm[PassedReport[msgspec.Raw]]] = BundleForm(
    REPORTERS_INTERNAL, "tocsin.passed-reports.v1", PassedReport[msgspec.Raw]
)
