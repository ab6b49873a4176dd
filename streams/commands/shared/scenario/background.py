"""What is reported on any day: many small channels, a few that everybody knows, and nothing that holds together."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any

from streams.commands.shared.scenario.world import PlannedReport, World, report

BACKGROUND = "background"

# One channel for five reports: with the tail below, half of the channels that appear are reported once.
_REPORTS_PER_CHANNEL = 5
_REPORTS_PER_PERSON = 4

# What channels are reported for depends on how many reports they draw. The largest are public and loved or loathed
# by many: brands, politics, gossip. Spam and fraud live in small channels that are soon gone; a large one that
# did it would be no background.
_LARGE = {"unspecified": 42, "ip": 28, "defamation": 12, "civic": 14, "weapons_drugs": 4}
_MIDDLE = {
    "spam": 38,
    "unspecified": 26,
    "ip": 18,
    "defamation": 6,
    "civic": 6,
    "weapons_drugs": 4,
    "harassment": 2,
}
_SMALL = {
    "spam": 40,
    "fraud": 20,
    "harassment": 10,
    "hate": 6,
    "ip": 6,
    "unspecified": 12,
    "weapons_drugs": 4,
    "doxxing": 2,
}
_LARGE_FROM = 30
_MIDDLE_FROM = 3

# A report reaches the platform's service some seconds after the button was pressed; a phone without network much later.
_MEAN_DELAY_MS = 8_000


def background(world: World, count: int, start_ms: int, end_ms: int) -> Iterator[PlannedReport]:
    """`count` reports, evenly spread over the span, in the order of their publication."""
    random = world.randomness(BACKGROUND)
    channels = max(200, count // _REPORTS_PER_CHANNEL)
    people = max(500, count // _REPORTS_PER_PERSON)
    # Reports that the channel of rank 1 draws; that of rank k draws 1/k of them (Zipf).
    of_the_largest = count / math.log(channels + 1)
    palettes = [(list(kind), list(kind.values())) for kind in (_LARGE, _MIDDLE, _SMALL)]
    span = end_ms - start_ms
    for number in range(count):
        published_at = start_ms + int(span * (number + random.random()) / count)
        occurred_at = max(start_ms, published_at - int(random.expovariate(1 / _MEAN_DELAY_MS)))
        # The inverse of Zipf's distribution function, for exponent 1.
        rank = int((channels + 1) ** random.random())
        drawn = of_the_largest / rank
        names, weights = palettes[0 if drawn > _LARGE_FROM else 1 if drawn > _MIDDLE_FROM else 2]
        category = random.choices(names, weights)[0]
        name = f"{BACKGROUND}/{rank}"
        details = _made_by(world, random, int(random.random() * people))
        message_ref = world.message(name, int(random.random() * 20))
        payload = report(
            random, occurred_at, world.channel(name), category, message_ref=message_ref, **details
        )
        yield PlannedReport(published_at, BACKGROUND, payload)


def _made_by(world: World, random: Random, person: int) -> dict[str, Any]:
    who = random.random()
    if who < 0.80:
        return {"reporter": world.person(f"person/{person}") | {"member": random.random() < 0.6}}
    if who < 0.94:
        return {"reporter": {"kind": "anonymous"}}
    return {
        "kind": "automated_detection",
        "reporter": {"kind": "automated"},
        "classifier": round(random.uniform(0.3, 0.8), 3),
    }
