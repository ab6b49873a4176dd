"""What a pause takes out of open windows, against a log in which the reporter was paused from the warning on.

The two logs have the same reports, in the same order. In one the pause comes after some of them, so what they
have added is taken out; in the other none of them adds anything.
"""

import random
from itertools import product
from typing import Any

import pytest

from streams.counting.held_counts import CHANNEL_COUNTS, category_suffix
from streams.counting.sums import WindowCounts
from streams.counting.windows import FINE_MS, WindowSpec
from streams.deciding.partition.hash_key import DEMONSTRATION
from tests.unit.both_stages import Deployment
from tests.unit.standing_traffic import NEXT_KEYS, paused, standing, warned
from tests.unit.traffic import DAY, HOUR, MINUTE, START, Record, levels, policy, report

CHANNELS = ("c1", "c2")
CATEGORIES = ("spam", "hate", "csam", "fraud")
WINDOWS = [
    WindowSpec(0, 1, "PT5M"),
    WindowSpec(0, 12, "PT1H"),
    WindowSpec(1, 24, "P1D"),
    WindowSpec(2, 30, "P30D"),
]
POLICIES = (
    policy(
        categories=("spam", "hate"), window="PT24H", window_ms=DAY, levels=levels({"distinct_reporters": 3})
    ),
    policy(id="f", categories=("fraud",), levels=levels({"reports": 3})),
    policy(id="c", categories=("csam",), window="P7D", window_ms=7 * DAY, levels=levels({"reports": 1})),
)


def traffic(rng: random.Random, begin: int, count: int, first: int) -> list[tuple[int, Record]]:
    """Reports by few people, most in order, some of them late."""
    now, found = begin, []
    for number in range(first, first + count):
        now += rng.choice((0, MINUTE, 20 * MINUTE, 3 * HOUR, DAY))
        occurred = max(now - rng.choice((0, 0, 0, 10 * MINUTE, 5 * HOUR)), START)
        fields: dict[str, Any] = {
            "channel": rng.choice(CHANNELS),
            "category": rng.choice(CATEGORIES),
            "reporter": {
                "kind": rng.choice(("user", "user", "anonymous", "state_actor")),
                "ref": f"u{rng.randint(1, 4)}",
                "account_age": rng.choice(("under_1d", "over_1y")),
            },
        }
        if rng.random() < 0.7:
            fields["message_ref"] = f"m{rng.randint(1, 3)}"
        found.append((now, report(number, occurred, appended=now, **fields)))
    return found


def ask(ref: str, time: int) -> Record:
    return report(5000, time, channel="elsewhere", report_id=ref, reporter={"kind": "user", "ref": ref})


def windows(both: Deployment, ends: list[int]) -> dict[Any, WindowCounts | None]:
    """The counts of all channels in windows of now and of the past; None if a window is not held as a whole."""
    found: dict[Any, WindowCounts | None] = {}
    for channel, state, category in product(CHANNELS, both.reports, CATEGORIES):
        entry = state.counts.find(CHANNEL_COUNTS + channel.encode() + category_suffix(category))
        if entry is not None:
            now = state.time.now
            for spec, end in product(WINDOWS, [now, *(end for end in ends if end <= now)]):
                counts = entry.counts
                whole = counts.is_whole(spec, end)
                found[channel, category, spec, end] = counts.measure(spec, end) if whole else None
    return found


@pytest.mark.parametrize("rehashed", [False, True])
@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 12))]
)
def test_windows_are_as_if_the_pause_had_come_with_the_warning(seed: int, rehashed: bool) -> None:
    rng = random.Random(seed)
    before = traffic(rng, START, 15, 0)
    warning = before[-1][0]
    while_warned = traffic(rng, warning, rng.choice((3, 30)), 100)
    pause = while_warned[-1][0]
    after = traffic(rng, pause, 15, 1000)
    # u2 is warned and never paused: what is known of them must not change anything.
    logs = []
    for late in (True, False):
        both = Deployment("shadow", policies=POLICIES)
        both.publish([record for _, record in before])
        both.publish([warned(1, warning), warned(2, warning, "u2")])
        if not late:
            both.publish([paused(3, warning, days=60)])
        half = len(while_warned) // 2
        both.publish([record for _, record in while_warned[:half]])
        # A takeover: everything is read back from the state.
        both.restart(NEXT_KEYS if rehashed else DEMONSTRATION)
        # What is known of a reporter comes after the first report under the new key, which may be any.
        both.publish([ask(ref, while_warned[half][0]) for ref in ("u1", "u2")])
        both.publish([record for _, record in while_warned[half:]])
        if late:
            both.publish([paused(3, pause, days=60)])
        logs.append(both)
    ends = [now // FINE_MS * FINE_MS for now, _ in while_warned[-6:]]
    compare(*logs, ends)
    for both in logs:
        both.publish([record for _, record in after])
    compare(*logs, ends)
    for both in logs:
        both.publish([standing(4, "ended", after[-1][0])])
        both.publish([record for _, record in traffic(random.Random(seed), after[-1][0], 10, 2000)])
        both.restart(NEXT_KEYS if rehashed else DEMONSTRATION)
    compare(*logs, ends)


def compare(one: Deployment, other: Deployment, ends: list[int]) -> None:
    first, second = windows(one, ends), windows(other, ends)
    compared = 0
    for key in first | second:
        # In one of the logs nothing may have been counted in a category.
        counts = first.get(key, WindowCounts()), second.get(key, WindowCounts())
        if None not in counts:
            assert counts[0] == counts[1], key
            compared += 1
    assert compared > 20
