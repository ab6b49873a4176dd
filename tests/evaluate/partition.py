"""One partition of both stages in memory: it applies records, and what is known in it can be read."""

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from streams.contract.wire.records import Headers, OutputRecord
from streams.counting.categories import CategoryShare, shares_of, total_of
from streams.counting.sums import WindowCounts
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reporters.reporter import REPORTER, Reporter
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reporters.trust import Trust, trust_of
from streams.deciding.reports.escalation.integrity import Finding, find_coordination
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.rules import Rules
from tests.evaluate.watched_crowd import WatchedCrowd

_INTERNAL = ("reporters-internal", "message-reports-internal")


class Record(NamedTuple):
    """A record of a topic that the stages read."""

    topic: str
    timestamp: int
    value: bytes | None
    key: bytes | None = b"any"
    headers: Headers = ()
    offset: int = 0
    partition: int = 0


class Partition:
    """The state of both stages, which is never saved."""

    def __init__(self, rules: Rules) -> None:
        self._compiled = compile_report_rules(rules)
        self._trust = compile_reporter_rules(rules, hash_key=DEMONSTRATION.current)
        self._stages: tuple[Any, ...] = report_stage(self._compiled), reporter_stage(self._trust)
        self._states: tuple[Any, ...] = tuple(stage.restore(0, 1) for stage in self._stages)
        self._crowd = self._states[0].crowd = WatchedCrowd()
        self._offsets = count()

    def run(self, records: list[Record]) -> Iterator[OutputRecord]:
        """Apply records, and what they pass on from stage to stage, until nothing is left; yield the outputs."""
        while records:
            at = records[-1].timestamp
            passed: list[Record] = []
            for reporters in (False, True):
                own = [
                    each._replace(offset=next(self._offsets))
                    for each in records
                    if (each.topic == "reporters-internal") is reporters
                ]
                if not own:
                    continue
                for output in self._stages[reporters].apply(self._states[reporters], own).outputs:
                    if output.topic in _INTERNAL:
                        passed.append(_passed_on(output, at))
                    else:
                        yield output
            records = passed

    def tick(self, at: int) -> Iterator[OutputRecord]:
        """Take the steps that are due by `at` (ms), such as the end of a quiet episode; yield the outputs."""
        for stage, state in zip(self._stages, self._states, strict=True):
            tick = stage.tick(state, at)
            if tick is not None:
                yield from self.run([_passed_on(tick, at)])

    def counts(self, policy: str, channel: str) -> WindowCounts:
        """Return the counts of a policy's window in a channel."""
        found = next(each for (name, _), each in self._compiled.policies.items() if name == policy)
        state = self._states[0]
        now = state.time.now
        shares: list[CategoryShare] = shares_of(
            state.counts, channel.encode(), found.policy.categories, found.spec, now
        )
        return total_of(shares, found.spec, now) if shares else WindowCounts()

    def finding(self, policy: str, channel: str) -> Finding | None:
        """Return what a policy's window shows of coordinated reporting in a channel; None if nothing."""
        stamped = self.counts(policy, channel).stamped
        return find_coordination(stamped, self._crowd.arrivals_of(channel.encode()))

    def was_linked(self, reporter: str) -> bool:
        """Return whether a reporter was ever in a cluster of two or more."""
        return DEMONSTRATION.current.reporter_hash(reporter) in self._crowd.linked_reporters

    def trust(self, reporter: str, category: str, kind: Any, day: int) -> Trust:
        """Return the trust in a reporter's reports about a category on a day since the epoch."""
        rules = self._trust
        key = REPORTER + DEMONSTRATION.current.reporter_hash(reporter).to_bytes(8, "big")
        found = self._states[1].reporters.find(key) or Reporter()
        return trust_of(
            rules.trust, kind, found.outcomes(rules.trust, day), day, rules.categories[category].code
        )


def _passed_on(output: OutputRecord, at: int) -> Record:
    return Record(output.topic, at, output.value, output.key, output.headers)
