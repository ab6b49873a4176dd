"""Plays an attack through the two real stages, with desks that decide what was reported."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

from streams.registry.rules import Rules
from tests.evaluate.adversary.plan import Plan
from tests.evaluate.stages import DAY, HOUR, MINUTE, START, Decision, Stages
from tests.evaluate.world import AGES

# The first target is attacked two weeks after the beginning, so that there is room for preparations.
FIRST: Final = START + 14 * DAY + 6 * HOUR
# Not everybody sees a post before it is gone.
BAIT_SEEN: Final = 0.8
# One of so many decides about a message.
REVIEWERS: Final = 10


@dataclass(frozen=True, slots=True)
class Wave:
    """People who report a real violation within `minutes`: most are members, mostly with old accounts."""

    people: int = 80
    members: float = 0.75
    minutes: int = 40


@dataclass(frozen=True, slots=True)
class Desk:
    """Decides each message after `delay_h`, and a question after `answer_h`; `wrong` in so many cases."""

    delay_h: float = 8.0
    answer_h: float = 0.5
    wrong: float = 0.0


class Event(NamedTuple):
    """A report, or what a desk decided (`decided`), with the arguments of Stages.report or .outcome."""

    at: int
    decided: bool
    fields: dict[str, Any]


class Battle:
    """An attack with a seed, in one category.

    `guilty` channels violate the rules; the others do not. `voices`: those in the window of the wave when it
    ends.
    """

    def __init__(
        self, plan: Plan, category: str, seed: int, wave: Wave | None = None, desk: Desk = Desk()
    ) -> None:
        self.plan = plan
        self.category = category
        self.seed = seed
        self.wave = wave
        self.desk = desk
        self.guilty = {f"own{number}" for number in range(plan.staged)}
        self.guilty |= {f"first{number}" for number in range(2 * plan.proven)}
        if wave is not None:
            self.guilty |= {target_name(number) for number in range(plan.targets)}
        self.own_messages = 0
        self.voices = 0.0

    def play(self, rules: Rules) -> Stages:
        """Return the stages after the attack, and a day later."""
        stages = Stages(rules, may_refuse=True)
        answers = Random(f"answers {self.seed}")

        def answer(topic: str, event: dict[str, Any]) -> None:
            if topic == "review-questions" and event["type"] == "asked":
                for each in event["reports"]:
                    self._answer(stages, event, each, answers)

        stages.desk = answer
        if self.wave is not None:
            over = FIRST + (self.plan.lead_min + self.wave.minutes) * MINUTE
            stages.schedule(over, lambda _: self._note_voices(stages))
        for at, decided, fields in sorted(self.events(), key=lambda event: event.at):
            publish: Any = stages.outcome if decided else stages.report
            publish(at, **fields)
        stages.run_until(self.target_at(self.plan.targets - 1) + DAY)
        return stages

    def _note_voices(self, stages: Stages) -> None:
        self.voices = stages.voices(self.category, target_name(0))

    def _answer(self, stages: Stages, event: dict[str, Any], drawn: dict[str, Any], rng: Random) -> None:
        channel = event["channel_ref"]
        message = drawn.get("message_ref")
        decision = self._decision(channel, message, rng)
        # The desk looks at the message, and its answer holds for all who reported that.
        about = {"report": drawn["report_id"]} if message is None else {"message": message}
        if channel == "bait":
            decision, about["reason"] = "dismissed", self.plan.bait_reason

        def decide(at: int) -> None:
            stages.outcome(
                at,
                decision,
                channel,
                reviewer=f"desk-{rng.randrange(REVIEWERS)}",
                **about,
                category=drawn["category"],
                sampled=event.get("sampled"),
            )

        stages.schedule(stages.now + round(self.desk.answer_h * HOUR), decide)

    def _decision(self, channel: str, message: str | None, rng: Random) -> Decision:
        """In a channel that violates the rules, one message does, and the channel as a whole."""
        right = channel in self.guilty and message in ("m", None)
        return "upheld" if right != (rng.random() < self.desk.wrong) else "dismissed"

    def target_at(self, number: int) -> int:
        """Return when (ms) the attack on a target begins."""
        return FIRST + number * self.plan.every_h * HOUR

    def events(self) -> Iterator[Event]:
        """Yield the reports, and the decisions about messages."""
        plan, rng = self.plan, Random(f"attack {self.seed}")
        for number in range(plan.staged):
            yield from self._prepared(f"own{number}", plan.staged + plan.history - number, rng)
        for number in range(2 * plan.proven):
            channel, then = f"first{number}", FIRST - (9 if number % 2 else 1) * DAY + number * MINUTE
            yield self._by(f"a{number // 2}", then, channel, "m", member=True)
            yield self._decided(then, channel, "m", rng)
        for number in range(plan.history):
            yield from self._prepared(f"before{number}", plan.history - number, rng)
        for number in range(plan.bait):
            at = FIRST - (plan.bait - number) * DAY
            yield from self._people("bait", f"bait{number}", at, f"bait {number}", BAIT_SEEN)
            yield self._decided(at + HOUR, "bait", f"bait{number}", rng, plan.bait_reason)
        for target in range(plan.targets):
            channel, at = target_name(target), self.target_at(target)
            events = [*self._beside(channel, at), *self._crowd(target, channel, at, rng)]
            if self.wave is not None:
                events += self._people(channel, "m", at + plan.lead_min * MINUTE, "wave")
            yield from events
            yield from self._decisions(channel, events, rng)

    def _prepared(self, channel: str, days: int, rng: Random) -> Iterator[Event]:
        """All accounts report one message of a channel, so many days before the first target."""
        at = FIRST - days * DAY
        for account in range(self.plan.accounts):
            yield self._by(f"a{account}", at + rng.randrange(HOUR), channel, "m", member=True)
        yield self._decided(at, channel, "m", rng)

    def _beside(self, channel: str, at: int) -> Iterator[Event]:
        plan = self.plan
        for number in range(plan.inflation):
            # The day before, ending six hours earlier: the usual rate of the channel rises.
            then = at - 6 * HOUR - (plan.inflation - number) * MINUTE
            yield self._by("inflates", then, channel, None, member=False, category="unspecified")
        for number in range(plan.findings):
            yield self._report(at + number, channel, f"known{number}", "scan", kind="automated")
        for number in range(plan.anonymous):
            then = at + number * plan.spread_min * MINUTE // plan.anonymous
            yield self._report(then, channel, None, None)

    def _crowd(self, target: int, channel: str, at: int, rng: Random) -> Iterator[Event]:
        plan = self.plan
        order = list(range(plan.accounts))
        if plan.shuffled:
            rng.shuffle(order)
        joined = set(rng.sample(order, round(plan.joined * plan.accounts)))
        for place, account in enumerate(order):
            name = f"a{target}-{account}" if plan.fresh else f"a{account}"
            for lone in range(plan.lone):
                elsewhere = f"other{target}-{place}-{lone}"
                yield self._by(name, at - rng.randrange(DAY), elsewhere, "m", member=False)
            for _ in range(plan.reports_each):
                message = self._message(place)
                then = at + rng.randrange(plan.spread_min * MINUTE)
                yield self._by(name, then, channel, message, member=account in joined)

    def _message(self, place: int) -> str | None:
        if self.plan.messages == "none":
            return None
        if self.plan.messages == "own":
            self.own_messages += 1
            return f"own{self.own_messages}"
        return f"m{place // self.plan.cell}" if self.plan.cell else "m"

    def _decisions(self, channel: str, events: list[Event], rng: Random) -> Iterator[Event]:
        """What the desk decides about each message of a target, counted from its first report."""
        first: dict[str, int] = {}
        for at, _, fields in events:
            message = fields.get("message")
            if fields["channel"] == channel and message is not None:
                first[message] = min(first.get(message, at), at)
        for message, at in first.items():
            yield self._decided(at, channel, message, rng)

    def _decided(self, at: int, channel: str, message: str, rng: Random, reason: str | None = None) -> Event:
        decision = self._decision(channel, message, rng) if reason is None else "dismissed"
        then = at + round(self.desk.delay_h * HOUR)
        fields = {"decision": decision, "channel": channel, "message": message, "category": self.category}
        fields["reviewer"] = f"desk-{rng.randrange(REVIEWERS)}"
        return Event(then, True, fields | ({} if reason is None else {"reason": reason}))

    def _people(self, channel: str, message: str, at: int, seed: str, share: float = 1.0) -> Iterator[Event]:
        assert self.wave is not None
        rng = Random(f"{seed} {self.seed}")
        for number in range(self.wave.people):
            if rng.random() >= share:
                continue
            # Membership and age are the person's in all that is reported.
            who = Random(f"person {self.seed} {number}")
            age = who.choices(AGES, (1, 2, 7, 20, 70))[0]
            member = who.random() < self.wave.members
            then = at + rng.randrange(self.wave.minutes * MINUTE)
            yield self._report(then, channel, message, f"h{self.seed}-{number}", age=age, member=member)

    def _by(
        self, account: str, at: int, channel: str, message: str | None, *, member: bool, category: str = ""
    ) -> Event:
        told = {} if self.plan.age is None else {"age": self.plan.age, "member": member}
        return self._report(at, channel, message, f"{account}-{self.seed}", category=category, **told)

    def _report(
        self,
        at: int,
        channel: str,
        message: str | None,
        reporter: str | None,
        category: str = "",
        **more: Any,
    ) -> Event:
        fields = {"channel": channel, "message": message, "reporter": reporter}
        return Event(at, False, fields | {"category": category or self.category} | more)


def highest(stages: Stages, policy: str, channel: str) -> int:
    """Return the highest level that a policy ever reached in a channel, whichever mode it has."""
    return max(stages.highest(policy, channel, mode) for mode in ("live", "shadow"))


def target_name(number: int) -> str:
    """Return the ref of a channel that is attacked, or in which the honest wave is."""
    return f"target{number}"
