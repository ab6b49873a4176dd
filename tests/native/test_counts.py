"""Native counts and their store do to the byte what the Python ones do."""

import random
import struct

import msgspec
import pytest
from msgspec.structs import replace
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.state_records import STATE_VERSION, UnknownStateVersion, require_version
from streams.counting import sums
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.counts import ChannelCounts
from streams.counting.categories import union_distinct
from streams.counting.store import CountStore, UnreadableCounts, decode_entry
from streams.counting.sums import (
    NO_DOUBT,
    NOT_SCATTERED,
    Doubtful,
    Scattered,
    StampedSums,
    WindowCounts,
)
from streams.counting.windows import FINE_MS, window_start, window_stop
from tests.tools import native_core
from tests.unit.test_counts import (
    DAY,
    EVERY_WINDOW,
    HOUR,
    KINDS,
    MINUTE,
    POOL,
    T0,
    histories,
    late,
    replay,
    times,
)

tocsin_native = native_core()

SOME_WINDOWS = EVERY_WINDOW[::5]


def native_store():
    return tocsin_native.CountStore(decode_entry, require_version, sums)


def restored(data):
    """The native counts of these bytes; they must not be foreign."""
    store = native_store()
    store.restore(b"Kc\0spam", data + bytes(4))
    entry = store.find(b"Kc\0spam")
    assert isinstance(entry, tocsin_native.CountEntry)
    return entry.counts


def comparable(result):
    """A result of counts: Python keeps the sums of windows, with who was proven in the order of arrival."""
    if not isinstance(result, WindowCounts):
        return result
    stamped = result.stamped
    return replace(result, stamped=replace(stamped, proven=tuple(sorted(stamped.proven))))


def any_sums(chance):
    """What a report adds beside; most numbers are 0 or small, and some below 0."""

    def few(count, most=3):
        return [chance.choice((0, 0, 1, chance.randrange(-1, most))) for _ in range(count)]

    proven = ()
    if chance.random() < 0.3:
        tags = tuple(chance.randrange(1, 1 << 32) for _ in range(chance.choice((2, 2, 3))))
        proven = ((chance.randrange(1 << 32), chance.choice(((5, 6), tags))),)
    return StampedSums(
        chance.choice((0, 1)),
        ClusterSums(*few(4, 40)),
        chance.choice((NO_DOUBT, Doubtful(*few(4, 900_000)))),
        chance.choice((0, 0, chance.randrange(1_000_000))),
        chance.choice((NOT_SCATTERED, Scattered(*few(2, 1_000)))),
        proven,
    )


