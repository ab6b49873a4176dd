"""The dashboards and what each is for. Together they show every metric; no panel is on two of them."""

from dataclasses import dataclass

from generators.dashboard_dead_letter_rows import DEAD_LETTERS
from generators.dashboard_decision_rows import CHANGES_OF_LAW, DECISIONS, DETECTORS, LAW, REPORTERS
from generators.dashboard_partition_rows import PARTITIONS
from generators.dashboard_queries import Row, series
from generators.dashboard_rows import OVERVIEW


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. `name` is that of its file, and the end of its address: /d/tocsin-NAME."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]


BOARDS = (
    Board(
        "overview",
        "Tocsin overview",
        "Whether all is well: workers, traffic, latency, consoles, versions.",
        OVERVIEW,
    ),
    Board(
        "partitions",
        "Tocsin partitions and state",
        "How far each partition is, which worker owns it, and how much state it keeps.",
        PARTITIONS,
    ),
    Board(
        "decisions",
        "Tocsin decisions",
        "What was decided: escalations, legal clocks, requests of authorities, trust in reporters.",
        (DECISIONS, LAW, CHANGES_OF_LAW, REPORTERS, DETECTORS),
    ),
    Board(
        "dead-letters",
        "Tocsin dead letters",
        "What could not be read or applied, and what waits because of it.",
        DEAD_LETTERS,
    ),
)

_RULES = "max by (policy_version, registry_version) (" + series("tocsin_registry_info")

# A mark on every panel: (name, colour, legend, query). A query is looked at every minute.
ANNOTATIONS = (
    (
        "Rebalances",
        "orange",
        "{{instance}}",
        f"sum by (instance) (increase({series('tocsin_rebalances_total')}[1m])) > 0",
    ),
    (
        "Changes of rules",
        "purple",
        "policies {{policy_version}}, registry {{registry_version}}",
        f"{_RULES}) unless {_RULES} offset 1m)",
    ),
)
