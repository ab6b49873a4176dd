"""The native core's signs of coordinated reporting are Python's: each value, and each state to the byte."""

import random

import msgspec
import pytest

from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.counting.coordination.arrivals import COUNTED, Arrivals, Signs, decode_arrivals, encode_arrivals
from streams.counting.coordination.assessment import assess, is_burst, may_be_fresh
from streams.counting.coordination.clusters import (
    Clusters,
    ClusterSums,
    decode_clusters,
    encode_clusters,
    linked_of,
    voices_millionths,
)
from streams.counting.coordination.signature import EMPTY, enter, group_of, linked, to_bytes, used_bins
from tests.native.fuzz import BEGIN_MS
from tests.tools import native_core

tocsin_native = native_core()
native = tocsin_native.CoordinationForTests

JUMPS = (0, 1, MINUTE, 29 * MINUTE, HOUR, 5 * HOUR, 6 * HOUR, DAY, 7 * DAY, 90 * DAY)


def signature_of(seed, targets, pool=40):
    """A signature of so many of the targets in a pool; only few strangers share one."""
    signature = EMPTY
    for _ in range(targets):
        signature = enter(signature, hashed(seed.randrange(pool)))
    return signature


def hashed(number):
    """A number below 2**64 that looks random, and is of fewer bytes now and then."""
    drawn = random.Random(number).getrandbits(64)
    return drawn >> 40 if number % 17 == 0 else drawn


def damaged(data, seed):
    """Bytes that are cut off, longer, or have another byte."""
    place = seed.randrange(len(data))
    return seed.choice(
        (
            data[:place],
            data + seed.randbytes(1),
            data[:place] + seed.randbytes(1) + data[place + 1 :],
            data[:place] + data[place + 1 :],
            data[:place] + seed.randbytes(2) + data[place:],
        )
    )


@pytest.mark.parametrize("number", range(20))
def test_signatures(number):
    seed = random.Random(number)
    assert native.used_bins(b"") == used_bins(EMPTY)
    assert native.group_of(b"") == group_of(EMPTY)
    assert native.linked(b"", to_bytes(EMPTY), 0) == linked(EMPTY, EMPTY, 0)
    for _ in range(300):
        pool = seed.choice((5, 40, 200))
        one, other = (signature_of(seed, seed.randrange(12), pool) for _ in range(2))
        assert native.used_bins(to_bytes(one)) == used_bins(one)
        assert native.group_of(to_bytes(one)) == group_of(one)
        for needed in range(4):
            assert native.linked(to_bytes(one), to_bytes(other), needed) == linked(one, other, needed)


@pytest.mark.parametrize("number", range(20))
def test_clusters(number):
    seed = random.Random(number)
    python, core = Clusters(), tocsin_native.ClustersForTests()
    pool = seed.choice((6, 20, 60))
    joined = 0
    for _ in range(200):
        signature, needed, known = (
            signature_of(seed, seed.randrange(5), pool),
            seed.randrange(1, 4),
            coin(seed),
        )
        expected = python.add(signature, needed, known=known)
        assert core.add(to_bytes(signature), needed, known) == (
            expected.first,
            expected.size,
            msgspec.structs.astuple(expected.added),
        )
        joined += not expected.first
        data = encode_clusters(python)
        assert bytes(core.encode()) == data
        if seed.random() < 0.2:
            core, python = tocsin_native.ClustersForTests.decode(data), decode_clusters(data)
    assert joined > 5


@pytest.mark.parametrize("number", range(10))
def test_damaged_clusters(number):
    """They are left to Python, or are what Python reads."""
    seed = random.Random(number)
    python = Clusters()
    for _ in range(30):
        python.add(signature_of(seed, 3, 9), 1, known=coin(seed))
    data = encode_clusters(python)
    for _ in range(2_000):
        other = damaged(data, seed)
        core = tocsin_native.ClustersForTests.decode(other)
        if core is not None:
            assert bytes(core.encode()) == encode_clusters(decode_clusters(other))
    for cut in range(len(data)):
        assert tocsin_native.ClustersForTests.decode(data[:cut]) is None


