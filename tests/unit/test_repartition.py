"""State moved to another number of partitions goes on as if it had always been there."""

import itertools
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from click import ClickException

from streams.commands.state.repartition import plan_moves, repartition
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.state_records import UnknownStateVersion
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.clocks.store import CLOCK_RECORD
from streams.deciding.partition.duplicates import read_slots
from streams.deciding.partition.hash_key import HashKeys, hash_key
from streams.deciding.partition.moving import NewPartition, Shared, merged
from streams.deciding.partition.state import DUPLICATES_SLOT, MOVES, PARTITION_TIME
from streams.deciding.reports.reporter_keys import REPORTER_KEYS, merge_keys
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import CHANNEL_EPISODES
from streams.deciding.requests.stage import request_stage
from streams.running.log.position import SourcePosition
from tests.at_night import at_night
from tests.unit.clock_traffic import clock_of, clock_outcome, clock_rules, duty
from tests.unit.request_traffic import (
    EXTERNAL,
    NOON,
    new_requests,
    outcome_record,
    preservation_order,
    removal_order,
    request_record,
    routings,
    run_requests,
)
from tests.unit.request_traffic import RULES as REQUEST_RULES
from tests.unit.saved_state import read_file, write_file
from tests.unit.traffic import (
    DAY,
    HOUR,
    INTERNAL,
    MINUTE,
    START,
    Record,
    arriving,
    compiled,
    fold,
    levels,
    policy,
    report,
    run,
    tick,
)

RULES = clock_rules(
    # Only these reports arm a clock.
    duty(required_elements=("contact",), duration="PT20H"),
    policies=(
        policy(levels=levels({"reports": 2}, {"reports": 5}), min_clear_ms=10 * MINUTE, cooldown_ms=3 * HOUR),
        policy(
            id="day",
            mode="shadow",
            window="PT24H",
            window_ms=24 * HOUR,
            levels=levels({"distinct_reporters": 3}),
        ),
    ),
)
REPORTS = report_stage(RULES)
STAGES = {"reports": REPORTS, "requests": request_stage(REQUEST_RULES)}
CHANNELS = [f"c{n}" for n in range(40)]
# Headers with the numbers of ticks, and with offsets.
OF_PARTITIONS = ("tocsin-ticks", "tocsin-after", "tocsin-decisions")
MOVING = (CHANNEL_COUNTS, CHANNEL_EPISODES, CLOCK_RECORD)


