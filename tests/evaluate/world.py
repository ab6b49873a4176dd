"""A simulated fortnight of reports: honest people, vigilant communities, brigades, and what a desk decides."""

import random
from dataclasses import dataclass, field

HOUR = 3_600_000
DAY = 24 * HOUR
T0 = 20_000 * DAY
MINUTE = 60_000

SIZES = (10, 20, 50, 100, 200, 500)
TARGETS = (3, 5, 10)
SPREADS = (10 * MINUTE, 6 * HOUR)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the world is. The full one is that of the first measurements, to be comparable with them."""

    honest: int = 40_000
    background: int = 150_000
    channels: int = 20_000
    popular: int = 3_000
    communities: int = 60
    members: int = 300
    bad_messages: int = 6
    sizes: tuple[int, ...] = SIZES
    days: int = 14
    adaptive: int = 6


QUICK = Size(
    honest=6_000,
    background=20_000,
    channels=4_000,
    popular=400,
    communities=10,
    sizes=(20, 100),
    adaptive=1,
)


@dataclass(frozen=True, slots=True)
class Reporting:
    """One report. `received` is in ms; `age` and `member` are as the publisher would say."""

    received: int
    reporter: int
    channel: int
    message: int
    age: str
    member: bool


@dataclass(slots=True)
class Brigade:
    """Accounts that report the same targets. `tactic`: plain, or how its members avoid being recognised."""

    size: int
    targets: int
    spread: int
    aged: bool
    tactic: str
    members: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    reports: int = 0


@dataclass(slots=True)
class World:
    """The reports in order of time, what is true of each message, and who belongs to what."""

    reports: list[Reporting]
    right: dict[int, bool]
    honest: set[int]
    brigades: list[Brigade]
    waves: list[list[int]]
    wave_messages: set[int]


AGES = ("under_1w", "under_1m", "under_1y", "over_1y")
# A large platform's accounts are mostly old ones; those of a fresh brigade were made for it.
HONEST_AGES = (2, 8, 30, 60)
FRESH_AGES = (80, 20, 0, 0)
TACTICS = (
    "every other target",
    "four lone reports per target",
    "a target every 8 days",
    "new accounts each time",
    "joins the channel first",
    "two right reports first",
)


class Builder:
    """Draws the world from a seed."""

    def __init__(self, seed: int, size: Size) -> None:
        self.rng = random.Random(seed)
        self.size = size
        self.reports: list[Reporting] = []
        self.right: dict[int, bool] = {}
        self.ids = iter(range(1, 1 << 40))
        self.about: dict[int, str] = {}
        self.channel_ids = [self.new_id() for _ in range(size.channels)]

    def new_id(self) -> int:
        """A number that looks like a keyed hash: uniform in 64 bits, and never the same twice."""
        number = next(self.ids) ^ self.rng.getrandbits(24) << 40
        number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & 0xFFFFFFFFFFFFFFFF
        number = (number ^ number >> 29) * 0xC4CEB9FE1A85EC53 & 0xFFFFFFFFFFFFFFFF
        return number ^ number >> 32

    def person(self, ages: tuple[int, ...]) -> int:
        number = self.new_id()
        (self.about[number],) = self.rng.choices(AGES, ages)
        return number

    def message(self, right: float) -> int:
        number = self.new_id()
        self.right[number] = self.rng.random() < right
        return number

    def report(self, at: float, reporter: int, channel: int, message: int, member: float) -> None:
        if at < T0 + self.size.days * DAY:
            is_member = self.rng.random() < member
            self.reports.append(
                Reporting(int(at), reporter, channel, message, self.about[reporter], is_member)
            )

    def moment(self) -> float:
        return T0 + self.rng.random() * self.size.days * DAY

    def build(self) -> World:
        rng, size = self.rng, self.size
        honest = [self.person(HONEST_AGES) for _ in range(size.honest)]
        activity = [rng.paretovariate(1.2) for _ in honest]
        popular = [
            (self.message(2 / 3), rng.choice(self.channel_ids), self.moment()) for _ in range(size.popular)
        ]
        weights = [rng.paretovariate(1.1) for _ in popular]
        for reporter in rng.choices(honest, activity, k=size.background):
            if rng.random() < 0.6:
                self.lone_report(reporter)
            else:
                message, channel, at = rng.choices(popular, weights)[0]
                self.report(at + rng.expovariate(1 / (6 * HOUR)), reporter, channel, message, 0.75)
        waves = [wave for _ in range(size.communities) for wave in self.community(honest)]
        brigades = []
        for number, count in enumerate(size.sizes):
            for targets in TARGETS:
                for spread in SPREADS:
                    aged = (number + targets + (spread == SPREADS[0])) % 2 == 0
                    brigades.append(self.brigade(Brigade(count, targets, spread, aged, "plain")))
        for tactic in TACTICS:
            for number in range(size.adaptive):
                brigades.append(
                    self.brigade(Brigade(100, 5, SPREADS[number % 2], tactic != TACTICS[3], tactic))
                )
        self.reports.sort(key=lambda one: (one.received, one.reporter))
        return World(
            self.reports,
            self.right,
            set(honest),
            brigades,
            waves,
            {message for wave in waves for message in wave},
        )

    def lone_report(self, reporter: int) -> None:
        channel = self.rng.choice(self.channel_ids)
        # As large platforms act on about one notice in four.
        self.report(self.moment(), reporter, channel, self.message(0.25), 0.75)

    def community(self, honest: list[int]) -> list[list[int]]:
        """A channel whose members report nearly everything bad in it: what a brigade must be told from."""
        rng = self.rng
        channel = self.new_id()
        eagerness = {member: rng.betavariate(0.6, 2) for member in rng.sample(honest, self.size.members)}
        waves = []
        for _ in range(self.size.bad_messages):
            message, at = self.message(0.85), self.moment()
            for member, eager in eagerness.items():
                if rng.random() < eager:
                    self.report(at + rng.expovariate(1 / (0.7 * HOUR)), member, channel, message, 0.95)
            waves.append([message])
        return waves

    def brigade(self, brigade: Brigade) -> Brigade:
        rng, tactic = self.rng, brigade.tactic
        ages = HONEST_AGES if brigade.aged else FRESH_AGES
        brigade.members = [self.person(ages) for _ in range(brigade.size)]
        channel = self.new_id()
        begin = len(self.reports)
        taking_part = 0.35 if tactic == TACTICS[0] else 0.7
        for number in range(brigade.targets):
            message = self.message(0)
            brigade.messages.append(message)
            at = self.moment() - brigade.spread
            if tactic == TACTICS[2]:
                at = T0 + number * 8 * DAY
            if tactic == TACTICS[3] and number:
                brigade.members += [self.person(ages) for _ in range(brigade.size)]
            for member in brigade.members[-brigade.size :]:
                if rng.random() < taking_part:
                    member_share = 1.0 if tactic == TACTICS[4] else 0.2 if brigade.aged else 0.1
                    self.report(
                        max(at, T0) + rng.random() * brigade.spread, member, channel, message, member_share
                    )
                    if tactic == TACTICS[1]:
                        for _ in range(4):
                            self.lone_report(member)
        if tactic == TACTICS[5]:
            for member in brigade.members:
                for _ in range(2):
                    self.report(T0, member, self.rng.choice(self.channel_ids), self.message(1), 0.75)
        if brigade.aged and tactic == "plain":
            for member in brigade.members:
                for _ in range(rng.randrange(1, 6)):
                    self.lone_report(member)
        brigade.reports = len(self.reports) - begin
        return brigade
