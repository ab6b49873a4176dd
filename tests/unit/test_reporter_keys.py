"""After a change of the key for reporters, nobody counts twice and nobody is forgotten."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.state_records import UnknownHashKey
from streams.counting.categories import shares_of, total_of
from streams.counting.windows import FINE_MS, window_spec, window_start
from streams.deciding.partition.hash_key import UNKEYED, HashKeys, hash_key
from streams.deciding.reports.census import take_report_census
from streams.deciding.reports.state import ReportState, restore_reports
from tests.unit.traffic import DAY, HOUR, MINUTE, START, compiled, fold, levels, policy, report, run, tick

A, B, C = (hash_key(bytes(range(first, first + 32))) for first in (0, 40, 80))
CATEGORIES = ("spam", "fraud", "hate")
WINDOWS = [window_spec(HOUR, "PT1H"), window_spec(DAY, "PT24H"), window_spec(7 * DAY, "P7D")]
KEYS = [HashKeys(UNKEYED), HashKeys(A), HashKeys(B, A), HashKeys(A, B)]
RULES = {keys: compiled(hash_keys=keys) for keys in [*KEYS, HashKeys(C), HashKeys(C, B), HashKeys(B)]}


class Partition:
    """A partition whose state is restored with other keys from time to time, as when workers restart."""

    def __init__(self, keys, partition_rules=RULES):
        self.rules = partition_rules[keys]
        self.all_rules = partition_rules
        self.stored = {}
        self.state = ReportState(0, 1, self.rules)
        self.numbers = itertools.count()

    def report(self, reporter, category, at, channel="c", appended=None):
        return self.apply(self.record(reporter, category, at, channel, appended))

    def record(self, reporter, category, at, channel="c", appended=None):
        return report(
            next(self.numbers),
            at,
            channel=channel,
            category=category,
            appended=appended,
            reporter={"kind": "user", "ref": reporter},
        )

    def apply(self, *records):
        batch = run(self.state, self.rules, records)
        fold(self.stored, batch.changes)
        return batch

    def restart(self, keys):
        self.rules = self.all_rules[keys]
        self.state = restore_reports(0, 1, self.rules, self.stored.items())

    def distinct(self, categories, spec):
        now = self.state.time.now
        shares = shares_of(self.state.counts, b"c", categories, spec, now)
        return total_of(shares, spec, now).distinct_reporters if shares else 0


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("report"),
            st.integers(0, 5),
            st.sampled_from(CATEGORIES),
            st.sampled_from([0, 1, 20, 70, 1_500, 9_000, 44_000]),
            st.sampled_from([0, 0, 30, 2_000]),
        ),
        st.tuples(st.just("restart"), st.sampled_from([0, 1, 1, 1])),
    ),
    max_size=40,
)


@settings(max_examples=100)
@given(steps)
def test_every_window_counts_each_reporter_once_whatever_the_keys(drawn):
    """Compared with a set of who was seen, over keys that change to the next and back."""
    partition, place = Partition(KEYS[0]), 0
    seen = []
    now = START + 60 * DAY
    for step, *arguments in drawn:
        if step == "restart":
            # From A to (B, A), to (A, B), and so on, however often.
            place = place + arguments[0] if place < 3 else 2 if arguments[0] else 3
            partition.restart(KEYS[place])
        else:
            reporter, category, minutes, late = arguments
            now += minutes * MINUTE
            at = now - late * MINUTE
            partition.report(f"u{reporter}", category, at, appended=now)
            seen.append((reporter, category, at))
        for spec in WINDOWS:
            start = window_start(spec.ring, spec.panes, partition.state.time.now // FINE_MS) * FINE_MS
            for categories in (*zip(CATEGORIES), CATEGORIES[:2], CATEGORIES):  # noqa: B905
                true = {who for who, what, at in seen if what in categories and at >= start}
                assert partition.distinct(categories, spec) == len(true)


def test_a_reporter_is_moved_over_in_all_categories_of_the_channel_and_in_no_other():
    partition = Partition(HashKeys(A))
    for category, channel in (("spam", "c"), ("fraud", "c"), ("spam", "d")):
        partition.report("u1", category, START, channel)
    before = dict(partition.stored)
    partition.restart(HashKeys(B, A))
    partition.report("u1", "hate", START + MINUTE)
    changed = {key for key, value in partition.stored.items() if before.get(key) != value and key[:1] == b"K"}
    assert changed == {b"Kc\0spam", b"Kc\0fraud", b"Kc\0hate"}
    old, new = (key.reporter_hash("u1").to_bytes(8, "little") for key in (A, B))
    assert all(old not in partition.stored[key] and new in partition.stored[key] for key in changed)


@pytest.mark.nightly
def test_an_estimate_stays_within_ten_percent_while_reporters_move_over():
    """Beyond 2,048 reporters both keys sample, and each reporter who returns is in the new sample or not."""
    partition = Partition(HashKeys(A))
    hour, day, _ = WINDOWS

    def everybody_reports(time):
        for first in range(0, 8_000, 1_000):
            numbers = range(first, first + 1_000)
            partition.apply(*(partition.record(f"u{n}", "spam", time + n) for n in numbers))
            yield first + 1_000

    list(everybody_reports(START))
    partition.restart(HashKeys(B, A))
    for back in everybody_reports(START + 2 * HOUR):
        assert abs(partition.distinct(("spam",), day) - 8_000) < 800
        assert abs(partition.distinct(("spam",), hour) - back) < max(800, back / 10)
    old = {A.reporter_hash(f"u{n}").to_bytes(8, "little") for n in range(8_000)}
    stored = partition.stored[b"Kc\0spam"]
    assert not any(hashed in stored for hashed in old)


def test_no_alarm_is_raised_or_lost_by_a_change_of_the_key():
    """Three distinct reporters open an episode: two who report again under the new key are two."""
    watched = policy(levels=levels({"distinct_reporters": 3}))
    rules = {keys: compiled(watched, hash_keys=keys) for keys in KEYS}
    for first, second in itertools.pairwise(KEYS):
        partition = Partition(first, rules)
        for reporter in ("u1", "u2"):
            partition.report(reporter, "spam", START)
        partition.restart(second)
        batches = [partition.report(reporter, "spam", START + MINUTE) for reporter in ("u1", "u2", "u3")]
        assert [bool(batch.counters.escalations) for batch in batches] == [False, False, True]


# --- which keys are needed, and until when


def test_the_state_names_its_key():
    partition = Partition(HashKeys(A))
    partition.report("u1", "spam", START)
    assert A.id.encode() in partition.stored[b"H"]
    census = take_report_census(partition.state)
    assert (census.hash_key, census.earlier_hash_keys) == (A.id, {})


def test_the_record_is_written_only_when_it_changes():
    partition = Partition(HashKeys(A))
    assert b"H" in partition.report("u1", "spam", START).changes
    assert b"H" not in partition.report("u2", "spam", START).changes
    partition.restart(HashKeys(A))
    assert b"H" not in partition.report("u3", "spam", START).changes
    partition.restart(HashKeys(B, A))
    assert b"H" in partition.report("u4", "spam", START).changes


@pytest.mark.parametrize("keys", [HashKeys(C), HashKeys(C, B)])
def test_a_state_under_an_unknown_key_is_refused_with_its_id_and_a_remedy(keys):
    partition = Partition(HashKeys(A))
    partition.report("u1", "spam", START)
    with pytest.raises(UnknownHashKey) as caught:
        partition.restart(keys)
    message = str(caught.value)
    assert f"Needed: {A.id} (until 2026-10-05T00:00:00.000Z)" in message
    assert f"TOCSIN_HASH_KEY is {C.id}" in message
    assert (f"TOCSIN_HASH_KEY_PREVIOUS {B.id}" in message) == (keys.previous is B)
    assert "Set TOCSIN_HASH_KEY_PREVIOUS" in message


def test_the_previous_key_is_needed_until_no_window_reaches_back():
    partition = Partition(HashKeys(A))
    partition.report("u1", "spam", START)
    partition.report("u2", "spam", START + DAY)
    partition.restart(HashKeys(B, A))
    census = take_report_census(partition.state)
    assert (census.hash_key, census.earlier_hash_keys) == (B.id, {A.id: START + 32 * DAY})
    partition.report("u2", "spam", START + 32 * DAY - 1)
    with pytest.raises(UnknownHashKey):
        partition.restart(HashKeys(B))
    partition.report("u2", "spam", START + 32 * DAY)
    partition.restart(HashKeys(B))
    assert take_report_census(partition.state).earlier_hash_keys == {}
    assert partition.distinct(("spam",), WINDOWS[2]) == 1


def test_an_idle_partition_lets_go_of_the_previous_key_too():
    partition = Partition(HashKeys(A))
    partition.report("u1", "spam", START)
    partition.restart(HashKeys(B, A))
    until = partition.state.counts.next_expiry()
    partition.apply(tick(1, until))
    partition.restart(HashKeys(B))
    assert A.id.encode() not in partition.stored[b"H"]


def test_a_second_change_before_counts_expire_needs_the_first_key_until_then():
    partition = Partition(HashKeys(A))
    partition.report("u1", "spam", START)
    partition.restart(HashKeys(B, A))
    partition.report("u1", "spam", START + DAY)
    with pytest.raises(UnknownHashKey, match=A.id):
        partition.restart(HashKeys(C, B))
    partition.report("u1", "spam", START + 31 * DAY)
    partition.restart(HashKeys(C, B))


def test_the_first_key_can_be_changed_at_once():
    """The hashes from before keys need no secret, so they never stand in the way of a change."""
    partition = Partition(HashKeys(UNKEYED))
    partition.report("u1", "spam", START)
    del partition.stored[b"H"]
    partition.restart(HashKeys(A))
    assert list(partition.state.reporter_keys.earlier) == ["unkeyed"]
    partition.report("u2", "spam", START)
    partition.restart(HashKeys(B, A))
    for reporter in ("u1", "u2", "u3"):
        partition.report(reporter, "spam", START + MINUTE)
    assert partition.distinct(("spam",), WINDOWS[0]) == 3


def test_a_state_without_counts_needs_no_earlier_key():
    partition = Partition(HashKeys(A))
    partition.apply(tick(0, START))
    partition.restart(HashKeys(C))
    assert take_report_census(partition.state).earlier_hash_keys == {}
