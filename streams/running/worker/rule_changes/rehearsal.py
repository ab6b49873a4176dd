"""Executes a set of rules on sample reports and requests before anybody is judged by it."""

import base64
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.contract.events.escalation import Escalation
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.tick import encode_tick
from streams.contract.wire.records import DetachedRecord
from streams.contract.wire.times import DAY, HOUR, moment_ms
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    CLOCK_OUTCOMES,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    MESSAGE_REPORTS,
    MODERATION_OUTCOMES,
    VERIFIED_REPORTS,
)
from streams.deciding.partition.stage import Stage
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.stage import request_stage
from streams.registry.changes.golden import GoldenCase
from streams.registry.rules import Rules
from streams.running.topics.topic_catalogue import SCHEMAS

_SAMPLES: Final = (MESSAGE_REPORTS, VERIFIED_REPORTS, AUTHORITY_REQUESTS, CLOCK_OUTCOMES, MODERATION_OUTCOMES)
# Later than every sample, so that none is of the future.
_START: Final = moment_ms("2027-01-04T12:00:00.000Z")
# So many people report each category: enough for the first levels of most policies.
_PEOPLE: Final = 12
# After so long every episode that needs no desk has ended.
_LATER: Final = 40 * DAY

_decode = msgspec.json.Decoder(Escalation).decode


class Rehearsal:
    """One partition of each stage with some rules. `reached` has the highest level by channel and policy."""

    def __init__(self, rules: Rules) -> None:
        self.applied = 0
        self.reached: dict[tuple[str, str], int] = {}
        stages: tuple[Stage[Any, Any, Any], ...] = (
            report_stage(compile_report_rules(rules)),
            request_stage(compile_request_rules(rules)),
            reporter_stage(compile_reporter_rules(rules)),
        )
        self._by_topic = {topic: stage for stage in stages for topic in stage.sources}
        self._states = {stage.name: stage.restore(0, 1) for stage in stages}
        self._offset = 0

    def play(self, topic: str, key: bytes | None, value: bytes | None, headers: Any, at_ms: int) -> None:
        """Apply a record, and all that it leads to in other stages."""
        waiting = deque([(topic, key, value, headers)])
        while waiting:
            topic, key, value, headers = waiting.popleft()
            stage = self._by_topic[topic]
            self._offset += 1
            record = DetachedRecord(topic, 0, self._offset, at_ms, key, value, headers)
            batch = stage.apply(self._states[stage.name], [record])
            self.applied += batch.counters.applied
            for out in batch.outputs:
                if out.topic in self._by_topic:
                    waiting.append((out.topic, out.key, out.value, out.headers))
                elif out.topic in (ESCALATIONS, ESCALATIONS_SHADOW):
                    event = _decode(out.value or b"")
                    place = event.channel_ref, event.policy
                    self.reached[place] = max(event.level, self.reached.get(place, 0))

    def wait(self, at_ms: int) -> None:
        """Let time pass without reports."""
        for stage in {stage.name: stage for stage in self._by_topic.values()}.values():
            state = self._states[stage.name]
            value, headers = encode_tick(state.time.applied, at_ms)
            self.play(stage.sources.internal, None, value, headers, at_ms)


def rehearse(rules: Rules, cases: Iterable[GoldenCase]) -> list[str]:
    """Return what is wrong with some rules; whatever the code raises concerns them, too.

    Plays the sample events of the schemas, twelve people for every category, and the cases that the set
    brings along, each in a channel of its own; then lets time pass until episodes end.
    """
    play = Rehearsal(rules)
    for topic, key, headers, value in _samples():
        play.play(topic, key, value, headers, _START)
    moment = _START
    for category in rules.categories:
        for person in range(_PEOPLE):
            moment += 1_000
            _report(play, f"every-{category}", person, {"category": category}, moment)
    problems: list[str] = []
    for number, case in enumerate(cases):
        channel = f"golden-{number}"
        for person in range(case.people):
            moment += 1_000
            _report(play, channel, person, case.report, moment)
        reached = {policy: level for (place, policy), level in play.reached.items() if place == channel}
        if case.levels is not None and reached != case.levels:
            problems.append(
                f"golden_reports.yaml: cases[{number}] ({case.name}): reached {_levels(reached)}, and the "
                f"file expects {_levels(case.levels)}"
            )
    for later in (HOUR, DAY, _LATER):
        play.wait(moment + later)
    if not play.applied:
        problems.append("no sample report could be applied")
    return problems


def _levels(reached: Mapping[str, int]) -> str:
    return ", ".join(f"level {level} of {policy}" for policy, level in sorted(reached.items())) or "no level"


def _report(play: Rehearsal, channel: str, person: int, fields: Mapping[str, Any], at_ms: int) -> None:
    body = {
        "report_id": f"{channel}-{person}",
        "kind": "user_report",
        "occurred_at": rfc3339(at_ms),
        "channel": {"ref": channel, "visibility": "public"},
        "message_ref": f"{channel}-message",
        "reporter": {"kind": "user", "ref": f"{channel}-person-{person}"},
        **fields,
    }
    play.play(MESSAGE_REPORTS, channel.encode(), msgspec.json.encode(body), [], at_ms)


def _samples() -> Iterator[tuple[str, bytes | None, list[tuple[str, bytes]], bytes | None]]:
    for topic in _SAMPLES:
        for path in sorted((SCHEMAS / "examples" / topic).rglob("*.json")):
            yield topic, *_sample(path)


def _sample(path: Path) -> tuple[bytes | None, list[tuple[str, bytes]], bytes | None]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if "value_base64" in content:
        value: bytes | None = base64.b64decode(content["value_base64"])
    elif "value_text" in content:
        value = content["value_text"].encode()
    else:
        value = None if content["value"] is None else json.dumps(content["value"]).encode()
    key = content["key"]
    headers = [(name, text.encode()) for name, text in content["headers"].items()]
    return None if key is None else key.encode(), headers, value
