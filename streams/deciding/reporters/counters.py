"""Counters of a batch of the stage of reporters."""

from collections import Counter
from dataclasses import dataclass, field

from streams.contract.events.integrity_case import IntegrityCaseKind
from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.reporter_standing import StandingState
from streams.deciding.partition.counters import PartitionCounters
from streams.deciding.reporters.watch import WhyHeld


@dataclass(slots=True)
class ReporterCounters(PartitionCounters):
    """`natively` is the number of reports that the native core noted.

    `stamped` counts reports by the class of their reporter, `over_limit` those beyond the day's limit.

    `detector_reports` are those by detectors, `detector_trust` is the sum of the trust in them (0 to 1 each).
    `findings_held` are reports by detectors that are held; `detectors_held` counts why that began, and
    `detectors_released` how often it ended.
    `credits_late` are those of `credits` whose outcome is too old to change trust. After a change of the key
    `credits_forwarded` were sent on to the home of the reporter's current hash. `standing` are the decisions
    about reporters that were applied, and `paused` the reports of those who are paused.
    """

    natively: int = 0
    stamped: Counter[TrustClass] = field(default_factory=Counter)
    over_limit: int = 0
    paused: int = 0
    detector_reports: int = 0
    detector_trust: float = 0.0
    detectors_held: Counter[WhyHeld] = field(default_factory=Counter)
    detectors_released: int = 0
    findings_held: int = 0
    credits: int = 0
    credits_late: int = 0
    credits_forwarded: int = 0
    cases: Counter[IntegrityCaseKind] = field(default_factory=Counter)
    standing: Counter[StandingState] = field(default_factory=Counter)
