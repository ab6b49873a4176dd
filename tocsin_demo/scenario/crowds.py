"""Ten days of crowds: brigades, vigilant communities and a genuine wave, and what a desk decides about each.

Trust and links need days, so this does not fit in the six hours of the storylines.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, MINUTE
from tocsin_demo.scenario.world import PlannedReport, World, report

CROWDS_SPAN_MS = 10 * DAY

AGED_BRIGADE = "aged brigade"
FRESH_BRIGADE = "fresh brigade"
COMMUNITIES = "vigilant communities"
GENUINE_WAVE = "genuine wave"
OTHERS = "other reports"

_REASONS = {
    "upheld": "phishing",
    "dismissed": "not_a_violation",
    "manifestly_unfounded": "evidently_unfounded",
}

# Most decisions come within a working day (docs/trust-measured.md, 'What was measured').
_MEDIAN_DECISION_MS = 8 * HOUR


class PlannedOutcome(NamedTuple):
    """A decision about a message, with its time (ms since the epoch) and its storyline."""

    published_at: int
    storyline: str
    payload: dict[str, Any]


Planned = PlannedReport | PlannedOutcome


def crowds(world: World, start_ms: int) -> Iterator[Planned]:
    """All reports and decisions of the ten days from `start_ms` (ms since the epoch) on, in no order."""
    for plan in _PLANS:
        yield from plan(world, start_ms)


def aged_brigade(world: World, start_ms: int) -> Iterator[Planned]:
    """Sixty old accounts report five messages of a shop, a day and a half apart; the desk dismisses each.

    Between them each account reports something else, as anybody would.
    """
    random = world.randomness(AGED_BRIGADE)
    channel = world.channel(AGED_BRIGADE, "TR")
    accounts = brigade_accounts(world, AGED_BRIGADE)
    for number in range(5):
        message = world.message(AGED_BRIGADE, number)
        begins = start_ms + DAY + number * 36 * HOUR
        yield from brigade_reports(random, AGED_BRIGADE, accounts, begins, channel, message)
        yield decided(random, AGED_BRIGADE, begins + 12 * HOUR, channel, message, "dismissed")
    for index, account in enumerate(accounts):
        name = f"{AGED_BRIGADE}/elsewhere/{index}"
        yield reported(
            random, AGED_BRIGADE, start_ms + int(random.random() * 8 * DAY), world.channel(name),
            world.message(name, 0), account | {"member": True},
        )  # fmt: skip


def brigade_accounts(world: World, story: str) -> list[dict[str, Any]]:
    """Sixty accounts that are older than a year."""
    return [world.person(f"{story}/{number}") | {"account_age": "over_1y"} for number in range(60)]


def brigade_reports(
    random: Random,
    story: str,
    accounts: list[dict[str, Any]],
    begins: int,
    channel: dict[str, Any],
    message: str,
) -> Iterator[PlannedReport]:
    """What a brigade sends within ten minutes of a call to report a message; few are in its channel."""
    for account in accounts:
        # No call to report reaches everybody.
        if random.random() < 0.7:
            yield reported(
                random, story, begins + int(random.random() * 10 * MINUTE), channel, message,
                account | {"member": random.random() < 0.2},
            )  # fmt: skip


def fresh_brigade(world: World, start_ms: int) -> Iterator[Planned]:
    """A hundred accounts of this week report one message within ten minutes, and nothing else."""
    random = world.randomness(FRESH_BRIGADE)
    channel, message = world.channel(FRESH_BRIGADE, "US"), world.message(FRESH_BRIGADE, 0)
    begins = start_ms + 7 * DAY
    for number in range(100):
        age = "under_1d" if random.random() < 0.8 else "under_1m"
        account = world.person(f"{FRESH_BRIGADE}/{number}") | {"account_age": age}
        yield reported(
            random, FRESH_BRIGADE, begins + int(random.random() * 10 * MINUTE), channel, message,
            account | {"member": random.random() < 0.1},
        )  # fmt: skip
    yield decided(random, FRESH_BRIGADE, begins + 5 * HOUR, channel, message, "manifestly_unfounded")


def communities(world: World, start_ms: int) -> Iterator[Planned]:
    """Members of three channels report what is wrong there, some nearly all of it; the desk mostly agrees."""
    random = world.randomness(COMMUNITIES)
    for number in range(3):
        name = f"{COMMUNITIES}/{number}"
        channel = world.channel(name)
        members = [
            (world.person(f"{name}/{index}") | {"member": True}, random.betavariate(0.6, 2))
            for index in range(120)
        ]
        for bad in range(6):
            message = world.message(name, bad)
            begins = start_ms + int((bad + random.random()) * 1.5 * DAY)
            for member, eagerness in members:
                if random.random() < eagerness:
                    # Nobody waits for a call: reports thin out over hours.
                    delay = int(min(random.expovariate(1 / (0.7 * HOUR)), 6 * HOUR))
                    yield reported(random, COMMUNITIES, begins + delay, channel, message, member)
            decision = "dismissed" if bad == 3 else "upheld"
            yield decided(random, COMMUNITIES, _after(random, begins), channel, message, decision)


def genuine_wave(world: World, start_ms: int) -> Iterator[Planned]:
    """Eighty members who never reported the same thing before report one message within an hour.

    They are right.
    """
    random = world.randomness(GENUINE_WAVE)
    channel, message = world.channel(GENUINE_WAVE, "DE"), world.message(GENUINE_WAVE, 0)
    begins = start_ms + 9 * DAY
    yield from wave_reports(world, random, GENUINE_WAVE, begins, channel, message)
    yield decided(random, GENUINE_WAVE, begins + 6 * HOUR, channel, message, "upheld")


def wave_reports(
    world: World, random: Random, story: str, begins: int, channel: dict[str, Any], message: str
) -> Iterator[PlannedReport]:
    """What eighty people, three in four of them members, send within an hour of seeing a message."""
    for number in range(80):
        person = world.person(f"{story}/{number}") | {"member": random.random() < 0.75}
        at = begins + int(HOUR * random.random())
        yield reported(random, story, at, channel, message, person | {"account_age": "over_1y"})


def other_reports(world: World, start_ms: int) -> Iterator[Planned]:
    """Two thousand lone reports by as many people as a few channels have; the desk upholds one in four."""
    random = world.randomness(OTHERS)
    for number in range(2_000):
        name = f"{OTHERS}/{random.randrange(800)}"
        channel, message = world.channel(name), world.message(name, number)
        at = start_ms + int(random.random() * 9 * DAY)
        reporter = world.person(f"{OTHERS}/{random.randrange(1_200)}") | {"member": random.random() < 0.75}
        yield reported(random, OTHERS, at, channel, message, reporter)
        decision = "upheld" if random.random() < 0.25 else "dismissed"
        yield decided(random, OTHERS, _after(random, at), channel, message, decision)


_PLANS: tuple[Callable[[World, int], Iterator[Planned]], ...] = (
    aged_brigade,
    fresh_brigade,
    communities,
    genuine_wave,
    other_reports,
)


def _after(random: Random, at: int) -> int:
    # At most 20 hours, so that every decision is within the ten days.
    return at + int(min(random.lognormvariate(0, 0.6) * _MEDIAN_DECISION_MS, 20 * HOUR))


def reported(
    random: Random, story: str, at: int, channel: dict[str, Any], message: str, reporter: dict[str, Any]
) -> PlannedReport:
    """A report of fraud about a message, published at most three seconds after `at` (ms since the epoch)."""
    payload = report(random, at, channel, "fraud", reporter=reporter, message_ref=message)
    return PlannedReport(at + random.randrange(3_000), story, payload)


def decided(
    random: Random, story: str, at: int, channel: dict[str, Any], message: str, decision: str
) -> PlannedOutcome:
    """What a desk decided about a message at `at` (ms since the epoch)."""
    payload = {
        "outcome_id": f"{random.getrandbits(96):024x}",
        "subject": {"kind": "message", "channel_ref": channel["ref"], "message_ref": message},
        "decision": decision,
        "category": "fraud",
        "ground": {"kind": "terms", "rule": "scams-2.1"},
        "reason": _REASONS[decision],
        "decided_at": rfc3339(at),
        "reviewer": {"ref": f"desk-{random.randrange(4)}a", "role": "desk"},
        "confidence": "two_agree" if random.random() < 0.3 else "one_reviewer",
    }
    return PlannedOutcome(at, story, payload)
