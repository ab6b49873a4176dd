"""Both stages of reports and reporters in memory, in event time, with the shipped rules: what a platform would
get for what it publishes.

    stages = Stages(shipped(integrity="live"))
    for number in range(80):
        stages.report(START + number * SECOND, "channel", "fraud", f"u{number}", member=True, message="m1")
    stages.outcome(START + HOUR, "dismissed", "channel", message="m1")
    stages.run_until(START + DAY)
    stages.highest("fraud", "channel")              # 2
    stages.reached("fraud", "channel", 2)           # ms since the epoch
    stages.voices("fraud", "channel")               # 80.0
    stages.trust("u1").trust_class                  # "low"

Publish in the order of time. Records go through the same hops as in a worker: the gate, the home of the
reporter, the home of the channel. One partition, without Kafka, and state that is never saved.

Reports are applied together while they are at most `together` ms apart, as a worker does; an outcome, a
question to the stages or anything that is scheduled applies what waits. So a desk that answers after more than
`together` finds what it would find live.

A desk is a function that is called with each event of `KEPT` topics: `stages.desk = answer`. It publishes later
with `stages.schedule(at, function)`. See desks.py.
"""

import dataclasses
import gc
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Literal, NamedTuple
from zlib import crc32

import msgspec

from streams.contract.events.escalation import PolicyMode
from streams.contract.wire.records import OutputRecord
from streams.counting.coordination.clusters import linked_of
from streams.counting.measures import MEASURES
from streams.counting.sums import WindowCounts
from streams.deciding.reporters.trust import Trust
from streams.deciding.reports.escalation.integrity import Finding
from streams.registry.rules import IntegrityMode, Rules
from tests.evaluate.bodies import Decision, outcome_body, report_body
from tests.evaluate.partition import Partition, Record
from tests.shipped import RULES

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# 00:00 UTC of a day in 2026, a pane boundary of every ring.
START = 20_700 * DAY

KEPT = frozenset({"escalations", "escalations-shadow", "integrity-cases", "review-questions"})
"""The topics whose events are decoded and kept in `events`."""

Desk = Callable[[str, dict[str, Any]], None]

_PEOPLE = 10
# Records that wait; a batch of them takes a tenth of a second.
_MOST_WAITING = 500


def shipped(
    *,
    integrity: IntegrityMode | None = None,
    ask: Literal["live", "shadow", "off"] | None = None,
    modes: Mapping[str, Literal["live", "shadow", "off"]] | None = None,
) -> Rules:
    """Return the shipped rules with another mode of integrity, of asking, or of policies by id."""
    chosen = RULES.policies
    if modes:
        chosen = tuple(dataclasses.replace(each, mode=modes.get(each.id, each.mode)) for each in chosen)
    asking = RULES.ask
    if ask is not None:
        assert asking is not None, "the file of policies says nothing of asking"
        asking = None if ask == "off" else dataclasses.replace(asking, mode=ask)
    return dataclasses.replace(RULES, policies=chosen, integrity=integrity or RULES.integrity, ask=asking)


class Reached(NamedTuple):
    """A level that a policy reached in a channel, at a time in ms since the epoch; 0 when its episode resolved."""

    at: int
    level: int


