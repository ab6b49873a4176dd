"""Everyday reports: many small channels, a few very large ones, and no pattern among them."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any

from tocsin_demo.scenario.world import PlannedReport, World, report

BACKGROUND = "background"

# One channel per five reports: with the distribution below, half of the channels that appear are reported
# once.
_REPORTS_PER_CHANNEL = 5
_REPORTS_PER_PERSON = 4

# Weights of categories, by the number of reports that a channel draws. The largest channels are public and
# have many fans and critics: brands, politics, gossip. Spam and fraud are in small channels that soon
# disappear. A large channel of spam or fraud would stand out from the background.
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

# A report reaches the platform's service a few seconds after the button is pressed; from a phone without
# network, much later.
_MEAN_DELAY_MS = 8_000


def background(world: World, count: int, start_ms: int, end_ms: int) -> Iterator[PlannedReport]:
    """`count` reports, spread evenly between the two times (ms since the epoch), in order of publication."""
    random = world.randomness(BACKGROUND)
    channels = max(200, count // _REPORTS_PER_CHANNEL)
    people = max(500, count // _REPORTS_PER_PERSON)
    # The reports of the channel with rank 1. By Zipf's law, the channel with rank k has 1/k of them.
    reports_of_largest = count / math.log(channels + 1)
    palettes = [(list(kind), list(kind.values())) for kind in (_LARGE, _MIDDLE, _SMALL)]
    span = end_ms - start_ms
    for number in range(count):
        published_at = start_ms + int(span * (number + random.random()) / count)
        occurred_at = max(start_ms, published_at - int(random.expovariate(1 / _MEAN_DELAY_MS)))
        # The inverse of Zipf's distribution function, for exponent 1.
        rank = int((channels + 1) ** random.random())
        drawn = reports_of_largest / rank
        names, weights = palettes[0 if drawn > _LARGE_FROM else 1 if drawn > _MIDDLE_FROM else 2]
        category = random.choices(names, weights)[0]
        name = f"{BACKGROUND}/{rank}"
        details = _reporter_details(world, random, int(random.random() * people))
        message_ref = world.message(name, int(random.random() * 20))
        payload = report(
            random, occurred_at, world.channel(name), category, message_ref=message_ref, **details
        )
        yield PlannedReport(published_at, BACKGROUND, payload)


def _reporter_details(world: World, random: Random, person: int) -> dict[str, Any]:
    """80% of reports are by users, 14% anonymous, 6% by a detector."""
    draw = random.random()
    if draw < 0.80:
        return {"reporter": world.person(f"person/{person}") | {"member": random.random() < 0.6}}
    if draw < 0.94:
        return {"reporter": {"kind": "anonymous"}}
    return {
        "kind": "automated_detection",
        "reporter": {"kind": "automated"},
        "classifier": round(random.uniform(0.3, 0.8), 3),
    }
