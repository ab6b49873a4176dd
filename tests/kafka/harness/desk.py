"""The desks that handle legal clocks: they read clocks from the outputs and publish the outcomes."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from tests.kafka.harness.deployment import ESCALATIONS, OUTCOMES, ROUTING, Deployment
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT, MURMUR2
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published, now_ms, rfc3339, to_ms

LEGAL_CLOCK = "legal-clock"

# The only duty in the traffic whose clock may be paused: Regulation (EU) 2021/784 art. 3(7) and 3(8).
PAUSABLE = {"EU.tco.art3-3": ("force_majeure", "manifest_errors", "insufficient_information")}
# A clock is paused only with this much time left, or it might lapse before the outcome is applied.
TIME_TO_PAUSE_MS = 5 * 60_000


@dataclass(slots=True)
class Seen:
    """A clock found in the outputs, its last status, and the outcomes published for it."""

    clock_id: str
    obligation: str
    subject: str
    key: str
    due_ms: int
    status: str = "running"
    outcomes: list[str] = field(default_factory=list)


class Desk:
    """Reads the outputs as a desk would, and publishes to `clock-outcomes`.

    It is seeded, but what it finds in the outputs depends on timing. `applied` are the outcomes that must
    take effect, in order, by clock id; `refused` are the records that must become dead letters; `repeats`
    counts the records that were published a second time.
    """

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self.applied: dict[str, list[str]] = {}
        self.refused: list[Published] = []
        self.repeats = 0
        self.published = 0
        self._deployment = deployment
        self._chance = random.Random(seed)
        self._clocks: dict[str, Seen] = {}
        self._read: Counter[tuple[str, int]] = Counter()
        self.reader = Reader(deployment.bootstrap, map(deployment.name, (ESCALATIONS, ROUTING)))

    def work(self) -> None:
        """Read what is new in the outputs, and publish outcomes for some clocks."""
        new = list(self._new_clocks())
        waiting: list[Published] = []
        for clock in new:
            waiting += self._outcomes_for(clock)
        for clock in self._clocks.values():
            # A clock is resumed only once the outputs show it as paused.
            if clock.status == "paused" and clock.outcomes == ["paused"]:
                waiting += self._accepted(clock, "resumed")
            elif clock.status in ("fulfilled", "withdrawn") and self._chance.random() < 0.05:
                waiting += self._refused(clock, clock.status, "clock_not_running")
        for _ in range(1 + len(new) // 50):
            subject = self._chance.choice(("report", "request"))
            unknown = Seen("0000-no-such-clock", "", subject, f"nobody-{self.published}-{len(waiting)}", 0)
            waiting += self._refused(unknown, "fulfilled", "clock_not_running")
        half = len(waiting) // 2
        for records, partitioner in ((waiting[:half], MURMUR2), (waiting[half:], LIBRDKAFKA_DEFAULT)):
            self._deployment.publisher(partitioner, OUTCOMES).publish(records)
        self.published += len(waiting)

    def end(self) -> None:
        """Close the reader."""
        self.reader.__exit__()

    def _new_clocks(self) -> Iterator[Seen]:
        self.reader.catch_up()
        for topic, partitions in self.reader.rows.items():
            for partition, rows in partitions.items():
                fresh = rows[self._read[topic, partition] :]
                self._read[topic, partition] = len(rows)
                for row in fresh:
                    yield from self._read_event(orjson.loads(row.value))

    def _read_event(self, event: dict) -> Iterator[Seen]:
        if event.get("policy", LEGAL_CLOCK) != LEGAL_CLOCK:
            return
        is_report = "policy" in event
        for view in [event["clock"]] if is_report else event["clocks"]:
            known = self._clocks.get(view["clock_id"])
            if known is not None:
                known.status = view["status"]
                continue
            subject, key = ("report", event["channel_ref"]) if is_report else ("request", event["request_id"])
            clock = Seen(view["clock_id"], view["obligation"], subject, key, to_ms(view["due_at"]))
            self._clocks[clock.clock_id] = clock
            yield clock

    def _outcomes_for(self, clock: Seen) -> list[Published]:
        dice = self._chance.random()
        reasons = PAUSABLE.get(clock.obligation)
        if reasons is not None and dice < 0.5 and clock.due_ms - now_ms() > TIME_TO_PAUSE_MS:
            return self._accepted(clock, "paused", self._chance.choice(reasons))
        if dice < 0.3:
            return self._accepted(clock, self._chance.choice(("fulfilled", "withdrawn")))
        if dice < 0.35:
            return self._refused(clock, "paused", "not_pausable")
        if dice < 0.4:
            return self._refused(clock, "resumed", "not_pausable")
        return []

    def _accepted(self, clock: Seen, outcome: str, reason: str | None = None) -> list[Published]:
        clock.outcomes.append(outcome)
        self.applied.setdefault(clock.clock_id, []).append(outcome)
        record = self._record(clock, outcome, reason)
        if self._chance.random() < 0.2:
            self.repeats += 1
            return [record, record]
        return [record]

    def _refused(self, clock: Seen, outcome: str, why: str) -> list[Published]:
        record = self._record(clock, outcome, "somebody_is_ill" if outcome == "paused" else None)
        refused = Published(record.key, record.value, None, why)
        self.refused.append(refused)
        return [refused]

    def _record(self, clock: Seen, outcome: str, reason: str | None) -> Published:
        document = {
            "outcome_id": f"o-{self._chance.getrandbits(64):x}",
            "clock_id": clock.clock_id,
            "subject": clock.subject,
            "key": clock.key,
            "outcome": outcome,
            "occurred_at": rfc3339(now_ms()),
            "actor": "desk-1",
            **({"reason": reason} if reason else {}),
        }
        key = self._chance.choice((clock.key.encode(), None, b"whatever"))
        return Published(key, orjson.dumps(document))
