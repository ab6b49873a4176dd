"""Changes of rules: how soon they are in force, and how long reports wait meanwhile.

Two sets take turns, as a rollback and its opposite do; every worker has both ready, as it has a set that is
proposed. What the brokers append gives the times: the act in the log, and the state records of all partitions
of the three stages.
"""

import time
from collections.abc import Sequence
from statistics import median

from streams.deciding.partition.rules_in_force import RULES_IN_FORCE, RulesInForce
from tests.bench.load import Load, percentile
from tests.bench.place import Place, Site
from tests.kafka.harness.deployment import STAGES
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.rule_acts import BOB, UNSIGNED, RuleActs

PARTITIONS = (4, 48)
WORKERS = 2
RATE = 1_000
CHANGES = 6
# Between two changes: longer than one may take.
PAUSE_SECONDS = 4.0
# Skipped: in the first seconds of new topics the broker is busy with making their files.
WARM_UP_SECONDS = 8.0
BEFORE_SECONDS = 20.0
# What is due so long after an approval meets the change.
DURING_SECONDS = 2.0

# A threshold of a live policy, and another one.
THRESHOLD = ("distinct_reporters: 10, risk: 0.15", "distinct_reporters: 9, risk: 0.15")


def measure(place: Place) -> dict[str, float]:
    """Seconds from the act to the last partition, and latency in milliseconds."""
    figures: dict[str, float] = {}
    for partitions in PARTITIONS:
        figures |= _changing(place, partitions)
    return figures


class _Turns:
    """Two sets that take turns at a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._acts = RuleActs(site.settings)
        self._sets = [self._acts.put_into_force(), self._acts.put_into_force(*THRESHOLD)]
        self._states = [site.name(state) for state, _, _ in STAGES]
        self._made: list[int] = []

    def change(self) -> None:
        """Put the other set into force."""
        self._sets.reverse()
        self._acts.act(BOB, "rolled_back", self._sets[-1])
        self._made.append(self._acts.history().version)

    def until_in_force(self) -> None:
        """Wait until the last change is in force everywhere."""
        last = self._acts.history().version
        self._site.until(lambda: len(self._reached(last)) == len(STAGES) * self._site.partitions)

    def taken(self) -> tuple[list[float], list[float]]:
        """When each change was approved (s since the epoch), and the seconds until all partitions had it."""
        self.until_in_force()
        counted = [each for each in self._acts.history().acts if each.problem is None]
        approved, took = [], []
        for change in self._made:
            times = self._reached(change)
            approved.append(counted[change - 1].appended_ms / 1000)
            took.append((max(times) - counted[change - 1].appended_ms) / 1000)
        self._made = []
        return approved, took

    def _reached(self, change: int) -> list[int]:
        """When (ms) partitions wrote for the first time that they are judged by a change, or a later one."""
        first: dict[tuple[str, int], int] = {}
        with Reader(self._site.bootstrap, self._states, only=RULES_IN_FORCE) as reader:
            reader.catch_up()
            for topic, partitions in reader.rows.items():
                for partition, rows in partitions.items():
                    for row in rows:
                        kept = RulesInForce()
                        kept.restore(RULES_IN_FORCE, row.value or b"")
                        if kept.change >= change:
                            first.setdefault((topic, partition), row.timestamp)
        return list(first.values())


def _changing(place: Place, partitions: int) -> dict[str, float]:
    name = f"rules, {partitions} partitions"
    changes = 2 if place.quick else CHANGES
    with Site(place, partitions, UNSIGNED) as site:
        turns = _Turns(site)
        site.start_workers(WORKERS)
        turns.until_in_force()
        for _ in range(changes):
            turns.change()
            time.sleep(PAUSE_SECONDS)
        figures = _times(f"{name}, idle", turns.taken()[1])

        before = WARM_UP_SECONDS + (4.0 if place.quick else BEFORE_SECONDS)
        load = Load(site, RATE, before + changes * PAUSE_SECONDS, 80)
        # Both clocks are this machine's, and so is the broker's.
        began = load.begin() + time.time() - time.monotonic()
        time.sleep(max(0.0, began + before - time.time()))
        for number in range(changes):
            turns.change()
            time.sleep(max(0.0, began + before + (number + 1) * PAUSE_SECONDS - time.time()))
        load.finish()
        approved, took = turns.taken()
    figures |= _times(f"{name}, 1,000/s", took)
    usual = [waited for due, waited in zip(load.due, load.latency) if WARM_UP_SECONDS <= due < before]
    during = [
        waited
        for due, waited in zip(load.due, load.latency)
        if any(0 <= began + due - at < DURING_SECONDS for at in approved)
    ]
    figures[f"{name}, 1,000/s: p99 before"] = percentile(usual, 0.99) * 1000
    figures[f"{name}, 1,000/s: p99 during changes"] = percentile(during, 0.99) * 1000
    figures[f"{name}, 1,000/s: ratio of these"] = percentile(during, 0.99) / percentile(usual, 0.99)
    return figures


def _times(name: str, took: Sequence[float]) -> dict[str, float]:
    return {
        f"{name}: approval to in force, median": median(took),
        f"{name}: approval to in force, longest": max(took),
    }
