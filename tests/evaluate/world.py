"""What a generator makes: reports in the order of time, what is true of each message, and the stories in them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streams.contract.events.report import AccountAge
from tests.evaluate.stages import DAY, START

AGES: tuple[AccountAge, ...] = ("under_1d", "under_1w", "under_1m", "under_1y", "over_1y")
# A large platform's accounts are mostly old ones.
HONEST_AGES = (1, 1, 8, 30, 60)
OLD_AGES = (0, 0, 8, 30, 60)
FRESH_AGES = (40, 40, 20, 0, 0)

# What a publisher leaves out of its reports, with its share of the channels. One in ten says neither.
PUBLISHERS = (((), 0.6), (("age",), 0.2), (("member",), 0.1), (("member", "age"), 0.1))


@dataclass(frozen=True, slots=True)
class Reporting:
    """One report at `at` (ms). Without a reporter it is anonymous."""

    at: int
    reporter: str | None
    channel: str
    message: str | None
    category: str = "fraud"
    member: bool | None = None
    age: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Messages of a channel that are reported from `begin` to `end` (ms), and the policy that counts them."""

    channel: str
    messages: tuple[str, ...]
    begin: int
    end: int
    policy: str = "fraud"


@dataclass(slots=True)
class Story:
    """Reports that belong together. `right`: the channel deserves them.

    `members` are the accounts of a brigade; for a wave, those who reported honestly.
    """

    name: str
    right: bool
    members: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """The reports in the order of time. `right`: messages that break the rules. `gone`: those not found.

    `honest` are reporters who belong to no brigade.
    """

    reports: list[Reporting]
    right: set[str]
    gone: set[str]
    honest: set[str]
    stories: list[Story]
    days: int


class Canvas:
    """What generators have in common: names, people with accounts, and reports as publishers write them."""

    def __init__(self, seed: int | str) -> None:
        self.rng = random.Random(seed)
        self.reports: list[Reporting] = []
        self.right: set[str] = set()
        self.gone: set[str] = set()
        self.age: dict[str, str] = {}
        self._number = 0
        self._leaves_out: dict[str, tuple[str, ...]] = {}

    def name(self, prefix: str) -> str:
        """Return a new ref."""
        self._number += 1
        return f"{prefix}-{self._number:x}"

    def people(self, number: int, ages: Iterable[float] = HONEST_AGES) -> list[str]:
        """Return new accounts, each of an age that is drawn with these weights."""
        found = [self.name("u") for _ in range(number)]
        self.age.update(zip(found, self.rng.choices(AGES, tuple(ages), k=number), strict=True))
        return found

    def message(self, right: float) -> str:
        """Return a new message that breaks the rules with this probability."""
        found = self.name("m")
        if self.rng.random() < right:
            self.right.add(found)
        return found

    def report(
        self,
        at: float,
        reporter: str | None,
        channel: str,
        message: str | None,
        member: float = 0.75,
        category: str = "fraud",
    ) -> None:
        """Add a report; its reporter is a member of the channel with probability `member`."""
        out = self._leaves_out.get(channel)
        if out is None:
            (out,) = self.rng.choices([kind for kind, _ in PUBLISHERS], [share for _, share in PUBLISHERS])
            self._leaves_out[channel] = out
        is_member = self.rng.random() < member
        self.reports.append(
            Reporting(
                int(at),
                reporter,
                channel,
                message,
                category,
                None if reporter is None or "member" in out else is_member,
                None if reporter is None or "age" in out else self.age[reporter],
            )
        )

    def lone_report(self, at: float, reporter: str, channels: Sequence[str]) -> None:
        """Add a report that nobody else makes. Large platforms act on about one notice in four."""
        self.report(at, reporter, self.rng.choice(channels), self.message(0.25))

    def tells_all(self, channel: str) -> None:
        """Let the publisher of a channel say who is a member and how old accounts are."""
        self._leaves_out[channel] = ()

    def tells_nothing(self, channel: str) -> None:
        """Let the publisher of a channel say neither."""
        self._leaves_out[channel] = ("member", "age")

    def world(self, honest: Iterable[str], stories: list[Story], days: int) -> World:
        """Return the world that was drawn."""
        end = START + days * DAY
        reports = [each for each in self.reports if START <= each.at < end]
        reports.sort(key=lambda each: (each.at, each.reporter or ""))
        return World(reports, self.right, self.gone, set(honest), stories, days)
