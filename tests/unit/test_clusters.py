"""Clusters of a message against a model that keeps everything, voices, the guard-rail, and the assessment."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.report import Category
from streams.counting.coordination.arrivals import COUNTED, Arrivals, Signs, decode_arrivals, encode_arrivals
from streams.counting.coordination.assessment import assess, may_be_fresh
from streams.counting.coordination.clusters import (
    ALONE,
    GROUPS,
    MILLION,
    Clusters,
    ClusterSums,
    decode_clusters,
    encode_clusters,
    linked_share,
    voices_millionths,
)
from streams.counting.coordination.distinct_sketch import estimate, note
from streams.counting.coordination.guard_rail import LEAST, GuardRail
from streams.counting.coordination.signature import enter, group_of, linked, used_bins
from tests.categories import CATEGORIES, CODES

DAY = 86_400_000
HOUR = 3_600_000
T0 = 20_000 * DAY


def signature(*places: int) -> int:
    made = 0
    for place in places:
        made = enter(made, place | 7 << 8)
    return made


def grown(made: int, size: int) -> Clusters:
    """A cluster of so many reporters with the same signature."""
    clusters = Clusters()
    for _ in range(size):
        clusters.add(made, 1, known=False)
    return clusters


# Five brigades of three targets, and people with one target of their own.
people = st.sampled_from(
    [signature(3 * group, 3 * group + 1, 3 * group + 2) for group in range(5)]
) | st.just(0)
reports = st.lists(st.tuples(people, st.integers(1, 3), st.booleans()), max_size=40)


def modelled(given_reports: list[tuple[int, int, bool]]) -> tuple[list[int], ClusterSums]:
    """Return the size of each report's cluster, and the sums over all clusters, recomputed from the whole
    list.
    """
    clusters: list[dict] = []
    order: list[dict] = []
    joined = []
    for made, needed, known in given_reports:
        groups = [each for each in order if each["size"] > 1][-GROUPS:]
        alone = [each for each in order if each["size"] == 1 and each["kept"]]
        # Whom later ones have pushed out does not come back when one of these joins a cluster.
        for each in alone[:-ALONE]:
            each["kept"] = False
        del alone[:-ALONE]
        home = None
        if used_bins(made) >= needed:
            for each in [*reversed(groups), *reversed(alone)]:
                if linked(each["signature"], made, max(each["needed"], needed)):
                    home = each
                    break
        if home is None:
            home = {"size": 0, "kept": used_bins(made) >= needed, "known": known}
            clusters.append(home)
        else:
            order.remove(home)
            home["known"] = False
        home |= {"size": home["size"] + 1, "signature": made, "needed": needed}
        order.append(home)
        joined.append(home["size"])
    return joined, ClusterSums(
        len(given_reports),
        sum(each["size"] for each in clusters if each["size"] > 1),
        sum(each["known"] for each in clusters),
        sum(each["size"] ** 2 for each in clusters if not each["known"]),
    )


@given(reports, st.integers(0, 40))
def test_clusters_are_those_of_the_model(given_reports, restored_at):
    clusters, sums, sizes = Clusters(), ClusterSums(), []
    for number, (made, needed, known) in enumerate(given_reports):
        if number == restored_at:
            clusters = decode_clusters(encode_clusters(clusters))
        joined = clusters.add(made, needed, known=known)
        assert joined.first is (joined.size == 1)
        sizes.append(joined.size)
        sums = sums.plus(joined.added)
    assert (sizes, sums) == modelled(given_reports)


def test_the_state_of_a_message_is_bounded():
    clusters = Clusters()
    for place in range(500):
        # Each pair of reporters has a target of its own.
        made = enter(0, (place // 2 & 31) | (place // 2) << 8)
        clusters.add(made, 1, known=False)
        clusters.add(0, 1, known=False)
    assert len(clusters.alone) <= ALONE
    assert len(clusters.groups) <= GROUPS
    assert len(encode_clusters(clusters)) < 80 * (ALONE + GROUPS)


def test_equal_groups_stay_apart():
    clusters = Clusters()
    both = signature(1, 2, 3, 4)
    # When the second, smaller one has grown to the size of the first, they are equal.
    clusters.groups = grown(both, 3).groups + grown(both, 2).groups
    for _ in range(2):
        clusters.add(both, 1, known=False)
    assert [group.size for group in clusters.groups] == [3, 4]


def test_newcomers_do_not_push_a_cluster_out():
    clusters = Clusters()
    clusters.add(signature(1, 2), 1, known=False)
    for _ in range(100):
        clusters.add(0, 1, known=False)
    assert clusters.add(signature(1, 2), 1, known=False).size == 2


def test_only_the_first_report_of_a_cluster_weighs():
    clusters = Clusters()
    assert [clusters.add(signature(1, 2), 1, known=False).first for _ in range(5)] == [True] + [False] * 4


@pytest.mark.parametrize(
    ("sums", "voices"),
    [
        (ClusterSums(), 0),
        (ClusterSums(43, 0, 0, 43), 43),
        # A brigade of 100 in one cluster, and one of 100 of whom 80 were linked.
        (ClusterSums(100, 100, 0, 10_000), 1),
        (ClusterSums(100, 80, 0, 80 * 80 + 20), 21),
        # The same beside ten reporters with trust.
        (ClusterSums(110, 80, 10, 80 * 80 + 20), 31),
        # Two clusters, of thirty and of ten.
        (ClusterSums(40, 40, 0, 30 * 30 + 10 * 10), 1.6),
        # An honest wave of 80, which thirty linked accounts join: they take nothing from it.
        (ClusterSums(110, 30, 0, 30 * 30 + 80), 81),
        # A window that lost the founder of a cluster.
        (ClusterSums(1, 2, -1, 4), 1),
    ],
)
def test_voices_of_examples(sums, voices):
    assert voices_millionths(sums) / MILLION == voices


@given(reports)
def test_voices_are_between_one_and_the_reports(given_reports):
    _, sums = modelled(given_reports)
    if given_reports:
        assert MILLION <= voices_millionths(sums) <= MILLION * sums.reports
        assert 0 <= linked_share(sums) <= 1


def linked_in(rail: GuardRail, at: int, reporter: int, group: int | None) -> bool:
    """Add a report; whether links still have an effect."""
    rail.note(at, reporter, group)
    return not rail.tripped()


def test_the_guard_rail_tells_what_changed_it():
    rail = GuardRail()
    assert rail.note(T0, 1, None)
    assert not rail.note(T0, 1, None)
    assert rail.note(T0, 1, 7)
    assert not rail.note(T0, 1, 7)
    assert rail.note(T0 + DAY, 1, None)


def test_the_guard_rail_stops_at_five_per_cent_of_the_active_and_the_next_day_begins_anew():
    rail, rng = GuardRail(), random.Random(4)
    active = [rng.getrandbits(64) for _ in range(10_000)]
    assert all(linked_in(rail, T0, reporter, None) for reporter in active)
    held = [linked_in(rail, T0, reporter, reporter) for reporter in active[:1_000]]
    # Both estimates have a standard error of 6 %.
    assert 400 < held.index(False) < 620
    assert not any(held[620:])
    assert linked_in(rail, T0 + DAY, 1, 2)


def test_a_single_brigade_does_not_switch_the_rule_off_in_a_quiet_partition():
    rail = GuardRail()
    assert all(linked_in(rail, T0, number << 40, number << 40) for number in range(LEAST))


def test_a_brigade_of_any_size_and_order_is_one_group_and_strangers_are_many():
    rng = random.Random(3)
    # Ten earlier targets, of which each member reported seven or more.
    targets = [rng.getrandbits(64) for _ in range(10)]
    rail = GuardRail()
    for _ in range(5_000):
        signature = 0
        for target in rng.sample(targets, rng.randint(7, 10)):
            signature = enter(signature, target)
        assert linked_in(rail, T0, rng.getrandbits(64), group_of(signature))
    assert len(rail.linked) <= 5
    # A fault that links strangers by twos: each pair has targets of its own.
    pairs = [group_of(enter(0, rng.getrandbits(64))) for _ in range(400)]
    held = [linked_in(rail, T0, rng.getrandbits(64), group) for group in pairs]
    assert held[0]
    assert not held[-1]
    assert group_of(0) == group_of(0)


def test_the_sketch_is_exact_when_few_and_near_when_many():
    smallest: list[int] = []
    rng = random.Random(5)
    few = [rng.getrandbits(64) for _ in range(200)]
    for hashed in [*few, *few]:
        note(smallest, hashed)
    assert estimate(smallest) == 200
    for _ in range(20_000):
        note(smallest, rng.getrandbits(64))
    assert abs(estimate(smallest) - 20_200) < 4_000


def burst(
    arrivals: Arrivals, at: int, number: int, categories: Sequence[Category] = ("spam",), **how: bool
) -> Signs:
    """Reports at `at`, each by somebody else: of who they are, the time is a part."""
    for reporter in range(number):
        arrivals.add(at, at + reporter, CODES[categories[reporter % len(categories)]], **how)
    return arrivals.signs()


FRESH = {"first_time": True, "young": True, "outsider": True}
HONEST = {"first_time": True, "young": False, "outsider": False}


def test_a_fresh_brigade_is_suspected_and_an_honest_wave_is_not():
    for how, suspected in ((FRESH, True), (HONEST, False)):
        signs = burst(Arrivals(), T0, 40, **how)
        case = assess(ClusterSums(40, 0, 0, 40), signs)
        assert case.suspected is suspected, case.sentence
    assert case.sentence == "No sign of coordinated reporting."


def test_one_sign_alone_does_not_suspect():
    # A message that was forwarded to outsiders.
    signs = burst(Arrivals(), T0, 40, first_time=True, young=False, outsider=True)
    assert not assess(ClusterSums(40, 0, 0, 40), signs).suspected


def test_a_channel_with_as_many_reports_every_hour_has_no_burst():
    arrivals = Arrivals()
    for hour in range(600):
        signs = burst(arrivals, T0 + hour * HOUR, 20, **FRESH)
    assert signs.reporters == 120
    assert 100 < signs.usual < 120
    assert not assess(ClusterSums(120, 0, 0, 120), signs).suspected
    # A month of silence, and it is one again.
    assert burst(arrivals, T0 + (600 + 2_500) * HOUR, 20, **FRESH).usual == 0


def test_accounts_that_go_through_a_channel_are_seen():
    arrivals = Arrivals()
    for _ in range(3):
        signs = burst(arrivals, T0, 12, first_time=True, young=True, outsider=False)
    assert signs.repeating == 1
    assert signs.reporters == 12
    case = assess(ClusterSums(36, 0, 0, 36), signs)
    assert case.suspected
    assert "three or more of its messages" in case.sentence


def test_reporters_who_do_not_agree_what_is_wrong_are_shown_and_not_suspected_for_it():
    three = ("spam", "fraud", "hate")
    signs = burst(Arrivals(), T0, 30, three, first_time=True, young=False, outsider=True)
    assert signs.disagreement == pytest.approx(2 / 3)
    assert not assess(ClusterSums(30, 0, 0, 30), signs).suspected
    case = assess(ClusterSums(30, 0, 0, 30), burst(Arrivals(), T0, 30, three, **FRESH))
    assert case.sentence.endswith(
        "They do not agree what is wrong: 67% name another category than the most frequent one."
    )
    assert (
        "do not agree" not in assess(ClusterSums(30, 0, 0, 30), burst(Arrivals(), T0, 30, **FRESH)).sentence
    )


def test_rows_of_an_earlier_version_name_no_category():
    arrivals = Arrivals(bucket=T0 // (HOUR // 2), recent=[[0, 30, 0, 0, 0]])
    arrivals.add(T0, 1, CODES["fraud"], first_time=True, young=True, outsider=True)
    signs = arrivals.signs()
    assert (signs.reporters, signs.disagreement) == (31, 0)


def test_the_sentence_says_who_was_linked_and_as_what_they_count():
    quiet = Signs(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    case = assess(ClusterSums(40, 31, 0, 31 * 31 + 9), quiet)
    assert case.suspected
    assert case.members == 31
    assert case.score == 0.75
    assert case.sentence == (
        "31 of 40 reporters had before reported the same messages as another of them, messages that were not "
        "upheld; all 40 count as 10.0 voices."
    )
    assert not assess(ClusterSums(9, 9, 0, 81), quiet).suspected


@given(st.lists(st.tuples(st.integers(0, 100 * HOUR), st.integers(0, 50), st.booleans()), max_size=60))
def test_arrivals_count_each_reporter_of_the_last_six_hours_once(given_reports):
    arrivals, counted = Arrivals(), []
    half = HOUR // 2
    for offset, reporter, young in sorted(given_reports):
        at = T0 + offset
        arrivals = decode_arrivals(encode_arrivals(arrivals))
        category = CATEGORIES[reporter % 4]
        arrivals.add(at, reporter, CODES[category], first_time=False, young=young, outsider=not young)
        signs = arrivals.signs()
        counted = [each for each in counted if at // half - each[0] // half < 12]
        if reporter not in [one for _, one, _, _ in counted]:
            counted.append((at, reporter, young, category))
        named = Counter(named for *_, named in counted)
        assert signs.disagreement == pytest.approx(1 - max(named.values()) / len(counted))
        assert signs.reporters == len(counted)
        assert signs.young == sum(young for _, _, young, _ in counted) / len(counted)
        assert signs.outsiders == pytest.approx(1 - signs.young)
        # Nobody is suspected of whom the few sums say that it cannot be.
        assert may_be_fresh(arrivals) or not assess(ClusterSums(), signs).suspected


def test_further_reports_of_an_account_move_neither_shares_nor_the_usual_rate():
    """Nor are they remembered: the state of a channel stays small, however often somebody reports."""
    arrivals = Arrivals()
    burst(arrivals, T0, 20, **HONEST)
    before = len(encode_arrivals(arrivals))
    for _ in range(1_000):
        arrivals.add(T0 + HOUR, 7, CODES["fraud"], **FRESH)
    signs = arrivals.signs()
    assert (signs.reporters, signs.young) == (21, pytest.approx(1 / 21))
    assert len(encode_arrivals(arrivals)) < before + 40
    burst(arrivals, T0 + 2 * HOUR, 2_000, **HONEST)
    assert len(arrivals.counted) == COUNTED
    assert len(encode_arrivals(arrivals)) < 8_000
    arrivals.add(T0 + 9 * HOUR, 7, CODES["fraud"], **FRESH)
    assert list(arrivals.counted) == [7]
