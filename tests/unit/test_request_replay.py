"""The routing topic holds the order in which requests, outcomes and ticks were applied."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.enriched_report import Source
from streams.contract.wire.origin import with_origin
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.deciding.requests.state import restore_requests
from tests.replay_order import Applied, AppliedOutcome, applied_of_routing, order_of_application
from tests.unit.request_traffic import (
    INTERNAL,
    NOON,
    ROUTING,
    RULES,
    new_requests,
    outcome_record,
    removal_order,
    request_record,
    routings,
    run_requests,
    tick_record,
)
from tests.unit.traffic import MINUTE, Record, fold

PARTITIONS = 2
HERE = [f"q{n}" for n in range(200) if home_partition(b"q%d" % n, PARTITIONS) == 0][:60]
ELSEWHERE = next(f"q{n}" for n in range(30) if home_partition(b"q%d" % n, PARTITIONS) == 1)
WORDS = ("paused", "resumed", "fulfilled", "withdrawn")

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "request",
                "request",
                "duplicate",
                "bad",
                "elsewhere",
                "rekeyed",
                "tick",
                "tick read later",
                *WORDS,
            ]
        ),
        st.integers(0, 3),
        st.sampled_from([0, 1, 6, 25, 40]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=100)
@given(steps=steps, cuts=st.sets(st.integers(1, 60)))
def test_replay_writes_the_same_bytes_in_batches_of_any_size(
    steps: list[tuple[str, int, int]], cuts: set[int]
) -> None:
    owner = Owner()
    for number, (kind, index, minutes) in enumerate(steps):
        owner.step(number, kind, index, minutes * MINUTE)
    owner.read_late_tick()
    written = [output for output in owner.outputs if output.topic == ROUTING]
    traced = [applied_of_routing(output.headers) for output in written]
    order = list(
        order_of_application(
            [each for each in traced if isinstance(each, Applied)],
            owner.log.__getitem__,
            owner.internal,
            [each for each in traced if isinstance(each, AppliedOutcome)],
        )
    )
    again, replayed, stored = new_requests(0, PARTITIONS), [], {}
    for first, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(order)), len(order)]):
        outcome = run_requests(again, order[first:end])
        replayed += [output for output in outcome.outputs if output.topic == ROUTING]
        fold(stored, outcome.changes)
    assert replayed == written
    assert _without_flood(stored) == _without_flood(owner.stored)


def test_a_tick_overtaken_by_a_request_has_no_effect_in_the_replay() -> None:
    """Both orders have the same ticks and the same requests. Only the header distinguishes them."""
    for kind, expected in (("tick read later", [0, 0]), ("tick", [0, 1])):
        owner = Owner()
        owner.step(0, "request", 0, 0)
        owner.step(1, kind, 0, 40 * MINUTE)
        owner.step(2, "request", 1, 0)
        owner.read_late_tick()
        applied = [applied_of_routing(output.headers) for output in owner.outputs if output.topic == ROUTING]
        assert [each.ticks for each in applied if isinstance(each, Applied)] == expected


def test_a_step_by_time_alone_names_no_record() -> None:
    owner = Owner()
    owner.step(0, "request", 0, 0)
    owner.step(1, "tick", 0, 40 * MINUTE)
    _, half = [applied_of_routing(output.headers) for output in owner.outputs if output.topic == ROUTING]
    assert half is None


class Owner:
    """Processes a partition as a worker does, record by record, and restores its state every fifth step."""

    def __init__(self) -> None:
        self.state = new_requests(0, PARTITIONS)
        self.stored: dict[bytes, bytes] = {}
        self.outputs: list[OutputRecord] = []
        self.log: dict[Source, Record] = {}
        self.internal: list[Record] = []
        self.clock = NOON
        self._clocks: list[tuple[str, str]] = []
        self._late_tick: Record | None = None

    def step(self, number: int, kind: str, index: int, passed: int) -> None:
        self.clock += passed
        if kind.startswith("tick"):
            # The internal topic is read in order.
            self.read_late_tick()
            record = tick_record(self.state.time.applied, self.clock)._replace(offset=len(self.internal))
            self.internal.append(record)
            if kind == "tick read later":
                self._late_tick = record
            else:
                self._apply(record)
        elif kind in WORDS:
            request_id, clock_id = (
                self._clocks[-1 - index % len(self._clocks)] if self._clocks else (HERE[0], "none")
            )
            at = self.clock - index * 10 * MINUTE
            clock_outcome = outcome_record(
                clock_id, kind, at, outcome_id=f"o-{number}", key=request_id, reason="force_majeure"
            )
            place = Record(
                "clock-outcomes",
                1,
                number,
                self.clock,
                b"any",
                clock_outcome.value,
                clock_outcome.headers[:-1],
            )
            self._move(place, clock_outcome.key)
        else:
            request_id = {"elsewhere": ELSEWHERE, "duplicate": HERE[0]}.get(kind, HERE[number])
            document = removal_order(request_id, self.clock - index * MINUTE)
            record = request_record(document, appended=self.clock, offset=number)
            if kind == "bad":
                record = record._replace(value=b"[]")
            if kind == "rekeyed":
                self._move(record._replace(partition=1), request_id.encode())
            else:
                self.log[_place(record)] = record
                self._apply(record)
        if number % 5 == 4:
            self.state = restore_requests(0, PARTITIONS, RULES, self.stored.items())

    def read_late_tick(self) -> None:
        if self._late_tick is not None:
            self._apply(self._late_tick)
            self._late_tick = None

    def _move(self, record: Record, key: bytes | None) -> None:
        """Write a record of another partition to the internal topic here, and read it from there."""
        self.read_late_tick()
        self.log[_place(record)] = record
        moved = Record(
            INTERNAL, 0, len(self.internal), self.clock + 50, key, record.value, with_origin(record)
        )
        self.internal.append(moved)
        self._apply(moved)

    def _apply(self, record: Record) -> None:
        outcome = run_requests(self.state, [record])
        self.outputs += outcome.outputs
        fold(self.stored, outcome.changes)
        self._clocks += [
            (event["request_id"], clock["clock_id"])
            for event in routings(outcome)
            if event["type"] == "routed"
            for clock in event["clocks"]
        ]


def _place(record: Record) -> Source:
    return Source(record.topic, record.partition, record.offset)


def _without_flood(stored: dict[bytes, bytes]) -> dict[Any, Any]:
    # A replay reads no dead letters, so the flood window differs. Compare the times and counters alone.
    return {key: value[:29] if key == b"T" else value for key, value in stored.items()}
