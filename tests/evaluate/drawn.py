"""The first generator: labels are drawn. Honest reporters, vigilant communities, waves, and brigades by tactic."""

from dataclasses import dataclass

from tests.evaluate.attacks import (
    FLOOR_ATTACKS,
    TACTICS,
    WAVE_ATTACKS,
    attacked_wave,
    brigade,
    floor_attack,
    guard_rail_day,
    wave,
)
from tests.evaluate.stages import DAY, HOUR, MINUTE, START
from tests.evaluate.world import FRESH_AGES, Canvas, Story, Target, World

SPREADS = (10 * MINUTE, 6 * HOUR)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the world is. `every_attack`: each attack in turn; otherwise the first few."""

    honest: int = 1_500
    background: int = 3_000
    channels: int = 600
    popular: int = 60
    communities: int = 4
    members: int = 120
    bad_messages: int = 3
    sizes: tuple[int, ...] = (20, 50)
    targets: tuple[int, ...] = (5, 10)
    tactics: int = len(TACTICS)
    wave_attacks: int = len(WAVE_ATTACKS)
    launch_waves: int = 1
    plain_waves: int = 2
    guard_rail: bool = True
    days: int = 30


QUICK = Size(
    honest=1_000,
    background=1_000,
    channels=300,
    popular=20,
    communities=2,
    bad_messages=2,
    sizes=(50,),
    targets=(10,),
    tactics=2,
    wave_attacks=1,
    plain_waves=1,
    guard_rail=False,
)


def drawn_world(seed: int, size: Size) -> World:
    """Return the world of a seed."""
    canvas = Canvas(f"drawn {seed}")
    rng = canvas.rng
    honest = canvas.people(size.honest)
    channels = [canvas.name("c") for _ in range(size.channels)]
    _background(canvas, size, honest, channels)
    stories = []
    for _ in range(size.communities):
        stories += _community(canvas, size, honest)
    for number in range(size.launch_waves):
        begin = START + int((0.2 + number * 0.8 + rng.random() * 0.5) * DAY)
        stories.append(_wave(canvas, honest, begin, "wave in the launch week", 0.45))
    for number in range(size.plain_waves):
        stories.append(_wave(canvas, honest, _later(canvas, size), "wave of 80", 0.75))
        stories.append(_wave(canvas, honest, _later(canvas, size), "wave forwarded to strangers", 0.1))
    for number, count in enumerate(size.sizes):
        for targets in size.targets:
            spread = SPREADS[(number + targets) % 2]
            stories.append(brigade(canvas, "plain", count, targets, size.days, spread, channels))
    for tactic in list(TACTICS)[: size.tactics]:
        stories.append(brigade(canvas, tactic, 40, 4, size.days, SPREADS[0], channels))
    for attack in list(WAVE_ATTACKS)[: size.wave_attacks]:
        begin = _later(canvas, size)
        stories.append(attacked_wave(canvas, honest, attack, begin))
    for attack in FLOOR_ATTACKS:
        stories.append(floor_attack(canvas, attack, _later(canvas, size)))
    stories.append(_fresh(canvas, _later(canvas, size)))
    stories.append(_flood(canvas, honest, _later(canvas, size)))
    if size.guard_rail:
        stories.append(guard_rail_day(canvas, START + (size.days - 2) * DAY))
    return canvas.world(honest, stories, size.days)


def _later(canvas: Canvas, size: Size) -> int:
    """A moment of the later two thirds: reporters are known, and channels have their usual rate."""
    return START + int((0.35 + 0.6 * canvas.rng.random()) * size.days * DAY)


def _background(canvas: Canvas, size: Size, honest: list[str], channels: list[str]) -> None:
    rng = canvas.rng
    activity = [rng.paretovariate(1.2) for _ in honest]
    span = size.days * DAY
    popular = [
        (canvas.message(2 / 3), rng.choice(channels), rng.random() * span) for _ in range(size.popular)
    ]
    weights = [rng.paretovariate(1.1) for _ in popular]
    for reporter in rng.choices(honest, activity, k=size.background):
        if rng.random() < 0.6:
            canvas.lone_report(START + rng.random() * span, reporter, channels)
        else:
            message, channel, at = rng.choices(popular, weights)[0]
            canvas.report(START + at + rng.expovariate(1 / (6 * HOUR)), reporter, channel, message)


def _community(canvas: Canvas, size: Size, honest: list[str]) -> list[Story]:
    """A channel whose members report nearly everything bad in it: what a brigade must be told from."""
    rng = canvas.rng
    channel = canvas.name("community")
    eagerness = {member: rng.betavariate(0.6, 2) for member in rng.sample(honest, size.members)}
    slot = size.days * DAY / size.bad_messages
    stories = []
    for each in range(size.bad_messages):
        # Far enough apart that an episode has ended before the next wave.
        begin = int(START + slot * (each + 0.5 * rng.random()))
        message = canvas.message(0.85)
        members, last = [], begin
        for member, eager in eagerness.items():
            if rng.random() < eager:
                at = int(begin + rng.expovariate(1 / (0.7 * HOUR)))
                canvas.report(at, member, channel, message, 0.95)
                members.append(member)
                last = max(last, at)
        target = Target(channel, (message,), begin, last)
        right = message in canvas.right
        stories.append(Story("community" if right else "community, wrong", right, members, [target]))
    return stories


def _wave(canvas: Canvas, honest: list[str], begin: int, name: str, member: float) -> Story:
    """Eighty people report one scam, half of them within the first twenty minutes."""
    channel, message = canvas.name("c"), canvas.message(1)
    people = canvas.rng.sample(honest, 80)
    return wave(canvas, name, people, channel, message, begin, member)


def _fresh(canvas: Canvas, begin: int) -> Story:
    """A hundred new accounts, nine in ten of them outsiders, report one message of a quiet channel."""
    channel, message = canvas.name("c"), canvas.message(0)
    canvas.tells_all(channel)
    people = canvas.people(100, FRESH_AGES)
    for who in people:
        canvas.report(begin + canvas.rng.random() * 10 * MINUTE, who, channel, message, 0.1)
    target = Target(channel, (message,), begin, begin + 10 * MINUTE)
    return Story("brigade of 100 new accounts", right=False, members=people, targets=[target])


def _flood(canvas: Canvas, honest: list[str], begin: int) -> Story:
    """A hijacked channel sends its members advertising: a hundred and twenty report it within twenty minutes."""
    channel = canvas.name("c")
    messages = tuple(canvas.message(1) for _ in range(6))
    people = canvas.rng.sample(honest, 120)
    for who in people:
        at = begin + canvas.rng.random() * 20 * MINUTE
        canvas.report(at, who, channel, canvas.rng.choice(messages), 1, "spam")
    return Story(
        "flood of spam", True, people, [Target(channel, messages, begin, begin + 20 * MINUTE, "spam-flood")]
    )
