"""How often a detector is held for no reason, and how soon for one: `python -m tests.evaluate.detectors`.

Prints the tables of docs/trust-measured-desks.md, 'Detectors gone wild'. A minute on one core.
"""

import math
import statistics
from collections.abc import Callable, Iterator
from random import Random

from streams.deciding.reporters.watch import Watch, expected_share, note_finding
from streams.registry.reporter_rules import DetectorRules
from tests.shipped import RULES

HOUR_MS = 3_600_000
HOURS_PER_DAY, WEEKEND = 24, (5, 6)
DAYS, SOURCES, OUTCOMES = 90, 40, 10_000
DETECTORS: DetectorRules = RULES.reporters.detectors  # type: ignore[assignment]

VARIATIONS: dict[str, Callable[[Random], float]] = {
    "Poisson": lambda _: 1.0,
    "negative binomial": lambda random: random.gammavariate(2, 0.5),
    "lognormal": lambda random: random.lognormvariate(-0.5, 1),
    "Pareto": lambda random: random.paretovariate(1.5) / 3,
}


def _poisson(random: Random, mean: float) -> int:
    if mean > 60:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, number, product = math.exp(-mean), 0, random.random()
    while product >= limit:
        number += 1
        product *= random.random()
    return number


def _hours(random: Random, mean: float, variation: Callable[[Random], float]) -> Iterator[int]:
    for hour in range(DAYS * HOURS_PER_DAY):
        of_day = 1 + 0.8 * math.sin(2 * math.pi * (hour % HOURS_PER_DAY) / HOURS_PER_DAY)
        of_week = 0.7 if hour // HOURS_PER_DAY % 7 in WEEKEND else 1.0
        yield _poisson(random, mean * of_day * of_week * variation(random))


def held_by_volume(seed: int, mean: float, variation: Callable[[Random], float]) -> int:
    """Return how often a source without parts is held within the days."""
    watch, held, begin = Watch(), 0, 480_000
    for hour, findings in enumerate(_hours(Random(seed), mean, variation), begin):
        if findings:
            # All findings of the hour but one at once: a million calls would show the same.
            watch.turn(DETECTORS, hour)
            watch.count = findings - 1
            _, changes = note_finding(DETECTORS, [watch], hour * HOUR_MS, late=False)
            held += sum(change.why is not None for change in changes)
    return held


def held_by_dismissals(seed: int, share: float, later: float | None = None) -> int:
    """Return how often a source is held in so many outcomes; or after how many, if the share changes."""
    random, watch, held = Random(seed), Watch(), 0
    upheld = dismissed = 0
    change_at = 500
    for number in range(OUTCOMES):
        now = share if later is None or number < change_at else later
        wrong = random.random() < now
        if upheld + dismissed >= RULES.reporters.measured_from:
            watch.decided(DETECTORS, expected_share(dismissed, upheld + dismissed), dismissed=wrong)
            if watch.evidence >= DETECTORS.outcomes_per_alarm:
                if later is not None and number >= change_at:
                    return number - change_at + 1
                held, watch = held + 1, Watch()
        upheld, dismissed = upheld + (not wrong), dismissed + wrong
    return held if later is None else OUTCOMES


def main() -> None:
    """Print both tables."""
    print(f"held in 1,000 days of a source ({SOURCES} sources, {DAYS} days each), by mean findings an hour")
    for name, variation in VARIATIONS.items():
        found = [
            sum(held_by_volume(seed, mean, variation) for seed in range(SOURCES))
            for mean in (1, 20, 200, 2_000)
        ]
        print(f"{name:18}", *(f"{1_000 * number / SOURCES / DAYS:6.2f}" for number in found))
    print("dismissals: held in 100,000 outcomes at a share")
    for share in (0.02, 0.1, 0.3, 0.5):
        number = sum(held_by_dismissals(seed, share) for seed in range(SOURCES))
        print(f"{share:5}", f"{100_000 * number / SOURCES / OUTCOMES:6.2f}")
    print("outcomes until it is held when the share changes: median, most")
    for share, later in ((0.02, 0.3), (0.1, 0.5), (0.1, 0.9), (0.3, 0.8)):
        needed = [held_by_dismissals(seed, share, later) for seed in range(SOURCES)]
        print(f"{share} {later}", statistics.median(needed), max(needed))


if __name__ == "__main__":
    main()