class Both:
    """Counts in Python and native ones, to which the same is done."""

    def __init__(self):
        self.python, self.native = ChannelCounts(), native_store().new_entry().counts
        self.now = T0

    def do(self, method, *arguments):
        result = getattr(self.python, method)(*arguments)
        assert comparable(getattr(self.native, method)(*arguments)) == comparable(result), (method, arguments)
        return result

    def add_stamped(self, report, chance):
        """Add a report with a stamp, as `add_to_counts` does."""
        occurred, _, _, reporter, *_ = report
        if reporter is not None:
            self.do("risk_counted_at", reporter)
            self.do("note_risk", reporter, chance.choice((None, 0, occurred // FINE_MS)))
        if self.add(*report):
            self.do("add_stamped", occurred, any_sums(chance))

    def add(self, *report):
        self.now = report[1]
        return self.do("add", *report)

    def turn_back(self, now):
        # As the store does: it removes counts without panes.
        self.now = now
        if self.do("turn_back", now) and self.do("newest_pane_ms") is None:
            self.__init__()
            self.now = now

    def restore(self):
        data = self.do("encode")
        self.python, self.native = ChannelCounts.decode(data), restored(data)

    def check(self, windows=SOME_WINDOWS):
        self.do("encode")
        self.do("newest_pane_ms")
        for spec in windows:
            assert type(self.native.measure(spec, self.now)) is WindowCounts
            self.do("measure", spec, self.now)
            self.do("messages", spec, self.now)
            self.do("tier", spec, self.now)
            for end in (self.now, self.now - 3 * HOUR):
                self.check_past(spec, end)

    def check_past(self, spec, end):
        self.do("is_whole", spec, end)
        self.do("later_ends", spec, end, self.now)
        self.do("most_reports", spec, end, self.now)
        if self.do("measure", spec, end).reports:
            fine = end // FINE_MS
            window = window_start(spec.ring, spec.panes, fine), window_stop(spec.ring, fine)
            (seen, weight), (native, same) = self.python.sample(*window), self.native.sample(*window)
            assert same == weight
            assert sorted(native) == sorted(seen)


tiers = st.lists(st.integers(0, 5), min_size=60, max_size=60)
steps = st.lists(st.sampled_from("....sssssmrnbv"), min_size=60, max_size=60)


@settings(max_examples=250)
@given(histories, tiers, steps, st.data())
def test_any_history_gives_the_same_counts_and_bytes(history, tiers, steps, data):
    both, chance = Both(), data.draw(st.randoms(use_true_random=False))
    back = 0
    for report, tier, step in zip(replay(history), tiers, steps, strict=False):
        report = (report[0] - back, report[1] - back, *report[2:], tier)
        if step == "s":
            both.add_stamped(report, chance)
        else:
            both.add(*report)
        if step == "m":
            both.check()
        elif step == "v":
            both.do("add_for_review", report[0], both.now, tier)
        elif step == "r":
            both.restore()
        elif step == "n":
            before, after = data.draw(st.sampled_from(POOL)), data.draw(st.sampled_from([*POOL, 3, 1 << 63]))
            both.do("rename_reporter", before, after)
            assert not both.do("rename_reporter", 12345, after)
        elif step == "b":
            wrong = data.draw(late)
            back += wrong
            both.turn_back(both.now - wrong)
    both.check(EVERY_WINDOW)
    both.restore()
    both.check(EVERY_WINDOW)


def test_twenty_thousand_random_operations_give_the_same_bytes():
    source = random.Random(7)
    pools = [[source.getrandbits(64) for _ in range(size)] for size in (5, 300, 9000, 60_000)]
    both, done = Both(), 0
    while done < 20_000:
        pool, step = source.choice(pools), source.choice([0, 0, 1, 40, MINUTE, HOUR])
        for _ in range(source.choice([1, 20, 500, 3000])):
            done += 1
            now = both.now + source.randrange(step + 1) // 4
            occurred = now - source.choice([0] * 12 + [HOUR, 3 * HOUR, DAY, 9 * DAY, 29 * DAY, 31 * DAY])
            reporter = None if source.random() < 0.05 else source.choice(pool)
            message = None if source.random() < 0.3 else f"m{int(source.random() ** 3 * 90)}"
            risk, tier = source.randrange(10**6), source.randrange(4)
            both.add(occurred, now, source.choice(KINDS), reporter, risk, message, tier)
        event = source.random()
        if event < 0.2:
            both.restore()
        elif event < 0.4:
            for _ in range(5):
                both.do("rename_reporter", source.choice(pool), source.getrandbits(64))
        elif event < 0.45:
            both.turn_back(both.now - source.choice([MINUTE, HOUR, 5 * HOUR, 3 * DAY]))
        elif event < 0.5:
            both.now += source.choice([DAY, 20 * DAY, 45 * DAY])
        both.check(EVERY_WINDOW[source.randrange(9) :: 9])
    both.check(EVERY_WINDOW)


def test_more_repeats_and_proven_reporters_than_are_kept():
    both, source = Both(), random.Random(5)
    reporters = [source.getrandbits(64) for _ in range(600)]
    for number, reporter in enumerate(reporters):
        at = T0 + number * MINUTE
        both.add(at, at, "user", reporter, 1, None)
        both.do("note_risk", reporter, at // FINE_MS)
        proof = tuple(source.randrange(1, 1 << 32) for _ in range(2))
        both.do("add_stamped", at, StampedSums(1, proven=((number, proof),)))
        if number in (63, 64, 65, 510, 511, 512, 513):
            both.check()
    both.do("note_risk", reporters[300], None)
    both.do("rename_reporter", reporters[400], reporters[450])
    both.turn_back(both.now - 2 * HOUR)
    both.check(EVERY_WINDOW)
    both.restore()
    # All windows hold them no more.
    both.now += 45 * DAY
    both.add(both.now, both.now, "user", 7, 1, None)
    both.check(EVERY_WINDOW)


@pytest.mark.parametrize("span", [4 * MINUTE, 20 * HOUR, 25 * DAY])
def test_a_crowd_is_sampled_alike(span):
    source = random.Random(span)
    both = Both()
    reporters = [source.getrandbits(64) for _ in range(30_000)]
    for number, reporter in enumerate(reporters):
        at = T0 + number * span // len(reporters)
        both.add(at, at, "user", reporter, 1, None)
        if number % 9999 == 0:
            both.restore()
    both.check(EVERY_WINDOW)
    for reporter in source.sample(reporters, 300):
        both.do("rename_reporter", reporter, source.getrandbits(64))
    # Reporters who return, after which panes of unequal weights are folded.
    for step in (HOUR, 3 * HOUR, DAY, 2 * DAY):
        both.now += step
        for reporter in reporters[:3000:7]:
            both.add(both.now - source.choice([0, HOUR]), both.now, "user", reporter, 1, None)
    both.check(EVERY_WINDOW)


@settings(max_examples=60)
@given(st.lists(histories, max_size=4), st.sampled_from([0, 300, 9000]), st.integers(0, 9))
def test_a_union_over_categories_is_the_same(found, crowd, seed):
    source = random.Random(seed)
    shared = [source.getrandbits(64) for _ in range(crowd)]
    both = [Both() for _ in found]
    for one, history in zip(both, found, strict=True):
        for reporter in shared[source.randrange(crowd + 1) :]:
            one.add(T0, T0, "user", reporter, 1, None)
        for report in replay(history):
            one.add(*report)
    now = max((one.now for one in both), default=T0)
    for spec in SOME_WINDOWS:
        union = union_distinct([one.python for one in both], spec, now)
        assert union_distinct([one.native for one in both], spec, now) == union
        # A channel may have counts of both kinds.
        mixed = [one.native for one in both[:1]] + [one.python for one in both[1:]]
        assert union_distinct(mixed, spec, now) == union


@pytest.mark.parametrize(
    "number",
    [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**40],
)
def test_numbers_of_every_length_are_encoded_alike(number):
    both = Both()
    both.add(T0, T0, "user", number, number, "m" * (number % 300), number)
    both.restore()
    both.add(T0, T0, "user", 2**64 - 1, number, "é" * 16, 0)
    both.add(T0, T0, "anonymous", None, number, "🦀" * 64, 0)
    both.check()
    both.restore()
    both.check()


def encoded(
    *, now=T0 // FINE_MS, limit=2048, pane=(), reporters=b"", places=b"", messages=(), more=(), sums=(1, 2)
):
    start, kept, weight = pane or (T0 // FINE_MS, len(places), 64)
    panes = [(start, *sums, *[0] * (7 - len(sums)), kept, weight, 0)]
    return STATE_VERSION + msgspec.msgpack.encode(
        (now, limit, panes, reporters, places, dict(messages), *more)
    )


HASH = struct.pack("<Q", 77)


@pytest.mark.parametrize(
    "data",
    [
        encoded(now=2**63),
        encoded(now=-1),
        encoded(pane=(T0 // FINE_MS, 0, 0)),
        encoded(pane=(T0 // FINE_MS, 0, 2**40)),
        # Sums of these over all panes, or as millionths, need more than 64 bits.
        encoded(pane=(T0 // FINE_MS, 0, 2**30)),
        encoded(sums=(2**33, 2)),
        encoded(sums=(1, 2**54)),
        encoded(sums=(1, 2, 0, 0, 0, 2**33)),
        encoded(pane=(T0 // FINE_MS - 157, 0, 64)),
        encoded(pane=(T0 // FINE_MS - 99_999, 0, 64)),
        encoded(reporters=HASH),
        encoded(reporters=HASH, places=b"\x01", pane=(T0 // FINE_MS, 1, 64)),
        encoded(reporters=HASH, places=b"\x00", pane=(T0 // FINE_MS, 2, 64)),
        encoded(reporters=HASH * 2, places=b"\x00\x00"),
        encoded(reporters=HASH * 40, places=bytes(40)),
        encoded(reporters=HASH[:7], places=b"\x00"),
        encoded(messages=[("m", 2**63)]),
        encoded(messages=[(f"m{number}", 2**32) for number in range(33)]),
        encoded(more=([(T0 // FINE_MS, 1, 1, 0, 0, 1)],)),
        encoded(more=([], 1)),
        encoded(more=([], {}, 0, [], 1)),
        encoded(more=([], {77: -1}, 0, [])),
        encoded(more=([], {77: 2**32}, 0, [])),
        encoded(more=([], {number: 1 for number in range(513)}, 0, [])),
        encoded(more=([(T0 // FINE_MS - 1, 1, 1, 0, 0, 1)], {}, 0, [])),
        encoded(more=([(T0 // FINE_MS, 1, 1, 0, 0, 1), (T0 // FINE_MS, 1, 1, 0, 0, 1)], {}, 0, [])),
        encoded(more=([(T0 // FINE_MS, 1, 1, 0, 0, 2**54)], {}, 0, [])),
        encoded(more=([(T0 // FINE_MS, 2**33, 1, 0, 0, 1)], {}, 0, [])),
        encoded(more=([(T0 // FINE_MS, 1, 1, 0, 0, -(2**57))], {}, 0, [])),
        encoded(more=([(T0 // FINE_MS, *[0] * 12, 2**32, 1, 5)], {}, 0, [])),
        encoded(more=([(T0 // FINE_MS, *[0] * 12, 7, 1, 2**32)], {}, 0, [])),
        encoded(more=([(T0 // FINE_MS, 1, 1, 0, 0, 1)], {}, 0)),
        encoded(more=([], {}, 0, [77])),
        encoded(more=([], {}, 0, [77, 1])),
        encoded(more=([], {}, 0, [77, 0, 78])),
        encoded(more=([], {}, 2**40, [])),
        encoded() + b"\x00",
        encoded()[:-1],
        STATE_VERSION,
        STATE_VERSION + b"\xc1" * 20,
    ],
)
def test_bytes_that_are_not_exactly_of_the_form_are_decoded_by_python(data):
    native, python = native_store(), CountStore()
    for store in (native, python):
        store.restore(b"K", data + struct.pack(">I", 20_030))
    try:
        expected = python.find(b"K")
    except UnreadableCounts as error:
        with pytest.raises(UnreadableCounts) as raised:
            native.find(b"K")
        assert str(raised.value) == str(error)
    else:
        found = native.find(b"K")
        assert type(found) is type(expected)
        assert found is native.find(b"K")
        assert found.counts.encode() == expected.counts.encode()


@pytest.mark.parametrize("most", [(2**33 - 1, 2**54 - 1), (2**56 - 1, 2**56 - 1)])
def test_the_largest_numbers_of_a_damaged_record_are_added_up_alike(most):
    count, risk = most
    newest = T0 // FINE_MS
    starts = range(newest - 150, newest + 1)
    panes = [(start, count, risk, *[count] * 5, 0, 2**30 - 1, 0) for start in starts]
    voices = [(start, *[count] * 4, *[risk] * 8) for start in starts]
    data = STATE_VERSION + msgspec.msgpack.encode((newest, 2048, panes, b"", b"", {}, voices, {}, 0, []))
    both = Both()
    both.now = T0
    python, native = CountStore(), native_store()
    for store in (python, native):
        store.restore(b"K", data + bytes(4))
    both.python, both.native = (store.find(b"K").counts for store in (python, native))
    both.check()


@settings(max_examples=300)
@given(histories, st.data())
def test_damaged_records_are_counted_on_alike(history, data):
    both = Both()
    for report in replay(history):
        both.add(*report)
    record = bytearray(both.do("encode"))
    for _ in range(data.draw(st.integers(1, 2))):
        record[data.draw(st.integers(1, len(record) - 1))] ^= data.draw(st.sampled_from([1, 2, 16, 128, 255]))
    outcomes = []
    for store in (CountStore(), native_store()):
        outcome = []
        store.restore(b"K", bytes(record) + bytes(4))
        try:
            counts = store.find(b"K").counts
            outcome.append(counts.encode())
            for step in (0, HOUR, DAY):
                now = both.now + step
                outcome.append(counts.add(now, now, "user", POOL[3], 1, "m", 1))
                outcome.append([counts.measure(spec, now) for spec in SOME_WINDOWS])
                outcome.append(counts.encode())
        except Exception as error:  # noqa: BLE001 - damaged numbers fail in any way, in Python
            outcome.append((type(error), str(error)))
        outcomes.append(outcome)
    assert outcomes[0] == outcomes[1]


def test_a_record_of_another_version_is_not_restored():
    store = native_store()
    with pytest.raises(UnknownStateVersion, match="'K' has version 07"):
        store.restore(b"Kc\0spam", b"\x07abcd")
    with pytest.raises(ValueError, match="cut off"):
        store.restore(b"Kc\0spam", STATE_VERSION)


def test_an_entry_that_was_removed_is_not_another_one():
    store = native_store()
    entry = store.new_entry()
    entry.add(T0, T0, "user", 1, 1, None)
    store.counted(b"a", entry, T0)
    assert entry.expires == T0 // DAY + 31
    assert store.expire(T0 + 32 * DAY, 9)
    other = store.new_entry()
    other.add(T0, T0, "user", 1, 1, None)
    store.counted(b"b", other, T0)
    with pytest.raises(RuntimeError, match="removed"):
        entry.counts.encode()


class Stores:
    """A store in Python and a native one, to which the same is done."""

    def __init__(self):
        self.python, self.native = CountStore(), native_store()
        self.records = {}

    def same(self, one, other):
        assert (one is None) == (other is None)
        if one is not None:
            assert other.expires == one.expires
            assert other.counts.encode() == one.counts.encode()

    def report(self, key, *report, stamped=None):
        results = []
        for store in (self.python, self.native):
            entry = store.find(key)
            if entry is None:
                entry = store.new_entry()
            counts = entry.counts
            counted = counts.add(*report)
            if counted:
                if stamped is not None:
                    counts.add_stamped(report[0], stamped)
                store.counted(key, entry, report[0])
            elif entry.expires is not None:
                store.aged(key, entry)
            windows = [comparable(counts.measure(spec, report[1])) for spec in SOME_WINDOWS[::4]]
            results.append((counted, entry.expires, counts.encode(), windows))
        assert results[0] == results[1]

    def rename(self, suffixes, before, after):
        found = []
        for store in (self.python, self.native):
            renamed = []
            for key, entry in store.find_all(b"K", suffixes):
                if entry.counts.rename_reporter(before, after):
                    store.aged(key, entry)
                    renamed.append(key)
            found.append(renamed)
        assert found[0] == found[1]

    def expire(self, now, at_most):
        # In which order, and in how many parts, is not determined.
        for store in (self.native, self.python):
            while not store.expire(now, at_most):
                pass

    def drain(self):
        python, native = list(self.python.drain_changes()), list(self.native.drain_changes())
        assert sorted(key for key, value in native if value is None) == sorted(
            key for key, value in python if value is None
        )
        assert [change for change in native if change[1]] == [change for change in python if change[1]]
        assert [value is None for _, value in native] == [value is None for _, value in python]
        for key, value in python:
            if value is None:
                del self.records[key]
            else:
                self.records[key] = value

    def restore(self):
        self.drain()
        size = self.native.size
        self.python, self.native = CountStore(), native_store()
        for key, value in self.records.items():
            self.python.restore(key, value)
            self.native.restore(key, value)
        assert self.native.size == size

    def check(self):
        for name in ("size", "changed_bytes"):
            assert getattr(self.native, name) == getattr(self.python, name), name
        assert len(self.native) == len(self.python)
        assert self.native.next_expiry() == self.python.next_expiry()
        assert self.native.last_expiry() == self.python.last_expiry()


KEYS = [b"%d\0c" % number for number in range(6)]
operations = st.lists(
    st.tuples(
        st.sampled_from(
            ["report"] * 12 + ["stamped", "rename", "expire", "back", "drain", "drain", "restore"]
        ),
        st.sampled_from(KEYS),
        times,
        late,
        st.none() | st.integers(0, 30),
        st.integers(0, 40),
    ),
    max_size=60,
)


@settings(max_examples=250)
@given(operations)
def test_stores_agree_whatever_is_done(operations):
    stores, now = Stores(), T0
    for operation, key, step, lateness, reporter, number in operations:
        if operation in ("report", "stamped"):
            now += step
            hashed = None if reporter is None else POOL[reporter]
            kind = KINDS[number % 5]
            stamped = None if operation == "report" else any_sums(random.Random(number))
            report = (now - lateness, now, kind, hashed, number, f"m{number}")
            stores.report(b"K" + key, *report, stamped=stamped)
        elif operation == "rename":
            stores.rename(KEYS[: number % 7], POOL[number % 31], POOL[reporter or 0] ^ 1)
        elif operation == "expire":
            now += step
            # All of a day: the stores may differ in which they remove first.
            stores.expire(now, 100)
        elif operation == "back":
            now -= lateness
            for store in (stores.python, stores.native):
                store.turn_back(now)
        elif operation == "drain":
            stores.drain()
        else:
            stores.restore()
        stores.check()
        for key in KEYS:
            stores.same(stores.python.find(b"K" + key), stores.native.find(b"K" + key))
    stores.drain()
    stores.check()


def test_records_in_use_take_more_memory():
    stores = Stores()
    assert stores.native.memory == 0
    for number in range(50):
        stores.report(b"K%d" % number, T0, T0, "user", 1, 1, None)
    stores.drain()
    in_use = stores.native.memory
    stores.restore()
    assert stores.native.size < stores.native.memory < in_use / 2
    assert stores.native.find(b"K7") is not None
    # About as much as fifty in use take each.
    assert 0 < stores.native.memory - stores.native.size - 50 * 36 < in_use / 25


@pytest.mark.parametrize("at_most", [1, 3, 4, 6, 9])
def test_an_expiry_in_parts_removes_the_same(at_most):
    stores = Stores()
    for number in range(9):
        at = T0 + number // 3 * DAY
        stores.report(b"K%d" % number, at, at, "user", 1, 1, None)
    if at_most % 2:
        stores.drain()
    stores.expire(T0 + 31 * DAY, at_most)
    assert stores.native.next_expiry() == stores.python.next_expiry()
    assert len(stores.native) == len(stores.python)


def test_entries_that_move_to_another_day_expire_on_it():
    stores = Stores()
    keys = [b"K%d" % number for number in range(6)]
    for key in keys:
        stores.report(key, T0, T0, "user", 1, 1, None)
    stores.drain()
    for number, at in ((0, T0 + DAY), (5, T0 + DAY), (4, T0 + DAY), (0, T0 + 2 * DAY), (1, T0 + 2 * DAY)):
        stores.report(keys[number], at, T0 + 2 * DAY, "user", 1, 1, None)
    stores.drain()
    for day in range(30, 33):
        stores.expire(T0 + day * DAY, 9)
        stores.drain()
        for key in keys:
            stores.same(stores.python.find(key), stores.native.find(key))
        stores.check()


def test_counts_that_left_memory_are_read_back_unchanged():
    stores, source = Stores(), random.Random(3)
    keys = [b"K%d" % number for number in range(90_000)]
    for number, key in enumerate(keys + source.sample(keys, 9000)):
        at = T0 + number
        for store in (stores.python, stores.native):
            entry = store.find(key) or store.new_entry()
            entry.counts.add(at, at, "user", number, 1, None)
            store.counted(key, entry, at)
        # More than two generations are changed before they are stored.
        if number % 60_000 == 59_999:
            stores.drain()
    stores.drain()
    stores.check()
