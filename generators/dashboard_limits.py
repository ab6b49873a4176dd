"""From which values on a panel of the dashboards is orange or red: where its alert begins, if it has one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`steps` are values with the colour from there on, `base` the colour below them.

    A step stands for what `alert` compares with; the alert waits besides, so a panel is red before it fires.
    """

    steps: tuple[tuple[float, str], ...]
    alert: str = ""
    base: str = "green"


def _from(value: float, alert: str, colour: str = "red") -> Limits:
    return Limits(((value, colour),), alert)


def _at_least(value: float, alert: str) -> Limits:
    return Limits(((value, "green"),), alert, "red")


LIMITS = {
    "Clocks overdue": _from(1, "TocsinClockLapsed"),
    "Clocks nearly due": _from(1, "TocsinClockNearlyDue", "orange"),
    "Workers up": _at_least(1, "TocsinWorkerDown"),
    "Workers ready": _at_least(1, "TocsinNoneReady"),
    "Partitions without an owner": _from(1, "TocsinWithoutOwner"),
    "Longest lag": Limits(((30, "orange"), (60, "red")), "TocsinLagging"),
    # The objective of freshness.
    "Latency p99": Limits(((10, "orange"), (30, "red"))),
    "Dead letters": Limits(((0.01, "orange"), (0.05, "red")), "TocsinDeadLetterRatio"),
    "Records committed within 30 seconds": Limits(((0.999, "green"),), base="red"),
    "Lag in seconds": _from(60, "TocsinLagging"),
    "Since the last commit": _from(60, "TocsinStuck"),
    "Partition time behind the clock": _at_least(-600, "TocsinTimeAhead"),
    "Brokers' clocks ahead of the workers'": Limits(
        ((-60, "green"), (60, "red")), "TocsinClocksDisagree", "red"
    ),
    "Ids remembered": _at_least(3600, "TocsinIdsForgottenEarly"),
    "State in its budget": _from(0.65, "TocsinStateNearMemoryLimit"),
    "Clocks about to lapse": _from(1, "TocsinClockNearlyDue"),
    "Rows overdue for review": _from(1, "TocsinLawReviewOverdue"),
    "Share of linked reports": _from(0.02, "TocsinLinkedShareJumps"),
    "Sources at rest": _from(1, "TocsinSourceResting"),
    "Partitions set aside": _from(1, "TocsinPartitionSetAside"),
    "Destinations in trouble": _from(1, "TocsinDestinationInTrouble"),
    "Console: records to read": _from(6000, "TocsinConsoleBehind"),
    "Console: decisions without an outcome": _from(1, "TocsinDecisionWithoutOutcome"),
    "Adapter: age of the oldest event": _from(300, "TocsinAdapterBehind"),
}
"""By title. Other panels have no value that is wrong by itself."""
