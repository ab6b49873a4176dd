"""Plays a world through the functions of the product, with outcomes that come late and not for every message."""

import heapq
import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import exp

from msgspec.structs import astuple, replace

from streams.contract.events.report import MessageReport
from streams.counting.attribution import Credit, KnownOutcome, MessageReporters
from streams.counting.coordination.arrivals import Arrivals
from streams.counting.coordination.assessment import assess
from streams.counting.coordination.clusters import MILLION, Clusters, ClusterSums, voices_millionths
from streams.counting.counts import ChannelCounts
from streams.deciding.reporters.reporter import CreditFacts, OutcomeFacts, Reporter, ReportFacts
from streams.deciding.reports.escalation.policies import compile_policy
from streams.deciding.reports.risk import reporter_weight
from streams.registry.loader import load_rules
from tests.categories import CODES
from tests.evaluate.world import DAY, HOUR, Reporting, World

RULES = load_rules()
CATEGORY = "fraud"
POLICY = next(policy for policy in RULES.policies if policy.id == CATEGORY)


@dataclass(slots=True)
class Message:
    reporters: MessageReporters = field(default_factory=MessageReporters)
    clusters: Clusters = field(default_factory=Clusters)
    sums: ClusterSums = ClusterSums()
    first: int | None = None


@dataclass(slots=True)
class Channel:
    """A channel that is watched: counted as today (by heads), and with voices and weights."""

    heads: ChannelCounts = field(default_factory=ChannelCounts)
    voiced: ChannelCounts = field(default_factory=ChannelCounts)
    recent: deque[tuple[int, ClusterSums]] = field(default_factory=deque)
    sums: ClusterSums = ClusterSums()
    arrivals: Arrivals = field(default_factory=Arrivals)
    opened: dict[tuple[int, str], int] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    suspected: dict[int, bool] = field(default_factory=dict)


@dataclass(slots=True)
class Played:
    """What came of it. `linked` reporters were in a cluster of two or more at least once."""

    linked: set[int]
    messages: dict[int, Message]
    channels: dict[int, Channel]
    reporters: dict[int, Reporter]


