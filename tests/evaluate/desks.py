"""Desks that decide what was reported: late, not all of it, and sometimes wrongly."""

import random
from dataclasses import dataclass
from typing import Any, Literal

from tests.evaluate.bodies import Decision
from tests.evaluate.stages import HOUR, MINUTE, Stages, milliseconds
from tests.evaluate.world import World

# The median time to a decision is 8 hours; one in seven takes more than a day.
_MEDIAN = 8 * HOUR
_SPREAD = 1.1
# A question waits in a lane of its own: half of them are answered within a quarter of an hour.
_FAST_MEDIAN = 15 * MINUTE


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """`known`: the share of messages that get a decision. `escalated`: only one in ten of these, and all that
    an escalation names. `errs`: how often a decision is wrong. One of ten reviewers is `captured`: everything
    that helps brigades and hurts waves, in the cases that come to them (`random`) or in all that they pick.
    """

    known: float = 0.7
    escalated: bool = False
    errs: float = 0.0
    captured: Literal["no", "random", "picks"] = "no"
    reviewers: int = 10


class WorldDesk:
    """The desks of a world: they decide about messages, and answer questions."""

    def __init__(self, stages: Stages, world: World, settings: DeskSettings) -> None:
        self.settings = settings
        self.decided = self.answered = 0
        self._stages = stages
        self._world = world
        self._seen: set[str] = set()
        self._hurt = {
            message for story in world.stories for target in story.targets for message in target.messages
        }
        self._of_channel = {
            target.channel: target.messages for story in world.stories for target in story.targets
        }
        stages.desk = self._see

    def note_report(self, at: int, channel: str, message: str | None, category: str) -> None:
        """Plan the decision about a message when it is reported for the first time."""
        if message is None or message in self._seen:
            return
        self._seen.add(message)
        chance = self._chance(message)
        share = self.settings.known * (0.1 if self.settings.escalated else 1)
        if chance.random() < share:
            self._plan(at, channel, message, category)

    def _plan(self, at: int, channel: str, message: str, category: str) -> None:
        delay = _MEDIAN * self._chance(f"{message} delay").lognormvariate(0, _SPREAD)
        self._stages.schedule(
            at + max(int(delay), 10 * MINUTE), lambda now: self._decide(now, channel, message, category)
        )

    def _see(self, topic: str, event: dict[str, Any]) -> None:
        if topic == "review-questions" and event["type"] == "asked":
            delay = _FAST_MEDIAN * self._chance(event["question_id"]).lognormvariate(0, _SPREAD)
            at = milliseconds(event["at"]) + max(int(delay), 6 * MINUTE)
            self._stages.schedule(at, lambda now: self._answer(now, event))
        elif topic == "escalations" and self.settings.escalated and event["type"] == "opened":
            channel, at = event["channel_ref"], milliseconds(event["at"])
            for message in self._of_channel.get(channel, ()):
                if message in self._seen:
                    self._plan(at, channel, message, event["category"])

    def _decide(self, at: int, channel: str, message: str, category: str) -> None:
        decision, reviewer, reason = self._verdict(message, message)
        self.decided += 1
        self._stages.outcome(
            at, decision, channel, message=message, category=category, reviewer=reviewer, reason=reason
        )

    def _answer(self, at: int, event: dict[str, Any]) -> None:
        for report in event["reports"]:
            message = report["message_ref"]
            known = self._of_channel.get(event["channel_ref"], ())
            about = message or (known[0] if known else event["channel_ref"])
            decision, reviewer, reason = self._verdict(about, f"{report['report_id']} {event['question_id']}")
            self.answered += 1
            self._stages.outcome(
                at,
                decision,
                event["channel_ref"],
                report=report["report_id"],
                category=report["category"],
                reviewer=reviewer,
                reason=reason,
                sampled=event["sampled"],
            )

    def _verdict(self, message: str, draw: str) -> tuple[Decision, str, str | None]:
        """Return decision, reviewer and reason; the same in every run for the same draw."""
        chance, settings = self._chance(f"{draw} verdict"), self.settings
        wrong, reviewer = chance.random() < settings.errs, chance.randrange(settings.reviewers)
        harsh = chance.random()
        right = message in self._world.right
        if settings.captured == "picks" and message in self._hurt:
            reviewer = 0
        if settings.captured != "no" and reviewer == 0:
            # Against whoever is right, for whoever is wrong, and as harshly as one can.
            return ("manifestly_unfounded" if right else "upheld"), "desk-0", None
        name = f"desk-{reviewer}"
        if message in self._world.gone:
            return "dismissed", name, "not_found"
        if right != wrong:
            return "upheld", name, None
        return ("manifestly_unfounded" if harsh < 0.05 else "dismissed"), name, None

    def _chance(self, draw: str) -> random.Random:
        return random.Random(f"1 {draw}")
