"""What supports upheld outcomes, and what proves a reporter right: against models that know everything."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.counting.attribution import MessageReporters
from streams.counting.message_bytes import decode_reporters, encode_reporters
from streams.counting.confirmation import MOST_PROOFS, SUPPORTED_BEFORE, Support, proven_voices
from streams.counting.known_outcome import Counted, KnownOutcome
from streams.counting.sums import StampedSums
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.voices import MOST_PROVEN, Voices, sums_of, voice_pane
from streams.deciding.reporters.proof import (
    BEFORE,
    MOST_CHANNELS,
    PROOF_DAYS,
    ChannelProof,
    is_earned,
    lapsed,
    right_in,
    together,
    until,
    with_outcome,
)
from tests.shipped import RULES

NEEDS = RULES.reporters.proof


def decision(decided_s: int, number: int = 0, verdict: str = "upheld") -> KnownOutcome:
    return KnownOutcome(decided_s, f"o{number}", verdict, "spam", 100)


# --- who is confirmed

verdicts = st.sampled_from(["upheld", "upheld", "dismissed"])
tags = st.sets(st.integers(1, 5), max_size=3).map(lambda found: tuple(sorted(found)))
reports = st.tuples(st.just("report"), st.integers(1, 9), st.integers(0, 30), st.none() | tags)
outcomes = st.tuples(st.just("outcome"), st.integers(0, 4), st.integers(0, 40), verdicts)


def modelled(steps: list[tuple]) -> dict[int, tuple[Counted, Support]]:
    """What counts for whom in the end: the definition in docs/trust.md, from all reports and decisions."""
    decisions = [decision(at, number, verdict) for kind, number, at, verdict in steps if kind == "outcome"]
    if not decisions:
        return {}
    first = min(each.decided_s for each in decisions)
    standing = max(decisions, key=lambda each: (each.decided_s, each.outcome_id))
    received: dict[int, int] = {}
    proofs: dict[int, tuple[int, ...]] = {}
    for kind, reporter, at, proof in steps:
        if kind == "report":
            received[reporter] = min(at, received.get(reporter, at))
            if proof is not None:
                proofs.setdefault(reporter, proof)
    found = {}
    for reporter, at in received.items():
        if at >= first:
            continue
        support = Support(confirmed=False, first=False)
        if standing.verdict == "upheld":
            before = sum(other <= at for one, other in received.items() if one != reporter)
            later = [
                proof for one, proof in proofs.items() if one != reporter and at <= received[one] < first
            ]
            channels = {tag for proof in later for tag in proof} - set(proofs.get(reporter, ()))
            confirmed = () in later or len(channels) >= max(3, (before + 1) // 2)
            support = Support(confirmed, first=before == 0)
        found[reporter] = standing.counted, support
    return found


@given(st.lists(reports | outcomes, max_size=25))
def test_support_adds_up_to_the_model_whatever_the_order(steps):
    steps = list({(s[0], s[1]) if s[0] == "outcome" else s: s for s in steps}.values())
    record, counted = MessageReporters(), {}
    for kind, number, at, more in steps:
        record = decode_reporters(encode_reporters(record))
        if kind == "report":
            credits = record.add_report(number, at * 1000)
            if more is not None:
                credits += record.add_proof(number, more)
        else:
            credits = record.add_outcome(decision(at, number, more))
        for credit in credits:
            removed = counted.pop(credit.reporter, None)
            assert removed == (credit.removed and (credit.removed, credit.removed_support))
            if credit.added is not None:
                counted[credit.reporter] = credit.added, credit.added_support
    assert counted == modelled(steps)


def test_of_those_who_report_in_the_same_second_none_is_first():
    record = MessageReporters()
    for reporter in (1, 2):
        record.add_report(reporter, 10_000)
    record.add_report(3, 11_000)
    assert {credit.added_support for credit in record.add_outcome(decision(20))} == {
        Support(confirmed=False, first=False)
    }


def test_whoever_joins_those_who_are_right_is_not_confirmed_by_them():
    record = MessageReporters()
    for reporter in (1, 2, 3):
        record.add_report(reporter, 10_000 + reporter * 1_000)
        record.add_proof(reporter, (2 * reporter, 2 * reporter + 1))
    record.add_report(4, 14_000)
    supports = {credit.reporter: credit.added_support for credit in record.add_outcome(decision(20))}
    assert supports[1] == Support(confirmed=True, first=True)
    assert not supports[4].confirmed


def test_staging_for_thirty_accounts_takes_fifteen_channels():
    def confirmed(channels: int) -> int:
        record = MessageReporters()
        for account in range(30):
            record.add_report(account, account * 1_000)
        for witness in range(channels):
            record.add_report(100 + witness, 60_000)
            record.add_proof(100 + witness, (witness + 1,))
        supports = [credit.added_support for credit in record.add_outcome(decision(90))][:30]
        return sum(support.confirmed for support in supports)

    assert [confirmed(channels) for channels in (2, 3, 8, 14, 15)] == [0, 7, 17, 29, 30]


def test_a_message_that_was_decided_before_support_was_kept_counts_as_it_did():
    record = MessageReporters()
    record.add_report(1, 10_000)
    record.add_report(2, 11_000)
    record.add_outcome(decision(20))
    stored = encode_reporters(record)
    # The form of version 0.2: eleven fields, without the last two.
    assert stored[0] == 0x9D
    earlier = decode_reporters(b"\x9b" + stored[1:-2])
    assert earlier.credited_before
    earlier = decode_reporters(encode_reporters(earlier))
    credits = earlier.add_outcome(decision(30, 1, "dismissed"))
    assert [credit.removed_support for credit in credits] == [SUPPORTED_BEFORE] * 2


def test_of_a_message_only_so_many_proofs_are_kept():
    record = MessageReporters()
    for reporter in range(MOST_PROOFS + 8):
        record.add_report(reporter, 1_000)
        record.add_proof(reporter, (1 << 31, (1 << 31) + 1, (1 << 31) + 2, (1 << 31) + 3))
    assert record.proofs is not None
    assert sorted(record.proofs) == list(range(MOST_PROOFS))
    without = MessageReporters(record.reporters, record.reports)
    assert len(encode_reporters(record)) - len(encode_reporters(without)) <= 24 * MOST_PROOFS


# --- the channels of a reporter

changes = st.tuples(st.integers(1, 6), st.integers(100, 130), st.booleans())


@given(st.lists(changes, max_size=20), st.data())
def test_what_is_taken_back_leaves_no_proof(given_changes, data):
    """Exactly, as long as no channel had to go; only the days of a channel with other outcomes stay."""
    taken = data.draw(
        st.lists(st.sampled_from(range(len(given_changes))), unique=True) if given_changes else st.just([])
    )
    proofs: tuple[ChannelProof, ...] = ()
    for tag, day, confirmed in given_changes:
        proofs = with_outcome(proofs, tag, day, 1, confirmed=confirmed)
    for number in taken:
        tag, day, confirmed = given_changes[number]
        proofs = with_outcome(proofs, tag, day, -1, confirmed=confirmed)
    left: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for number, (tag, _, confirmed) in enumerate(given_changes):
        if number not in taken:
            left[tag][not confirmed] += 1
    assert {each.tag: [each.confirmed, each.first] for each in proofs} == left


def test_the_newest_channels_are_kept():
    proofs: tuple[ChannelProof, ...] = ()
    for day in range(MOST_CHANNELS + 4):
        proofs = with_outcome(proofs, day + 1, 100 + day, 1, confirmed=True)
    assert [each.tag for each in proofs] == list(range(5, MOST_CHANNELS + 5))
    assert right_in(proofs, NEEDS) == (12, 11, 10, 9)


@pytest.mark.parametrize(
    ("proofs", "earned", "tags"),
    [
        ((), False, ()),
        ((ChannelProof(7, 0, 3, 100, 120),), False, (7,)),
        ((ChannelProof(7, 1, 0, 100, 100),), True, (7,)),
        ((ChannelProof(7, 1, 0, 100, 100), ChannelProof(8, 1, 0, 101, 101)), True, (8, 7)),
        ((ChannelProof(7, 0, 1, 100, 100), ChannelProof(8, 0, 1, 101, 106)), True, (8,)),
        ((ChannelProof(7, 0, 1, 100, 100), ChannelProof(8, 0, 1, 101, 107)), True, (8, 7)),
        ((ChannelProof(BEFORE, 1, 0, 100, 100),), True, ()),
        ((ChannelProof(7, -1, 0, 0, 0),), False, ()),
    ],
)
def test_examples_of_what_proves_and_what_counts(proofs, earned, tags):
    assert is_earned(proofs, NEEDS) == earned
    assert right_in(proofs, NEEDS) == tags


def test_proof_lapses_and_no_proof_is_of_a_later_time():
    proofs = (ChannelProof(7, 1, 0, 100, 100), ChannelProof(8, 1, 0, 110, 120))
    assert lapsed(proofs, 100 + PROOF_DAYS) == proofs
    assert [each.tag for each in lapsed(proofs, 101 + PROOF_DAYS)] == [8]
    assert until(proofs, 120) is proofs
    assert [(each.since, each.newest) for each in until(proofs, 105)] == [(100, 100), (105, 105)]


def test_a_channel_that_got_another_tag_with_the_key_is_the_same_channel():
    before = with_outcome((), 7, 100, 1, confirmed=True)
    after = with_outcome(before, 70, 101, 1, confirmed=True, earlier_tag=7)
    assert after == (ChannelProof(70, 2, 0, 100, 101),)
    assert with_outcome(before, 70, 101, -1, confirmed=True, earlier_tag=7) == ()


def test_what_is_taken_back_before_it_came_from_the_earlier_hash_leaves_nothing():
    early = with_outcome((), 7, 100, -1, confirmed=True)
    assert not is_earned(early, NEEDS)
    assert together(early, [ChannelProof(7, 1, 0, 90, 100)]) == ()


# --- proven voices


def independent(proofs: list[tuple[int, tuple[int, ...]]]) -> int:
    """The most voices that any order gives, as a bound."""
    return len({tag for _, proof in proofs for tag in proof}) // 2


@given(st.lists(st.tuples(st.integers(1, 9), tags.filter(lambda proof: len(proof) >= 2)), max_size=12))
def test_each_proven_voice_has_two_channels_of_its_own(proofs):
    voices = proven_voices(proofs)
    assert voices <= min(independent(proofs), len({reporter for reporter, _ in proofs}))
    # Greedy: each voice that was counted keeps at most two others from counting, besides itself.
    assert voices == 0 if not proofs else voices >= 1
    assert proven_voices(proofs + proofs) == voices


def test_thirty_accounts_that_were_proven_in_two_channels_are_one_voice():
    assert proven_voices([(account, (7, 8)) for account in range(30)]) == 1
    assert proven_voices([(account, (2 * account, 2 * account + 1)) for account in range(30)]) == 30


def proven(start: int, *proof: int) -> StampedSums:
    return StampedSums(1, ClusterSums(1, 0, 0, 1), proven=((start, proof),))


def test_windows_add_up_the_proven_reporters_of_their_panes():
    voices = Voices()
    for start in (10, 12, 11):
        voices.add(start, proven(start, start, start + 100))
    voices.add(12, proven(99, 12, 112))
    assert voices.since(11).proven == ((11, (11, 111)), (12, (12, 112)))
    assert voices.since(0).stamped == 4
    again = Voices(voices.rows())
    assert again.since(0) == voices.since(0)


def test_who_is_withdrawn_is_no_proven_voice():
    voices = Voices()
    voices.add(10, proven(1, 7, 8))
    before = voices.at(10)
    voices.add(10, proven(2, 5, 6))
    added = sums_of(voice_pane(10, voices.at(10).minus(before)))
    voices.withdraw(10, added)
    assert voices.at(10) == before


def test_of_many_proven_reporters_the_newest_are_kept():
    voices = Voices()
    for start in range(MOST_PROVEN + 9):
        voices.since(3)
        voices.add(start, proven(start, start, 1_000 + start))
    kept = voices.since(0).proven
    assert (len(kept), kept[0][0]) == (MOST_PROVEN, 9)
    assert proven_voices(kept) == MOST_PROVEN
    assert voices.since(3).proven == kept


proven_reports = st.tuples(
    st.integers(0, 3), st.integers(1, 9), st.sets(st.integers(1, 5), min_size=2, max_size=3)
)


@given(st.lists(proven_reports, max_size=12))
def test_a_window_is_the_same_after_a_restore_however_late_its_reports_came(reports):
    """Who takes whose channels depends on the order of reporters: it must be that of the panes, not of arrival."""
    voices = Voices()
    for start, reporter, proof in reports:
        voices.since(0)
        voices.add(start, StampedSums(1, proven=((reporter, tuple(sorted(proof))),)))
        assert voices.since(0) == Voices(voices.rows()).since(0)


def test_a_late_report_takes_channels_before_those_of_later_panes():
    voices = Voices()
    for reporter, start, proof in ((1, 20, (1, 2)), (2, 20, (3, 4)), (3, 10, (2, 3))):
        voices.since(0)
        voices.add(start, StampedSums(1, proven=((reporter, proof),)))
    # The third one takes a channel of each of the others.
    assert proven_voices(voices.since(0).proven) == 1