class Play:
    """One run. `known` is the share of messages that get an outcome."""

    def __init__(self, world: World, known: float, seed: int = 1) -> None:
        self.world = world
        self.known = known
        self.rng = random.Random(f"{seed} {known}")
        self.policy = compile_policy(POLICY, "live")
        self.messages: dict[int, Message] = defaultdict(Message)
        self.channels: dict[int, Channel] = defaultdict(Channel)
        self.reporters: dict[int, Reporter] = defaultdict(Reporter)
        self.linked: set[int] = set()
        self.founders: dict[int, tuple[object, int]] = {}
        self.due: list[tuple[int, int]] = []
        self.watched = world.wave_messages | {
            message for brigade in world.brigades for message in brigade.messages
        }

    def run(self) -> Played:
        for one in self.world.reports:
            while self.due and self.due[0][0] <= one.received:
                self.decide(*heapq.heappop(self.due))
            self.report(one)
        return Played(self.linked, dict(self.messages), dict(self.channels), dict(self.reporters))

    def report(self, one: Reporting) -> None:
        message = self.messages[one.message]
        if message.first is None:
            message.first = one.received
            if self.rng.random() < self.known:
                # The median time to a decision is 8 hours; one in seven takes more than a day.
                late = 8 * HOUR * self.rng.lognormvariate(0, 1)
                heapq.heappush(self.due, (int(one.received + late), one.message))
        seconds = one.received // 1000
        stamp = self.reporters[one.reporter].note_report(
            RULES.reporters,
            ReportFacts(
                "user", one.received, seconds, CODES[CATEGORY], one.message, one.channel, one.member, False
            ),
        )
        first = one.reporter not in message.reporters.reporters
        for credit in message.reporters.add_report(one.reporter, one.received):
            self.credit(one.received, one.message, credit)
        if first:
            known = stamp.trust.trust_class != "low"
            newest = message.clusters.alone[-1] if message.clusters.alone else None
            joined = message.clusters.add(stamp.signature, stamp.needed, known=known)
            message.sums = message.sums.plus(joined.added)
            if not joined.first:
                self.note_link(one.reporter, joined.size, message.clusters.groups[-1])
            elif message.clusters.alone and message.clusters.alone[-1] is not newest:
                founded = message.clusters.alone[-1]
                self.founders[id(founded)] = (founded, one.reporter)
        else:
            joined = None
        if one.message in self.watched:
            self.judge(one, stamp, joined)

    def note_link(self, reporter: int, size: int, group: object) -> None:
        """Remember who was linked, for the figures; the product keeps numbers only."""
        self.linked.add(reporter)
        if size == 2:
            self.linked.add(self.founders[id(group)][1])

    def judge(self, one: Reporting, stamp, joined) -> None:
        channel = self.channels[one.channel]
        channel.arrivals.add(
            one.received,
            one.reporter,
            POLICY.categories[0],
            first_time=stamp.first_time,
            young=one.age in ("under_1d", "under_1w"),
            outsider=not one.member,
        )
        weight = reporter_weight(RULES.scoring, "user", one.member, one.age)
        plain = self.risk(weight)
        factor = stamp.factor if joined is not None and joined.first else 0.0
        risk = self.risk(min(weight * factor, RULES.scoring.max_weight["user"])) if factor else 0
        channel.heads.add(one.received, one.received, "user", one.reporter, plain, None)
        channel.voiced.add(one.received, one.received, "user", one.reporter, risk, None)
        if joined is not None:
            channel.recent.append((one.received, joined.added))
            channel.sums = channel.sums.plus(joined.added)
        start = one.received // HOUR * HOUR - POLICY.window_ms + HOUR
        while channel.recent and channel.recent[0][0] < start:
            _, left = channel.recent.popleft()
            channel.sums = channel.sums.plus(ClusterSums(*(-number for number in astuple(left))))
        sums = channel.sums
        heads = channel.heads.measure(self.policy.spec, one.received)
        voiced = channel.voiced.measure(self.policy.spec, one.received)
        voices = voices_millionths(sums) // MILLION
        voiced = replace(voiced, distinct_reporters=min(voiced.distinct_reporters, voices))
        case = assess(sums, channel.arrivals.signs())
        level = self.policy.judge(voiced).level
        capped = min(level, 1) if case.suspected else level
        self.reached(channel, one, "heads", self.policy.judge(heads).level)
        self.reached(channel, one, "voices", capped)
        channel.suspected[one.message] = channel.suspected.get(one.message, False) or case.suspected

    def reached(self, channel: Channel, one: Reporting, how: str, level: int) -> None:
        if level:
            channel.opened.setdefault((one.message, how), one.received)
            channel.highest[how] = max(level, channel.highest.get(how, 0))

    @staticmethod
    def risk(weight: float) -> int:
        """The risk of a report in millionths, as RiskModel computes it without a classifier."""
        category = RULES.categories[CATEGORY]
        prior = category.prior / (1 - category.prior)
        odds = weight / (1 - weight)
        least = prior / exp(RULES.scoring.reports_clamp)
        odds = max(odds, least)
        return round(category.severity * odds / (1 + odds) * 1_000_000)

    def decide(self, at: int, number: int) -> None:
        message = self.messages[number]
        if self.world.right[number]:
            verdict = "upheld"
        else:
            verdict = "manifestly_unfounded" if self.rng.random() < 0.05 else "dismissed"
        percent = RULES.reporters.percent("one_reviewer", 1.0)
        decision = KnownOutcome(at // 1000, str(number), verdict, CATEGORY, percent)
        for credit in message.reporters.add_outcome(decision):
            self.credit(at, number, credit)

    def credit(self, at: int, number: int, credit: Credit) -> None:
        removed, added = (
            None
            if each is None
            else OutcomeFacts(each.decided_s * 1000 // DAY, each.verdict, CODES[each.category], each.percent)
            for each in (credit.removed, credit.added)
        )
        self.reporters[credit.reporter].credit(
            CreditFacts(at, credit.received_s, number, credit.verdict, removed, added)
        )