class World:
    """All partitions of a stage: records go to any of the first four, and to their homes at once."""

    def __init__(self, partitions: int, stage: str = "reports") -> None:
        self.stage = STAGES[stage]
        self.open([{} for _ in range(partitions)])
        self.outputs: list[OutputRecord] = []
        # One topic for daily counters after another: fewer partitions need a new one.
        self.counters: list[dict[bytes, bytes]] = [{}]
        self.duplicates = 0

    def open(self, stored: list[dict[bytes, bytes]]) -> None:
        self.stored = stored
        self.states = [
            self.stage.restore(number, len(stored), entries.items()) for number, entries in enumerate(stored)
        ]

    def apply(self, record: Record) -> None:
        if record.topic == self.stage.sources.internal and record.key is not None:
            # The stage of reports writes the outcome of a request's clock to the home of the request.
            record = record._replace(partition=home_partition(record.key, len(self.stored)))
        if self.stage is REPORTS:
            (record,) = arriving(RULES, [record], partitions=len(self.stored))
        batch = self.stage.apply(self.states[record.partition], [record])
        fold(self.stored[record.partition], batch.changes)
        self.duplicates += batch.counters.duplicates
        for output in batch.outputs:
            if output.topic == self.stage.sources.internal:
                moved = Record(
                    output.topic,
                    output.partition,
                    0,
                    record.timestamp,
                    output.key,
                    output.value,
                    output.headers,
                )
                self.apply(moved)
            elif output.topic == "transparency-counters":
                self.counters[-1][output.key] = output.value
            else:
                self.outputs.append(output)

    def settle(self, now: int) -> None:
        """What idle workers do with ticks before they are stopped."""
        for number, state in enumerate(self.states):
            written = tick(state.time.applied, now)
            self.apply(written._replace(topic=self.stage.sources.internal, partition=number))

    def move(self, folder: Path, partitions: int) -> None:
        name = f"{len(self.stored)}-{partitions}"
        old = write_file(
            folder / f"{name}-old",
            {stage: [{}] * len(self.stored) for stage in STAGES} | {self.stage.name: self.stored},
        )
        repartition(old, folder / f"{name}-new", STAGES, partitions)
        header, found = read_file(folder / f"{name}-new")
        self.open([entries for _, entries in found[self.stage.name]])
        if header.new_topics:
            self.counters.append({})
            for state in self.states:
                for output in state.daily.publish_again(state.time.now):
                    self.counters[-1][output.key] = output.value

    def by_channel(self) -> dict[Any, list[Any]]:
        """What was published about each channel, in order; headers without what partitions have their own of."""
        found: dict[Any, list[Any]] = {}
        for output in self.outputs:
            kept = [header for header in output.headers if header[0] not in OF_PARTITIONS]
            # A dead letter has the key of the record as it was read: that of its channel only if it was
            # re-keyed.
            key = output.value if output.topic == "dead-letters" else output.key
            found.setdefault((output.topic, key), []).append((output.value, kept))
        return found

    def moving_state(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for number, entries in enumerate(self.stored):
            for key, value in entries.items():
                if key[:1] in MOVING:
                    assert home_partition(key[1:].partition(b"\0")[0], len(self.stored)) == number
                    assert key not in found
                    found[key] = value
        return found

    def sums(self) -> dict[str, dict[Any, int]]:
        """The daily counters of each day, added up over partitions; a day is in the last topic that has it."""
        days: dict[str, dict[Any, int]] = {}
        for topic in self.counters:
            for day in {key.decode().split("/")[0] for key in topic}:
                sums = days[day] = {}
                for key, value in topic.items():
                    if key.startswith(day.encode()):
                        for row in msgspec.json.decode(value)["reports"]:
                            cell = (key.decode().split("/")[3:], sorted(row.items()))
                            number = row.pop("count")
                            name = repr((cell[0], sorted(row.items(), key=str)))
                            sums[name] = sums.get(name, 0) + number
        return days


def traffic(seed: int, records: int) -> list[Record]:
    """Reports in the order of their times, duplicates of older ones, notices with clocks, outcomes."""
    random = Random(seed)
    made: list[Record] = []
    notices: list[tuple[int, str]] = []
    now = START
    for number in range(records):
        now += random.choice([0, MINUTE, 5 * MINUTE, 11 * MINUTE])
        draw = random.random()
        channel = random.choice(CHANNELS[: random.choice([3, len(CHANNELS)])])
        if draw < 0.15 and made:
            record = random.choice(made)._replace(timestamp=now)
        elif draw < 0.3 and notices:
            about, channel = random.choice(notices[-8:])
            outcome = random.choice(["fulfilled", "withdrawn", "paused", "resumed"])
            record = clock_outcome(
                number, outcome, clock_of(about, channel), now, channel=channel, reason="clarification"
            )
        elif draw < 0.45:
            notices.append((number, channel))
            record = report(number, now, channel=channel, notice={"elements": ["contact"]})
        else:
            record = report(
                number, now, channel=channel, reporter={"kind": "user", "ref": f"u{random.randrange(30)}"}
            )
        made.append(record._replace(partition=number % 4, offset=number))
    return made


def play(folder: Path, records: list[Record], layouts: list[int], stage: str = "reports") -> World:
    world = World(layouts[0], stage)
    share = len(records) // 3
    for number, record in enumerate(records):
        if number and number % share == 0 and number // share < 3:
            world.settle(record.timestamp)
            if layouts[number // share] != len(world.stored):
                world.move(folder, layouts[number // share])
        world.apply(record)
    world.settle(records[-1].timestamp)
    return world


@pytest.mark.parametrize("seed", [0, *at_night(range(1, 4))])
def test_4_to_12_to_6_partitions_equals_6_from_the_start(seed: int, tmp_path: Path) -> None:
    records = traffic(seed, 600)
    moved = play(tmp_path, records, [4, 12, 6])
    never = play(tmp_path, records, [6, 6, 6])
    assert moved.by_channel() == never.by_channel()
    assert moved.moving_state() == never.moving_state()
    assert moved.duplicates == never.duplicates > 10
    assert moved.sums() == never.sums()
    # All kinds are there, and on both sides of a move.
    assert {key[:1] for key in moved.moving_state()} == set(MOVING)
    reasons = {
        msgspec.json.decode(row.value)["reason"] for row in moved.outputs if row.topic == "escalations"
    }
    assert {"threshold_crossed", "cleared", "clock_armed", "clock_fulfilled", "clock_half"} <= reasons


def request_traffic(seed: int, records: int) -> list[Record]:
    """Orders with clocks of an hour, of 60 days and of six months, repeated ones, and outcomes of their
    clocks.
    """
    random = Random(seed)
    made: list[Record] = []
    orders: list[tuple[str, str]] = []
    now = NOON
    for number in range(records):
        now += random.choice([0, MINUTE, 11 * MINUTE, DAY])
        draw = random.random()
        if draw < 0.15 and orders:
            record = random.choice([row for row in made if row.topic == EXTERNAL])._replace(timestamp=now)
        elif draw < 0.4 and orders:
            request_id, clock_id = random.choice(orders[-6:])
            outcome = random.choice(["fulfilled", "withdrawn"])
            record = outcome_record(clock_id, outcome, now, outcome_id=f"o-{number}", key=request_id)
            record = record._replace(timestamp=now)
        else:
            make = random.choice([removal_order, preservation_order])
            request_id = f"ar-{number}"
            record = request_record(make(request_id, now), appended=now)
            first = run_requests(new_requests(), [record])
            orders += [(request_id, clock["clock_id"]) for row in routings(first) for clock in row["clocks"]]
        made.append(record._replace(partition=number % 4, offset=number))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_clocks_of_requests_move_from_4_to_12_to_6_partitions(seed: int, tmp_path: Path) -> None:
    records = request_traffic(seed, 200)
    moved = play(tmp_path, records, [4, 12, 6], "requests")
    never = play(tmp_path, records, [6, 6, 6], "requests")
    assert moved.by_channel() == never.by_channel()
    assert moved.moving_state() == never.moving_state()
    assert moved.duplicates == never.duplicates > 5
    reasons = {
        msgspec.json.decode(row.value)["reason"] for row in moved.outputs if row.topic == "authority-routing"
    }
    assert {"judged", "clock_half", "clock_lapsed", "clock_fulfilled", "clock_withdrawn"} <= reasons


def test_growing_keeps_the_counters_of_each_partition(tmp_path: Path) -> None:
    records = traffic(1, 200)
    assert play(tmp_path, records, [4, 8, 12]).sums() == play(tmp_path, records, [4, 4, 4]).sums()


def test_a_move_that_loses_a_record_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = play(tmp_path, traffic(2, 90), [4, 4, 4])
    old = write_file(tmp_path / "old", {"reports": world.stored, "requests": [{}] * 4})
    from streams.commands.state.row_spool import RowSpool

    put = RowSpool.put
    numbers = itertools.count()
    monkeypatch.setattr(RowSpool, "put", lambda self, key, value: next(numbers) == 5 or put(self, key, value))
    with pytest.raises(ClickException, match="not what was read"):
        repartition(old, tmp_path / "new", STAGES, 3)
    assert not (tmp_path / "new").exists()


def test_positions_stay_when_topics_grow_and_begin_anew_in_new_topics(tmp_path: Path) -> None:
    old = write_file(tmp_path / "old", {"reports": [{}] * 2, "requests": [{}] * 2}, {"message-reports": 9})
    repartition(old, tmp_path / "grown", STAGES, 3)
    header, found = read_file(tmp_path / "grown")
    assert (header.moved_from, header.new_topics) == (2, False)
    sections = [section for section, _ in found["reports"]]
    assert [section.position["message-reports"] for section in sections] == [
        SourcePosition(7, 3, 1),
        SourcePosition(8, 3, 1),
        SourcePosition(0, 3, None),
    ]
    assert [section.unread for section in sections] == [{"message-reports": 9}, {"message-reports": 9}, {}]
    with pytest.raises(ClickException, match="will not have these records"):
        repartition(old, tmp_path / "shrunk", STAGES, 1)
    drained = write_file(tmp_path / "drained", {"reports": [{}] * 2, "requests": [{}] * 2})
    repartition(drained, tmp_path / "shrunk", STAGES, 1)
    header, found = read_file(tmp_path / "shrunk")
    assert (header.moved_from, header.new_topics) == (2, True)
    [(section, _)] = found["requests"]
    assert section.position == {
        "authority-requests": SourcePosition(0, 1, None),
        "authority-requests-internal": SourcePosition(0, 1, None),
    }


def test_state_that_cannot_be_moved_is_refused(tmp_path: Path) -> None:
    both = {"reports": [{}] * 2, "requests": [{}] * 2}
    internal = write_file(tmp_path / "internal", both, {"message-reports-internal": 3})
    with pytest.raises(ClickException, match="message-reports-internal partition 0 had 3 unread offsets"):
        repartition(internal, tmp_path / "new", STAGES, 4)
    unknown = write_file(tmp_path / "unknown", {**both, "reports": [{b"?x": b"\x01"}, {}]})
    for attempt in (plan_moves, lambda path, *rest: repartition(path, tmp_path / "new", *rest)):
        with pytest.raises(UnknownStateVersion, match=r"key type b'\?'"):
            attempt(unknown, STAGES, 4)
    with pytest.raises(ClickException, match="already"):
        plan_moves(internal, STAGES, 2)
    one = write_file(tmp_path / "one", {"reports": [{}] * 2})
    with pytest.raises(ClickException, match="Save without --stage"):
        plan_moves(one, STAGES, 4)
    assert not list(tmp_path.glob("new*"))


def test_merged_partitions_recognise_what_any_of_them_applied() -> None:
    shared, ids = [], {}
    for number in range(2):
        state = REPORTS.restore(number, 2)
        state.time.restore(1, START + number, START, 0)
        ids[number] = state.recent.new_event("/app", f"r{number}", "c")
        state.recent.add(ids[number], START + number)
        entries = {key: value for key, value in state.drain_changes() if value is not None}
        shared.append(Shared(number, entries, frozenset({PARTITION_TIME, DUPLICATES_SLOT})))
    # What version 0.2 wrote counts as applied at the time of its partition.
    shared[0].entries[DUPLICATES_SLOT + bytes(8)] = b"\x02" + ids[0].to_bytes(8, "little")
    entries = merged(MOVES, NewPartition(0, 1, 1_000), 2, shared)
    [slot] = [slot for slot in read_slots({0: entries[DUPLICATES_SLOT + bytes(8)]}, START + 9)]
    assert (slot.until, list(slot.hashes)) == (START, [ids[0]])
    state = REPORTS.restore(0, 1, entries.items())
    assert [state.recent.new_event("/app", name, "c") is None for name in ("r0", "r1", "r2")] == [
        True,
        True,
        False,
    ]


def test_ids_of_a_partition_never_repeat_after_any_moves() -> None:
    """`applied` says before which record of a partition something happened: it never falls."""
    states = []
    for number in range(12):
        state = REPORTS.restore(number, 12)
        state.time.restore(100 + number, 1, 1, 0)
        states.append(
            Shared(number, {PARTITION_TIME: dict(state.drain_changes())[PARTITION_TIME]}, frozenset())
        )
    before = 12
    for partitions in (6, 4, 5, 12):
        states = [
            Shared(n, merged(MOVES, NewPartition(n, partitions, 1_000), before, states), frozenset())
            for n in range(partitions)
        ]
        before = partitions
    for number, shared in enumerate(states):
        assert REPORTS.restore(number, 12, shared.entries.items()).time.applied >= 100 + number


def test_partitions_with_different_keys_need_both() -> None:
    def of(number: int, now: int, keys: HashKeys, channel: str) -> Shared:
        rules = compiled(policy(), hash_keys=keys)
        state = report_stage(rules).restore(0, 1)
        entries: dict[bytes, bytes] = {}
        fold(entries, run(state, rules, [report(number, now, channel=channel)]).changes)
        return Shared(number, entries, frozenset(key[:1] for key in entries))

    first, second = hash_key(bytes(range(32))), hash_key(bytes(range(1, 33)))
    old, new = of(0, START, HashKeys(first), "a"), of(1, START + DAY, HashKeys(second), "b")
    unkeyed = Shared(2, {}, frozenset({CHANNEL_COUNTS}))
    target = NewPartition(0, 1, 1_000)
    current, earlier = msgspec.msgpack.decode(merge_keys(target, [new, old])[REPORTER_KEYS][1:])
    assert (current, set(earlier)) == (second.id, {first.id})
    assert earlier[first.id] > START + 29 * DAY
    current, earlier = msgspec.msgpack.decode(merge_keys(target, [new, old, unkeyed])[REPORTER_KEYS][1:])
    assert (current, set(earlier)) == (second.id, {first.id, "unkeyed"})
    assert merge_keys(target, [Shared(0, {}, frozenset())]) == {}