@pytest.mark.parametrize(
    "value", [[], [[]], [[], [], 1], [[], [[b"", 1, 1, True]]], [[], [[bytes(64), 1, 1]]]]
)
def test_clusters_in_other_forms_are_left_to_python(value):
    assert tocsin_native.ClustersForTests.decode(msgspec.msgpack.encode(value)) is None


def test_sums():
    seed = random.Random(1)
    for _ in range(20_000):
        most = 10 ** seed.randrange(1, 13)
        least = seed.choice((0, 0, -most))
        sums = ClusterSums(*(seed.randint(least, most) for _ in range(4)))
        values = msgspec.structs.astuple(sums)
        assert native.voices_millionths(values) == voices_millionths(sums)
        assert native.linked_of(values) == linked_of(sums)


def test_sums_too_large_for_64_bits_do_no_harm():
    for sums in ((2**63 - 1, 2**63 - 1, 0, 1), (-(2**63), 2**63 - 1, 2**63 - 1, -(2**63))):
        assert native.voices_millionths(sums) >= 0


def test_assessment():
    seed = random.Random(2)
    found = set()
    for _ in range(20_000):
        reports = seed.randrange(40)
        sums = ClusterSums(*(seed.randint(-1, reports + 1) for _ in range(3)), seed.randrange(200))
        signs = Signs(
            seed.randrange(60),
            6 * seed.randrange(2_000) / 1024,
            *(seed.randrange(9) / seed.choice((8, 16)) for _ in range(5)),
        )
        suspected = assess(sums, signs).suspected
        assert native.suspected(msgspec.structs.astuple(sums), signs) == suspected
        assert native.is_burst(signs.reporters, signs.usual) == is_burst(signs.reporters, signs.usual)
        found.add(suspected)
    assert found == {True, False}


class Both:
    """The arrivals of a channel in Python and in the native core."""

    def __init__(self, data=encode_arrivals(Arrivals())):
        self.read(data)

    def read(self, data):
        self.python, self.core = decode_arrivals(data), tocsin_native.ArrivalsForTests.decode(data)
        assert self.core is not None

    def add(self, time_ms, reporter, category, first_time, young, outsider):
        self.python.add(time_ms, reporter, category, first_time=first_time, young=young, outsider=outsider)
        self.core.add(time_ms, reporter, category, first_time, young, outsider)
        return self.compare(time_ms)

    def compare(self, time_ms):
        data = encode_arrivals(self.python)
        assert bytes(self.core.encode()) == data
        assert self.core.signs() == self.python.signs()
        assert self.core.may_be_fresh() == may_be_fresh(self.python)
        for other in (time_ms - HOUR, time_ms, time_ms + HOUR):
            assert self.core.is_after(other) == self.python.is_after(other)
        return data


def coin(seed):
    return seed.random() < 0.5


@pytest.mark.parametrize("number", range(24))
def test_arrivals(number):
    """Over years, with jumps, and turned back now and then."""
    seed = random.Random(number)
    both = Both()
    now = seed.choice((0, BEGIN_MS))
    pool, jumps, likely = seed.choice((3, 50, 2_000)), seed.choice((0.01, 0.1, 0.5)), seed.choice((0.1, 0.8))
    fresh = set()
    for _ in range(1_000):
        if seed.random() < jumps:
            now += seed.choice(JUMPS)
        elif seed.random() < 0.02:
            now = max(now - seed.choice(JUMPS[:6]), 0)
        now += seed.randrange(2 * MINUTE)
        data = both.add(
            now,
            hashed(seed.randrange(pool)),
            seed.choice((1, 1, 2, 5, 130, 300)),
            coin(seed),
            seed.random() < likely,
            seed.random() < likely,
        )
        fresh.add(both.python.signs().reporters)
        if seed.random() < 0.2:
            both.read(data)
    assert len(fresh) > 2


@pytest.mark.parametrize("step", [10, 20_000])
def test_more_reporters_than_are_recognised(step):
    seed = random.Random(step)
    both = Both()
    for number in range(3 * COUNTED):
        data = both.add(BEGIN_MS + number * step, seed.getrandbits(64), number % 9, True, True, coin(seed))
        if number % 50 == 0:
            both.read(data)
    assert both.python.signs().reporters > COUNTED


def test_what_may_be_fresh():
    """Ten reporters, most with young accounts, in a channel that had none."""
    both = Both()
    found = []
    for number in range(20):
        both.add(BEGIN_MS, hashed(number), 1, True, number > 2, False)
        found.append(both.core.may_be_fresh())
    assert set(found) == {True, False}