class Stages:
    """The two stages, and what came out of them.

    `events`: the decoded events of the topics in KEPT. `levels`: by (policy, mode, channel), in the order of
    time; 0 when an episode resolved. `refused`: reasons of dead letters, which are raised as errors unless `may_refuse`.
    """

    def __init__(
        self,
        rules: Rules = RULES,
        *,
        together: int = MINUTE,
        may_refuse: bool = False,
    ) -> None:
        self.rules = rules
        self.together = together
        self.may_refuse = may_refuse
        self.desk: Desk | None = None
        self.now = 0
        self.events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.levels: dict[tuple[str, PolicyMode, str], list[Reached]] = defaultdict(list)
        self.refused: Counter[str] = Counter()
        self._partition = Partition(rules)
        self._waiting: list[Record] = []
        self._due: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = count(1)

    # Publishing

    def report(
        self,
        at: int,
        channel: str,
        category: str = "fraud",
        reporter: str | None = None,
        **fields: Any,
    ) -> str:
        """Publish a report that happened at `at` (ms), and return its id; `fields` are those of `report_body`.

        Without a `reporter` it is anonymous, without a ref. What only detectors and trusted flaggers publish
        goes to verified-reports.
        """
        report_id = f"r-{next(self._numbers)}"
        body = report_body(report_id, at, channel, category, reporter, **fields)
        topic = "message-reports" if body["kind"] == "user_report" else "verified-reports"
        if reporter is None:
            # It goes straight to its channel, and would overtake those that wait for their reporters' home.
            self.apply()
        self.publish(topic, at, body)
        return report_id

    def outcome(self, at: int, decision: Decision, channel: str, **fields: Any) -> str:
        """Publish what a desk decided at `at` (ms), and return the id of the outcome.

        `fields` are those of `outcome_body`: it is about a `message`, a `report` or an `escalation`. Without a
        `reviewer` it is any of ten people: what one of them alone decides about a reporter counts little.
        """
        outcome_id = f"o-{next(self._numbers)}"
        fields.setdefault("reviewer", f"desk-{crc32(outcome_id.encode()) % _PEOPLE}")
        self.publish("moderation-outcomes", at, outcome_body(outcome_id, at, decision, channel, **fields))
        # What follows a decision must see it.
        self.apply()
        return outcome_id

    def publish(self, topic: str, at: int, body: Mapping[str, Any]) -> None:
        """Publish any event as plain JSON, appended at `at` (ms)."""
        self._serve(at)
        if self._waiting and (
            at > self._waiting[0].timestamp + self.together or len(self._waiting) >= _MOST_WAITING
        ):
            self.apply()
        self.now = max(self.now, at)
        self._waiting.append(Record(topic, at, msgspec.json.encode(body)))

    def schedule(self, at: int, action: Callable[[int], None]) -> None:
        """Call `action(at)` when all that was published before `at` (ms) is applied."""
        heapq.heappush(self._due, (at, next(self._numbers), action))

    def run_until(self, at: int) -> None:
        """Let time pass up to `at` (ms): what is scheduled happens, and quiet episodes resolve."""
        self._serve(at)
        self.apply()
        self.now = max(self.now, at)
        self._take(self._partition.tick(at))
        self._serve(at)

    def apply(self) -> None:
        """Apply all that was published."""
        waiting, self._waiting = self._waiting, []
        self._take(self._partition.run(waiting))

    # Reading

    def highest(self, policy: str, channel: str, mode: PolicyMode = "live") -> int:
        """Return the highest level that a policy ever reached in a channel; 0 if none."""
        self.apply()
        return max((each.level for each in self.levels.get((policy, mode, channel), ())), default=0)

    def reached(self, policy: str, channel: str, level: int, mode: PolicyMode = "live") -> int | None:
        """Return when (ms) a policy first reached a level or a higher one in a channel; None if never."""
        self.apply()
        found = self.levels.get((policy, mode, channel), ())
        return next((each.at for each in found if each.level >= level), None)

    def counts(self, policy: str, channel: str) -> WindowCounts:
        """Return the counts of a policy's window in a channel, now."""
        self.apply()
        return self._partition.counts(policy, channel)

    def measure(self, name: str, policy: str, channel: str) -> float:
        """Return a measure of a policy's window in a channel, now."""
        return MEASURES[name].value(self.counts(policy, channel))  # type: ignore[index]

    def voices(self, policy: str, channel: str) -> float:
        """Return the voices of a policy's window in a channel, now."""
        return self.measure("voices", policy, channel)

    def linked(self, policy: str, channel: str) -> int:
        """Return how many reports of a policy's window in a channel are in clusters of two or more, now."""
        return linked_of(self.counts(policy, channel).stamped.sums)

    def finding(self, policy: str, channel: str) -> Finding | None:
        """Return what a policy's window shows of coordinated reporting in a channel, now; None if nothing."""
        self.apply()
        return self._partition.finding(policy, channel)

    def suspected(self, policy: str, channel: str) -> bool:
        """Return whether a brigade is suspected in a policy's window in a channel, now."""
        found = self.finding(policy, channel)
        return found is not None and found.suspected

    def was_linked(self, reporter: str) -> bool:
        """Return whether a reporter was ever in a cluster of two or more."""
        self.apply()
        return self._partition.was_linked(reporter)

    def trust(self, reporter: str, category: str = "fraud", kind: str = "user") -> Trust:
        """Return the trust in a reporter's reports about a category, now."""
        self.apply()
        return self._partition.trust(reporter, category, kind, self.now // DAY)

    def cases(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the cases for people, of a kind or all."""
        self.apply()
        return [each for each in self.events["integrity-cases"] if kind in (None, each["kind"])]

    def questions(self, of_type: str = "asked") -> list[dict[str, Any]]:
        """Return the questions to desks of a type: asked, answered or withdrawn."""
        self.apply()
        return [each for each in self.events["review-questions"] if each["type"] == of_type]

    # Inside

    def _serve(self, until: int) -> None:
        while self._due and self._due[0][0] <= until:
            self.apply()
            # Applying may have scheduled something earlier.
            at, _, action = heapq.heappop(self._due)
            self.now = max(self.now, at)
            action(at)
            self.apply()

    def _take(self, outputs: Iterable[OutputRecord]) -> None:
        for output in outputs:
            topic = output.topic
            if topic in KEPT:
                self._note(topic, msgspec.json.decode(output.value or b""))
            elif topic == "dead-letters":
                reason = (dict(output.headers)["tocsin-reason"] or b"").decode()
                self.refused[reason] += 1
                assert self.may_refuse, output

    def _note(self, topic: str, event: dict[str, Any]) -> None:
        self.events[topic].append(event)
        if topic.startswith("escalations"):
            key = event["policy"], event["mode"], event["channel_ref"]
            level = 0 if event["type"] == "resolved" else event["level"]
            self.levels[key].append(Reached(milliseconds(event["at"]), level))
        if self.desk is not None:
            self.desk(topic, event)


def milliseconds(text: str) -> int:
    """Return a time of an event in ms since the epoch."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def without_garbage_collection() -> None:
    """Freeze what there is, as workers do: a simulation makes millions of small objects and few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
