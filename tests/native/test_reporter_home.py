"""The native core at the home of reporters stamps what Python stamps, to the byte, and leaves the same state."""

import random
from dataclasses import replace

import pytest

from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.forms.source_decision import encode_source_decision
from streams.contract.wire.partitioner import home_partition
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys, hash_key
from streams.deciding.partition.limits import LIMITS, UNLIMITED
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.loader import load_rules
from tests.bench import traffic
from tests.bench.place import ONE_TOPIC
from tests.native.fuzz import BEGIN_MS, DAY, HOUR, Publishers
from tests.tools import native_core
from tests.unit.reporter_traffic import credit, key_of, passed
from tests.unit.standing_traffic import paused, warned
from tests.unit.traffic import Record

native_core()

RULES = load_rules(sources=ONE_TOPIC)
INTERNAL = "reporters-internal"
FEW = UNLIMITED._replace(slice_records=7, batch_bytes=20_000)
# Two of them are soon reached.
STRICT = replace(
    RULES,
    reporters=replace(
        RULES.reporters,
        reports_per_day={**RULES.reporters.reports_per_day, "user": 3},
        channels_per_week={**RULES.reporters.channels_per_week, "user": 4, "state_actor": 1},
    ),
)
OTHERS = HashKeys(hash_key(b"1" * 32), hash_key(b"2" * 32))


class Homes:
    """One partition whose reports Python stamps, and one whose reports the native core does, and their gate."""

    def __init__(self, rules=RULES, place=(0, 1), keys=DEMONSTRATION, settings=None):
        settings = settings or PartitionSettings()
        self.place = place
        self._gate = report_stage(
            compile_report_rules(rules, hash_keys=keys, settings=settings, native="gate")
        )
        self._gate_state = self._gate.restore(*place)
        self.stages = [
            reporter_stage(
                compile_reporter_rules(rules, hash_key=keys.current, settings=settings, native=native)
            )
            for native in (False, True)
        ]
        self.states = [stage.restore(*place) for stage in self.stages]
        self.stored = [{}, {}]
        self.natively = self.stamped = self.offset = 0

    def publish(self, records):
        """Return what comes of published records at home, as it is read there."""
        outputs = self._gate.apply(self._gate_state, records).outputs
        appended = max(record.timestamp for record in records)
        mine = [
            output for output in outputs if output.topic == INTERNAL and output.partition == self.place[0]
        ]
        return [Record(INTERNAL, self.place[0], 0, appended, *output[2:]) for output in mine]

    def apply(self, records, limits=UNLIMITED):
        """Apply records that were read at home on both, and raise AssertionError if anything differs.

        Each goes on where its batch was cut. Returns Python's last batch.
        """
        left = []
        for record in records:
            left.append(record._replace(offset=self.offset))
            self.offset += 1
        while True:
            wanted, found = (
                list(stage.apply_in_slices(state, left, limits))[-1]
                for stage, state in zip(self.stages, self.states, strict=True)
            )
            self._compare(wanted, found)
            left = left[found.finished_records :]
            if not left:
                return wanted

    def _compare(self, wanted, found):
        assert found.outputs == wanted.outputs
        assert found.changes == wanted.changes
        assert replace(found.counters, natively=0) == wanted.counters
        assert found.event_times == wanted.event_times
        assert found.refused == wanted.refused
        assert (found.finished_records, found.finished_entries) == (
            wanted.finished_records,
            wanted.finished_entries,
        )
        for stored, batch in zip(self.stored, (wanted, found), strict=True):
            stored.update(batch.changes)
        one, other = (_facts(state) for state in self.states)
        assert one == other
        self.natively += found.counters.natively
        self.stamped += sum(wanted.counters.stamped.values())

    def restart(self, *, swap):
        """Restore both states from what they have written, with `swap` each from what the other one has."""
        stored = self.stored[::-1] if swap else self.stored
        self.states = [
            stage.restore(*self.place, [(key, value) for key, value in each.items() if value is not None])
            for stage, each in zip(self.stages, stored, strict=True)
        ]

    def tick(self, clock_ms):
        """Return the tick that is due at that time, as records."""
        output = self.stages[0].tick(self.states[0], clock_ms)
        return [] if output is None else [Record(INTERNAL, self.place[0], 0, clock_ms, *output[2:])]


def _facts(state):
    time, reporters = state.time, state.reporters
    return (
        (time.now, time.applied, time.newest_append, time.ticks),
        state.breaker.encode(),
        (len(state.recent), state.recent.forgotten_until),
        (len(reporters), reporters.size, reporters.changed_bytes, reporters.next_expiry()),
        (sorted(reporters), state.next_due(), state.changed_bytes()),
    )


def history(seed, cases):
    """Play a random history of so many published records; return its homes."""
    chance = random.Random(seed)
    place = chance.choice(((0, 1), (1, 3)))
    homes = Homes(
        chance.choice((RULES, STRICT, STRICT)),
        place,
        chance.choice((DEMONSTRATION,) * 5 + (OTHERS,)),
        PartitionSettings(
            duplicates_most=chance.choice((20, 3_000, 5_000_000)),
            new_reporters_per_hour=chance.choice((30, 1_000, 100_000)),
        ),
    )
    publishers = Publishers(chance, *place)
    published = 0
    while published < cases:
        number = chance.choice((1, 2, 30, 300))
        published += number
        records = homes.publish([publishers.record() for _ in range(number)])
        if chance.random() < 0.3:
            at = chance.randrange(len(records) + 1)
            records[at:at] = any_decision(chance, homes, publishers)
        if chance.random() < 0.2:
            records = [*homes.tick(publishers.clock_ms), *records]
        homes.apply(records, chance.choice((LIMITS, FEW, UNLIMITED)))
        if chance.random() < 0.05:
            homes.restart(swap=chance.random() < 0.5)
    return homes


