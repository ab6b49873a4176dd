"""The native core at the gate passes on what Python passes on, to the byte, and leaves it what is unusual."""

import random
from dataclasses import replace

import pytest

from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.forms.source_decision import encode_source_decision
from streams.deciding.partition.hash_key import DEMONSTRATION, LONGEST_KEY, SHORTEST_KEY, HashKeys, hash_key
from streams.deciding.partition.limits import LIMITS, UNLIMITED
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.loader import load_rules
from tests.bench import traffic
from tests.bench.place import ONE_TOPIC
from tests.native.both_cores import LONG_SOURCE
from tests.native.both_cores import all_but_natively
from tests.native.fuzz import BEGIN_MS, HOUR, Publishers
from tests.tools import native_core
from tests.unit.traffic import Record, report

native_core()

RULES, SHIPPED = load_rules(sources=ONE_TOPIC), load_rules()
# One of the publishers of the histories is listed where users publish, and told of what is refused.
TOLD = replace(
    SHIPPED,
    sources=SHIPPED.sources
    | {"message-reports": replace(SHIPPED.sources["message-reports"], ce_sources=frozenset({"/app", ""}))},
)
FEW = UNLIMITED._replace(slice_records=7, batch_bytes=20_000)


class Gates:
    """One partition whose reports Python reads, and one whose reports the native core does."""

    def __init__(self, rules=RULES, partition=0, partitions=1, **options):
        self.stages = [
            report_stage(compile_report_rules(rules, **options), core) for core in ("python", "native")
        ]
        self.states = [stage.restore(partition, partitions) for stage in self.stages]
        self.natively = self.passed = 0
        # What was not handled yet.
        self.left = []

    def apply(self, records, limits=UNLIMITED, until=None):
        """Apply records on both, and raise AssertionError if anything differs."""
        wanted, found = (
            list(stage.apply_in_slices(state, records, limits, until))[-1]
            for stage, state in zip(self.stages, self.states, strict=True)
        )
        assert found.outputs == wanted.outputs
        assert found.changes == wanted.changes
        assert all_but_natively(found.counters) == wanted.counters
        assert (found.finished_records, found.reached) == (wanted.finished_records, wanted.reached)
        assert found.refused == wanted.refused
        aheads = [None if batch.ahead is None else batch.ahead.args for batch in (wanted, found)]
        assert aheads[0] == aheads[1]
        one, other = self.states
        assert one.breaker.encode() == other.breaker.encode()
        self.natively += found.counters.natively
        self.passed += found.counters.passed_to_reporters + found.counters.rekeyed
        self.left = records[found.finished_records :]
        return wanted


def histories(seeds, cases):
    natively = passed = 0
    for seed in seeds:
        chance = random.Random(seed)
        place = chance.choice(((0, 1), (1, 3)))
        # With the shipped rights a report of an authority, for example, is refused where users publish.
        rules = chance.choice((RULES, SHIPPED, TOLD))
        keys = chance.choice((DEMONSTRATION, HashKeys(hash_key(b"1" * 32), hash_key(b"2" * 32))))
        gates = Gates(rules, *place, hash_keys=keys)
        publishers = Publishers(chance, *place)
        done = 0
        while done < cases:
            records = [publishers.record() for _ in range(chance.choice((1, 2, 30, 700)))]
            until = None
            if chance.random() < 0.3:
                until = {topic: publishers.clock_ms - chance.choice((-HOUR, 0, HOUR)) for topic in TOPICS}
            done += len(records)
            try:
                gates.apply([*gates.left, *records], chance.choice((LIMITS, FEW, UNLIMITED)), until)
            except AssertionError as error:
                error.add_note(f"seed {seed}")
                raise
        natively, passed = natively + gates.natively, passed + gates.passed
    return natively, passed


TOPICS = ("message-reports", "verified-reports", "prefix.message-reports")


@pytest.mark.parametrize(
    "seeds", [range(3), pytest.param(range(100, 160), marks=pytest.mark.nightly)], ids=["few", "many"]
)
def test_random_histories(seeds):
    natively, passed = histories(seeds, 3_000)
    # Damaged records and odd envelopes are Python's.
    assert 0.3 * passed < natively < passed


@pytest.mark.parametrize("name", ["usual", "one_channel", "all_new"])
def test_traffic_of_the_benchmark(name):
    gates = Gates()
    made = getattr(traffic, name)(6_000, BEGIN_MS, HOUR)
    records = [
        Record("message-reports", 0, number, BEGIN_MS + HOUR, *each) for number, each in enumerate(made)
    ]
    gates.apply(records)
    assert gates.natively > 0.9 * gates.passed > 4_000


def test_it_ends_where_a_source_may_not_be_read_further():
    gates = Gates()
    records = [report(number, BEGIN_MS + number * 1_000) for number in range(20)]
    batch = gates.apply(records, until={"message-reports": BEGIN_MS + 9_500})
    assert (batch.finished_records, gates.natively) == (10, 10)
    assert batch.reached == {"message-reports": BEGIN_MS + 9_000}


def test_bundles_end_where_those_of_python_do():
    """A source is counted in characters, as Python counts it: these have three bytes each."""
    gates = Gates()
    gates.apply([report(number, BEGIN_MS)._replace(headers=LONG_SOURCE) for number in range(300)])
    assert gates.natively == 300


def test_a_failure_names_the_record(monkeypatch):
    """The record that fails is the first one of another call."""
    stage = report_stage(compile_report_rules(RULES), "native")
    monkeypatch.setattr("streams.deciding.reports.native.gate.source_of", fail_at_another_topic)
    failing = report_stage(compile_report_rules(RULES), "native")
    records = [report(number, BEGIN_MS) for number in range(5)]
    state = stage.restore(0, 1)
    with pytest.raises(StageFailed) as failed:
        failing.apply(state, [*records[:3], records[3]._replace(topic="verified-reports")])
    assert failed.value.place.offset == 3
    assert isinstance(failed.value.__cause__, LookupError)


def fail_at_another_topic(topic):
    if topic != "message-reports":
        raise LookupError(topic)
    return topic


def test_refs_are_hashed_under_both_keys():
    current, earlier = (hash_key(bytes([number]) * 32) for number in (1, 2))
    gates = Gates(hash_keys=HashKeys(current, earlier))
    gates.apply([report(number, BEGIN_MS) for number in range(5)])
    assert (gates.natively, gates.passed) == (5, 5)


@pytest.mark.parametrize("length", [SHORTEST_KEY, SHORTEST_KEY + 1, SHORTEST_KEY + 2, LONGEST_KEY])
def test_keys_arrive_to_the_byte(length):
    secret = random.Random(length).randbytes(length)
    gates = Gates(hash_keys=HashKeys(hash_key(secret)))
    gates.apply([report(number, BEGIN_MS) for number in range(5)])
    assert (gates.natively, gates.passed) == (5, 5)


def test_what_an_operator_paused_is_left_to_python():
    gates = Gates()
    value, headers = encode_source_decision(SourceDecision("message-reports", "pause", "a flood", "op-1"))
    gates.apply([Record("message-reports-internal", 0, 0, BEGIN_MS, None, value, headers)])
    batch = gates.apply([report(number, BEGIN_MS) for number in range(5)])
    assert (gates.natively, gates.passed) == (0, 5)
    assert batch.state.sources
