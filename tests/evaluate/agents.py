"""The second generator: nothing is labelled. People belong to communities, see messages, and react by opinion.

Who sees what follows memberships that overlap, attention goes to what already has it, and each report brings
further ones as people show a message to others (a self-exciting process). Whether a message breaks the rules
is a matter of its harm; people also report what they merely disagree with. Brigades are communities that a
caller sends to what they oppose, with an ordinary life beside it.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field

from tests.evaluate.stages import DAY, HOUR, MINUTE, START
from tests.evaluate.world import HONEST_AGES, OLD_AGES, Canvas, Story, Target, World


@dataclass(frozen=True, slots=True)
class Society:
    """How large it is. `posts` is the number of messages that some people find worth a report."""

    people: int = 2_500
    communities: int = 16
    channels: int = 160
    posts: int = 3_000
    callers: int = 5
    targets: int = 6
    days: int = 30


QUICK = Society(people=1_200, communities=7, channels=60, posts=1_200, callers=2, targets=4)

# Whether somebody reports what they see is a logistic choice: harm and disagreement against a reluctance that
# differs from person to person. With these numbers a reporter makes some four reports a month, half of the
# messages have one reporter, three reports in ten are part of a wave, and who is in waves is in two of them.
# They were chosen by these four figures. With a first setting eight reports in ten were part of a wave.
_HARM, _DISAGREEMENT, _RELUCTANCE, _DIFFERS = 9.0, 4.0, 11.5, 1.5
# Further people to whom each report shows the message, and how soon. A fifth of those who see the worst report
# it, so a report brings less than one other.
_SHOWN, _SOON = 1.0, 12 * MINUTE
# Messages above it break the rules; desks see those about it one way or the other.
_BREAKS = 0.62
_WAVE = 20


@dataclass(slots=True)
class _Person:
    ref: str
    opinion: tuple[float, float]
    communities: tuple[int, ...]
    reluctance: float


@dataclass(slots=True)
class _Channel:
    ref: str
    community: int
    stance: tuple[float, float]
    attention: float
    members: set[str] = field(default_factory=set)


class _Agents:
    def __init__(self, seed: int, society: Society) -> None:
        self.canvas = Canvas(f"agents {seed}")
        self.rng = self.canvas.rng
        self.society = society
        rng = self.rng
        centres = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(society.communities)]
        # Communities are of all sizes, and who is in one is more likely to be in its neighbour.
        sizes = [rng.paretovariate(1.3) for _ in centres]
        self.by_community: dict[int, list[_Person]] = defaultdict(list)
        self.people = []
        for ref in self.canvas.people(society.people, HONEST_AGES):
            (home,) = rng.choices(range(len(centres)), sizes)
            belongs = {home}
            for other in range(len(centres)):
                distance = math.dist(centres[home], centres[other])
                if rng.random() < 0.25 * math.exp(-4 * distance):
                    belongs.add(other)
            opinion = tuple(rng.gauss(value, 0.25) for value in centres[home])
            person = _Person(
                ref, (opinion[0], opinion[1]), tuple(sorted(belongs)), rng.gauss(_RELUCTANCE, _DIFFERS)
            )
            self.people.append(person)
            for community in person.communities:
                self.by_community[community].append(person)
        self.channels = []
        for _ in range(society.channels):
            community = rng.randrange(len(centres))
            stance = centres[community]
            channel = _Channel(self.canvas.name("c"), community, stance, rng.paretovariate(1.1))
            crowd = self.by_community[community]
            channel.members = {each.ref for each in crowd if rng.random() < 0.85}
            self.channels.append(channel)

    def build(self) -> World:
        society, rng = self.society, self.rng
        stories = []
        for _ in range(society.posts):
            # What has attention gets more of it.
            (channel,) = rng.choices(self.channels, [each.attention for each in self.channels])
            channel.attention += 0.3
            harm = rng.betavariate(1.1, 2.2)
            stance = (channel.stance[0] + rng.gauss(0, 0.3), channel.stance[1] + rng.gauss(0, 0.3))
            at = START + int(rng.random() * (society.days - 1) * DAY)
            story = self._spread(channel, harm, stance, at)
            if story is not None:
                stories.append(story)
        for _ in range(society.callers):
            stories.append(self._brigade())
        return self.canvas.world([each.ref for each in self.people], stories, society.days)

    def _spread(self, channel: _Channel, harm: float, stance: tuple[float, float], at: int) -> Story | None:
        """Let people report a message, and show it to others; return its story if it became a wave."""
        rng, canvas = self.rng, self.canvas
        # Desks see a message about the border one way or the other.
        message = canvas.message(1 / (1 + math.exp(-30 * (harm - _BREAKS))))
        readers = self.by_community[channel.community]
        first = min(len(readers), int(rng.paretovariate(1.0) * 10))
        waiting = [(at + rng.expovariate(1 / (2 * HOUR)), each) for each in rng.sample(readers, first)]
        seen: set[str] = set()
        reported: list[tuple[int, str]] = []
        while waiting and len(reported) < 400:
            waiting.sort(key=lambda each: -each[0])
            when, person = waiting.pop()
            if person.ref in seen:
                continue
            seen.add(person.ref)
            disagreement = math.dist(person.opinion, stance)
            wish = _HARM * harm + _DISAGREEMENT * disagreement - person.reluctance
            if rng.random() > 1 / (1 + math.exp(-wish)):
                continue
            member = 1.0 if person.ref in channel.members else 0.0
            canvas.report(when, person.ref, channel.ref, message, member)
            reported.append((int(when), person.ref))
            friends = self.by_community[rng.choice(person.communities)]
            for _ in range(int(rng.expovariate(1 / _SHOWN))):
                waiting.append((when + rng.expovariate(1 / _SOON), rng.choice(friends)))
        if len(reported) < _WAVE:
            return None
        right = message in canvas.right
        times = sorted(each for each, _ in reported)
        target = Target(channel.ref, (message,), times[0], times[-1])
        name = "wave by itself" if right else "quarrel"
        return Story(name, right, [who for _, who in reported], [target])

    def _brigade(self) -> Story:
        """Part of a community, sent several times to channels that they oppose, for messages without harm."""
        rng, canvas, society = self.rng, self.canvas, self.society
        (community,) = rng.choices(
            list(self.by_community), [len(each) for each in self.by_community.values()]
        )
        opinion = self.by_community[community][0].opinion
        opposed = sorted(self.channels, key=lambda each: -math.dist(each.stance, opinion))[:40]
        accounts = canvas.people(rng.randrange(25, 90), OLD_AGES)
        story = Story("called brigade", right=False, members=accounts)
        at = START + rng.random() * 5 * DAY
        for channel in rng.sample(opposed, society.targets):
            messages = tuple(canvas.message(0) for _ in range(rng.randrange(1, 4)))
            begin = int(at)
            last = begin
            # A call reaches some at once, and each who follows it reminds others.
            for who in accounts:
                if rng.random() < 0.7:
                    delay = rng.expovariate(1 / (8 * MINUTE)) * (1 + 5 * rng.random() ** 4)
                    for message in rng.sample(messages, 1 if rng.random() < 0.7 else len(messages)):
                        canvas.report(begin + delay, who, channel.ref, message, 0.2)
                    last = max(last, int(begin + delay))
            story.targets.append(Target(channel.ref, messages, begin, last))
            at += rng.expovariate(1 / (2.5 * DAY)) + 6 * HOUR
        for who in accounts:
            if rng.random() < 0.5:
                refs = [each.ref for each in self.channels]
                canvas.lone_report(START + rng.random() * society.days * DAY, who, refs)
        return story


def agent_world(seed: int, society: Society) -> World:
    """Return the society of a seed, and what it reports."""
    return _Agents(seed, society).build()