def any_decision(chance, homes, publishers):
    """What people decided about a message, or about a reporter."""
    now, ref = publishers.clock_ms, chance.choice(publishers.people)
    if home_partition(key_of(ref), homes.place[1]) != homes.place[0]:
        return []
    if chance.random() < 0.7:
        decision = chance.choice(("upheld", "dismissed", "manifestly_unfounded"))
        message = f"message-{chance.randrange(5)}"
        return [credit(0, now, ref, decision, message=message)._replace(partition=homes.place[0])]
    decided = chance.choice((warned, paused))(homes.offset, now, ref)
    return homes.publish([decided])


@pytest.mark.parametrize(
    "seeds", [range(6), pytest.param(range(100, 200), marks=pytest.mark.nightly)], ids=["few", "many"]
)
def test_random_histories(seeds):
    natively = stamped = 0
    for seed in seeds:
        try:
            homes = history(seed, 2_000)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
        natively, stamped = natively + homes.natively, stamped + homes.stamped
    # Detectors, reporters with outcomes and what was repeated are Python's, and so is all with two keys.
    assert 0.3 * stamped < natively < stamped


@pytest.mark.parametrize("name", ["usual", "one_channel", "all_new"])
def test_traffic_of_the_benchmark(name):
    homes = Homes()
    made = getattr(traffic, name)(6_000, BEGIN_MS, HOUR)
    records = [
        Record("message-reports", 0, number, BEGIN_MS + HOUR, *each) for number, each in enumerate(made)
    ]
    for begin in range(0, len(records), 1_000):
        homes.apply(homes.publish(records[begin : begin + 1_000]))
    # All but those of detectors.
    assert homes.natively > 0.9 * homes.stamped > 4_000


def reported(count, begin=BEGIN_MS, step=1_000, **fields):
    """Reports of one reporter, each about another channel."""
    return [passed(n, begin + n * step, channel=f"c{n}", **fields) for n in range(count)]


def test_a_quiet_reporter_is_known_for_weeks_and_linked_by_what_was_reported():
    """Targets enter the signature after a day, leave the list after a week, and are forgotten after two."""
    homes = Homes()
    steps = (0, HOUR, 23 * HOUR, 25 * HOUR, 6 * DAY, 8 * DAY, 9 * DAY, 13 * DAY, 16 * DAY, 24 * DAY, 60 * DAY)
    for member in (False, True):
        for number, step in enumerate(steps, 50 * member):
            now, reporter = BEGIN_MS + step + member * 90 * DAY, {"member": member}
            homes.apply(
                [
                    # What moves time on to another day is Python's.
                    passed(100 + number, now, "another"),
                    passed(number, now, message_ref=f"m{number % 4}", reporter=reporter),
                ]
            )
            homes.restart(swap=True)
    assert homes.natively >= 2 * len(steps)


@pytest.mark.parametrize("step", [1_000, HOUR, 5 * HOUR, 6 * HOUR])
def test_more_targets_than_are_kept_open(step):
    homes = Homes()
    homes.apply(reported(80, step=step, reporter={"member": False}))
    homes.restart(swap=True)
    homes.apply(reported(5, begin=BEGIN_MS + 90 * step, reporter={"member": False}, message_ref="m"))
    assert homes.natively > 20


def test_who_reports_late_and_early():
    """Targets are in the order in which the platform received the reports."""
    homes = Homes()
    times = [40, 2, 30, 200, 190, 1, 201, 230, 400, 231]
    homes.apply(
        [
            passed(n, BEGIN_MS + at * HOUR, message_ref=f"m{n}", reporter={"member": False})
            for n, at in enumerate(times)
        ]
    )
    assert homes.natively


def test_limits_of_a_day_and_a_week():
    """At each limit, below and above it; in a floor category no limit cuts the weight."""
    homes = Homes(STRICT)
    kinds = ("user", "state_actor", "trusted_flagger")
    for first, category in ((0, "spam"), (36, "csam")):
        homes.apply(
            [
                passed(
                    n,
                    BEGIN_MS + n,
                    f"{category}-{n % 3}",
                    channel=f"c{n % 7}",
                    category=category,
                    reporter={"kind": kinds[n % 3]},
                )
                for n in range(first, first + 36)
            ]
        )
    # Four times a person should look.
    assert homes.natively == homes.stamped - 1 - 4


def test_a_new_reporter_too_many_is_refused():
    homes = Homes(settings=PartitionSettings(new_reporters_per_hour=2))
    batch = homes.apply([passed(n, BEGIN_MS + n, f"u{n % 4}") for n in range(8)])
    assert batch.counters.dead_letters["too_many_new"] == 4
    # The first one moves time on to its day.
    assert homes.natively == 3


def test_what_operators_decided_is_left_to_python():
    homes = Homes()
    value, headers = encode_source_decision(SourceDecision("reporters-internal", "pause", "a flood", "op-1"))
    homes.apply([Record(INTERNAL, 0, 0, BEGIN_MS, None, value, headers), *reported(4)])
    assert (homes.natively, bool(homes.states[1].sources)) == (0, True)


def test_a_failure_names_the_entry(monkeypatch):
    """The entry that fails is the first one of another call."""
    homes = Homes()
    calls = []

    def fails(self, key):
        calls.append(key)
        if len(calls) >= 3:
            raise LookupError("no disk")

    monkeypatch.setattr(type(homes.states[1].reporters), "encoded", fails)
    published = [passed(n, BEGIN_MS, f"u{n}") for n in range(6)]
    with pytest.raises(StageFailed) as failed:
        homes.stages[1].apply(homes.states[1], published)
    assert isinstance(failed.value.__cause__, LookupError)
    assert failed.value.place.offset == 3