def test_a_state_with_rows_without_categories():
    rows = [[11, 4, 3, 2, 1], [2, 40, 1, 0, 0], [0, 2, 1, 1, 1, 7, 2]]
    state = [BEGIN_MS // (30 * MINUTE), rows, BEGIN_MS // HOUR, 5_000, 3, 0, {}, {}]
    both = Both(msgspec.msgpack.encode(state))
    both.compare(BEGIN_MS)
    for number in range(30):
        both.add(BEGIN_MS + number * 20 * MINUTE, hashed(number), number % 4, True, False, True)


@pytest.mark.parametrize("hours", [1_999, 2_000, 2_001])
def test_a_long_gap(hours):
    """Only an average that no channel has is not 0 after it anyway."""
    hour = BEGIN_MS // HOUR
    both = Both(msgspec.msgpack.encode([2 * hour, [], hour, 2**39, 5, 0, {}, {}]))
    both.add((hour + hours) * HOUR, hashed(1), 1, True, True, True)
    assert (both.python.average > 0) == (hours <= 2_000)


def filled(reporters, seed):
    """The bytes of a state in which so many reporters are counted."""
    arrivals = Arrivals()
    for number in range(reporters):
        arrivals.add(
            BEGIN_MS + number * 3 * HOUR // reporters,
            seed.getrandbits(64),
            number % 5,
            first_time=coin(seed),
            young=coin(seed),
            outsider=coin(seed),
        )
    return encode_arrivals(arrivals)


@pytest.mark.parametrize("reporters", [1, 5, 30, COUNTED])
def test_damaged_arrivals(reporters):
    """They are left to Python, or are what Python reads, and can be added to."""
    seed = random.Random(reporters)
    data = filled(reporters, seed)
    read = 0
    for _ in range(2_000):
        other = damaged(data, seed)
        if tocsin_native.ArrivalsForTests.decode(other) is not None:
            both = Both(other)
            for later in (0, 2 * HOUR):
                both.add(BEGIN_MS + 3 * HOUR + later, seed.getrandbits(64), 1, True, True, True)
            read += 1
    assert read
    for cut in range(len(data)):
        assert tocsin_native.ArrivalsForTests.decode(data[:cut]) is None
    for _ in range(2_000):
        tocsin_native.ArrivalsForTests.decode(b"\x98" + seed.randbytes(seed.randrange(60)))


@pytest.mark.parametrize("length", [2, 20, 200])
@pytest.mark.parametrize("place", [6, 7])
def test_a_reporter_who_is_there_twice_is_left_to_python(length, place):
    if place == 6 and length > 20:
        return
    seed = random.Random(length)
    pairs = [(seed.getrandbits(63) | 1 << 63, 3) for _ in range(length)]
    for other in ([*pairs[:-1], pairs[0]], pairs):
        maps = [msgspec.msgpack.encode({}), msgspec.msgpack.encode({})]
        packed = b"".join(msgspec.msgpack.encode(number) for pair in other for number in pair)
        head = bytes([0x80 | length]) if length < 16 else b"\xde" + length.to_bytes(2, "big")
        maps[place - 6] = head + packed
        data = b"\x98\x03\x90" + b"\x01" * 4 + b"".join(maps)
        assert (tocsin_native.ArrivalsForTests.decode(data) is None) == (other is not pairs)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [3, [], 1, 1],
        [3, [], 1, 1, 0, 0, {}],
        [3, [], 1, 1, 0, 0, {}, {}, 1],
        [3, [[0, 1, 1, 1]], 1, 1, 0, 0, {}, {}],
        [3, [[0, 1, 1, 1, 1, 7]], 1, 1, 0, 0, {}, {}],
        [3, [], 1, 2**62, 0, 0, {}, {}],
        [3, [], 1, 1, 0, 0, {n: 1 for n in range(33)}, {}],
        [3, [], 1, 1, 0, 0, {}, {n: 1 for n in range(COUNTED + 1)}],
    ],
)
def test_arrivals_in_other_forms_are_left_to_python(value):
    assert tocsin_native.ArrivalsForTests.decode(msgspec.msgpack.encode(value)) is None
