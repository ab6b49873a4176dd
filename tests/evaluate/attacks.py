"""What attackers do: brigades by tactic, attacks on honest waves, and attacks on categories with a floor."""

from dataclasses import dataclass
from typing import Final, Literal

from tests.evaluate.stages import DAY, HOUR, MINUTE, START
from tests.evaluate.world import OLD_AGES, Canvas, Story, Target


@dataclass(frozen=True, slots=True)
class Tactic:
    """How a brigade avoids being recognised.

    `joined`: the share that joined the channel. `renewed`: the share of accounts that is new for each target.
    `messages`: all name the same one, fixed or shuffled cells of four their own, each another one, or none.
    `every`: time between targets (ms); None for any time. `lone`: reports of other channels by each account
    between two targets. `prepared`: each account first reports something right, or two messages that the
    brigade itself has posted in a channel of its own.
    """

    joined: float = 0.15
    ages: tuple[int, ...] = OLD_AGES
    renewed: float = 0.0
    messages: Literal["same", "few", "cells", "shuffled", "each", "none"] = "same"
    every: int | None = None
    lone: int = 0
    prepared: Literal["no", "right reports", "staged"] = "no"
    publisher: Literal["any", "tells all", "tells nothing"] = "any"


PLAIN: Final = Tactic(messages="few")
TACTICS: Final = {
    "no message named": Tactic(messages="none"),
    "joined, a target a week": Tactic(joined=1.0, every=7 * DAY),
    "two right reports first": Tactic(prepared="right reports"),
    "own channel staged first": Tactic(prepared="staged"),
    "fixed cells of four": Tactic(messages="cells"),
    "shuffled cells of four": Tactic(messages="shuffled"),
    "each account another message": Tactic(messages="each"),
    "half of the accounts new each time": Tactic(renewed=0.5),
    "all accounts new and joined": Tactic(joined=1.0, ages=(100, 0, 0, 0, 0), renewed=1.0),
    "joined, a target every 12 hours": Tactic(joined=1.0, every=12 * HOUR),
    "a target every 8 days": Tactic(every=8 * DAY),
    "four lone reports per target": Tactic(lone=4),
    "publisher omits member and age": Tactic(publisher="tells nothing"),
    "old outsiders": Tactic(joined=0.0, ages=(0, 0, 0, 0, 100), publisher="tells all"),
}
"""By name; the costliest to the rules of version 0.2 come first."""


def brigade(
    canvas: Canvas, name: str, size: int, targets: int, days: int, spread: int, channels: list[str]
) -> Story:
    """Add a brigade of `size` accounts that reports so many targets, each within `spread` ms."""
    rng = canvas.rng
    tactic = TACTICS.get(name, PLAIN)
    members = canvas.people(size, tactic.ages)
    everybody = list(members)
    story = Story(f"plain, {targets} targets" if name == "plain" else name, right=False)
    first = START + int(rng.random() * 2 * DAY)
    # A signature holds two weeks: a brigade that is slower is a tactic.
    fortnight = first + int(rng.random() * (days - 17) * DAY)
    for number in range(targets):
        at = fortnight + int(rng.random() * 14 * DAY)
        if tactic.every is not None:
            at = first + 2 * DAY + number * tactic.every
        elif name != "plain":
            # One after the other, a few days apart.
            at = first + 2 * DAY + int((number + 0.5 * rng.random()) * (days - 5) / targets * DAY)
        new = canvas.people(round(size * tactic.renewed), tactic.ages) if number else []
        members = members[len(new) :] + new
        everybody += new
        # Seven in ten take part; whoever plans a tactic makes sure that all do.
        taking_part = [who for who in members if name != "plain" or rng.random() < 0.7]
        story.targets.append(_attack(canvas, tactic, taking_part, at, spread))
        for who in taking_part:
            for _ in range(tactic.lone):
                canvas.lone_report(at - rng.random() * 2 * DAY, who, channels)
    if tactic.prepared != "no":
        _prepare(canvas, tactic, members, first, channels)
    elif name == "plain":
        # Half of the brigades have accounts that live an ordinary life too.
        for who in members if rng.random() < 0.5 else ():
            for _ in range(rng.randrange(1, 4)):
                canvas.lone_report(START + rng.random() * days * DAY, who, channels)
    story.members = everybody
    return story


def _attack(canvas: Canvas, tactic: Tactic, members: list[str], at: int, spread: int) -> Target:
    rng = canvas.rng
    channel = canvas.name("c")
    if tactic.publisher != "any":
        (canvas.tells_all if tactic.publisher == "tells all" else canvas.tells_nothing)(channel)
    number = {"same": 1, "few": rng.randrange(1, 4), "each": len(members), "none": 0}.get(
        tactic.messages, -(-len(members) // 4)
    )
    messages = tuple(canvas.message(0) for _ in range(number))
    order = rng.sample(members, len(members)) if tactic.messages == "shuffled" else members
    for place, who in enumerate(order):
        chosen: list[str | None] = [messages[place * number // len(order)] if messages else None]
        if tactic.messages == "few":
            chosen = rng.sample(messages, min(number, rng.randrange(1, 3)))
        for message in chosen:
            canvas.report(at + rng.random() * spread, who, channel, message, tactic.joined)
    return Target(channel, messages, at, at + spread)


def _prepare(canvas: Canvas, tactic: Tactic, members: list[str], at: int, channels: list[str]) -> None:
    rng = canvas.rng
    own, staged = canvas.name("c"), [canvas.message(1) for _ in range(2)]
    for who in members:
        for number in range(2):
            channel, message = own, staged[number]
            if tactic.prepared == "right reports":
                channel, message = rng.choice(channels), canvas.message(1)
            canvas.report(at + rng.random() * HOUR, who, channel, message)


WaveAttack = Literal[
    "one account, 80 reports",
    "80 new accounts, a report each",
    "30 linked accounts join",
    "owner deletes 3 posts",
    "2 borderline posts",
]
WAVE_ATTACKS: Final[tuple[WaveAttack, ...]] = (
    "one account, 80 reports",
    "owner deletes 3 posts",
    "80 new accounts, a report each",
    "30 linked accounts join",
    "2 borderline posts",
)


def attacked_wave(canvas: Canvas, honest: list[str], attack: WaveAttack, begin: int) -> Story:
    """Eighty people report a scam, and somebody tries to make them small.

    Who reported the posts that were deleted, or are no violation, are three in four of the wave.
    """
    rng = canvas.rng
    channel, message = canvas.name("c"), canvas.message(1)
    canvas.tells_all(channel)
    people = rng.sample(honest, 80)
    before = begin - HOUR
    if attack == "one account, 80 reports":
        (who,) = canvas.people(1, (1, 0, 0, 0, 0))
        for _ in range(80):
            canvas.report(before + rng.random() * 50 * MINUTE, who, channel, None, 0, "unspecified")
    elif attack == "80 new accounts, a report each":
        for who in canvas.people(80, (1, 0, 0, 0, 0)):
            canvas.report(before + rng.random() * 50 * MINUTE, who, channel, canvas.message(0), 0, "spam")
    elif attack == "30 linked accounts join":
        linked = canvas.people(30, OLD_AGES)
        for day in (6, 4):
            other, target = canvas.name("c"), canvas.message(0)
            for who in linked:
                canvas.report(begin - day * DAY + rng.random() * HOUR, who, other, target, 0)
        for who in linked:
            canvas.report(before + rng.random() * HOUR, who, channel, message, 0)
    else:
        posts = 3 if attack == "owner deletes 3 posts" else 2
        for number in range(posts):
            bait = canvas.message(0)
            if attack == "owner deletes 3 posts":
                canvas.gone.add(bait)
            for who in people:
                if rng.random() < 0.75:
                    at = begin - (3 + 2 * number) * DAY + rng.random() * HOUR
                    canvas.report(at, who, channel, bait, 0.75)
    return wave(canvas, f"wave, {attack}", people, channel, message, begin, 0.75)


def wave(
    canvas: Canvas, name: str, people: list[str], channel: str, message: str, begin: int, member: float
) -> Story:
    """Add people who report a message that breaks the rules, half of them within the first twenty minutes."""
    last = begin
    for who in people:
        at = int(begin + canvas.rng.expovariate(1 / (30 * MINUTE)))
        canvas.report(at, who, channel, message, member)
        last = max(last, at)
    return Story(name, True, people, [Target(channel, (message,), begin, last)])


FLOOR_ATTACKS: Final = {
    "one account, 33 csam reports": ("child-safety", "csam", 1, 33),
    "one account, 15 threats": ("threat-to-life", "threat_to_life", 1, 15),
    "40 anonymous csam reports": ("child-safety", "csam", 0, 40),
    "15 accounts of a day, terrorism": ("terrorism", "terrorism", 15, 6),
    "6 accounts of a day, self-harm": ("persons-at-risk", "self_harm", 6, 2),
}
"""By name: policy, category, accounts (0: without a ref), reports of each."""


def floor_attack(canvas: Canvas, name: str, at: int) -> Story:
    """Add an attack on an innocent channel by new accounts that joined it, each report about another message."""
    policy, category, accounts, each = FLOOR_ATTACKS[name]
    channel = canvas.name("c")
    canvas.tells_all(channel)
    people: list[str | None] = [*canvas.people(accounts, (1, 0, 0, 0, 0))] or [None]
    for number in range(each):
        for who in people:
            message = None if who is None else canvas.message(0)
            canvas.report(at + number * 5 * MINUTE, who, channel, message, 1, category)
    target = Target(channel, (), at, at + each * 5 * MINUTE, policy)
    return Story(name, right=False, members=[who for who in people if who], targets=[target])


def guard_rail_day(canvas: Canvas, day: int) -> Story:
    """A brigade of 40 attacks on a day on which 110 pairs of accounts are linked, so that links have no effect.

    Pairs and brigade have two targets behind them; the third one is the story's.
    """
    rng = canvas.rng
    pairs = [canvas.people(2, OLD_AGES) for _ in range(110)]
    brigade_members = canvas.people(40, OLD_AGES)
    for before in (5, 3):
        for group in (*pairs, brigade_members):
            channel, message = canvas.name("c"), canvas.message(0)
            canvas.tells_all(channel)
            for who in group:
                canvas.report(day - before * DAY + rng.random() * HOUR, who, channel, message, 0)
    for pair in pairs:
        channel, message = canvas.name("c"), canvas.message(0)
        canvas.tells_all(channel)
        for who in pair:
            canvas.report(day + rng.random() * HOUR, who, channel, message, 0)
    channel, message = canvas.name("c"), canvas.message(0)
    canvas.tells_all(channel)
    begin = day + 2 * HOUR
    for who in brigade_members:
        canvas.report(begin + rng.random() * 10 * MINUTE, who, channel, message, 0)
    target = Target(channel, (message,), begin, begin + 10 * MINUTE)
    return Story(
        "brigade on a day of 110 linked pairs", right=False, members=brigade_members, targets=[target]
    )
