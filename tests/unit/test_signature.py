"""Signatures against a plain list of 32 bins, and who is linked to whom."""

from hypothesis import given
from hypothesis import strategies as st

from streams.counting.coordination.signature import (
    agreement,
    enter,
    evidence_needed,
    from_bytes,
    linked,
    merge,
    to_bytes,
    used_bins,
)

# Few values and few bins, so that bins are shared, equal and empty.
targets = st.lists(st.integers(0, 2**24 - 1) | st.integers(0, 2**10), max_size=60)


def bins(reported: list[int]) -> list[int]:
    """The definition: the smallest value per bin, made odd; 0 is empty."""
    found = [0] * 32
    for target in reported:
        place, value = target & 31, (target >> 8) & 0xFFFF | 1
        if not found[place] or value < found[place]:
            found[place] = value
    return found


def signature(reported: list[int]) -> int:
    made = 0
    for target in reported:
        made = enter(made, target)
    return made


@given(targets, targets)
def test_a_signature_is_the_definition(one, other):
    a, b = bins(one), bins(other)
    assert to_bytes(signature(one)) == b"".join(value.to_bytes(2, "little") for value in a)
    assert merge(signature(one), signature(other)) == signature(one + other)
    used = sum(1 for x, y in zip(a, b, strict=True) if x or y)
    equal = sum(1 for x, y in zip(a, b, strict=True) if x and x == y)
    assert agreement(signature(one), signature(other)) == (equal, used)
    assert used_bins(signature(one)) == sum(map(bool, a))


@given(targets)
def test_bytes_give_the_signature_back(reported):
    made = signature(reported)
    assert len(to_bytes(made)) == 64
    assert from_bytes(to_bytes(made)) == made


def test_the_largest_and_smallest_values_are_ordered():
    # 0x8001 and 0xffff have the top bit set, which a signed comparison would take for a sign.
    high, low = signature([0xFFFF << 8]), signature([0x8001 << 8])
    assert merge(high, low) == low == merge(low, high)
    assert merge(low, signature([1 << 8])) == signature([1 << 8])


def in_bin(place: int, value: int = 7) -> int:
    return place | value << 8


def test_an_outsider_is_linked_by_one_shared_target_a_vouched_member_by_three():
    assert evidence_needed(member=False, vouched=False) == 1
    assert evidence_needed(member=True, vouched=False) == 2
    assert evidence_needed(member=False, vouched=True) == 2
    assert evidence_needed(member=True, vouched=True) == 3
    one = signature([in_bin(place) for place in range(2)])
    assert linked(one, one, 2)
    assert not linked(one, one, 3)


def test_a_third_of_what_either_reported_must_agree():
    shared = [in_bin(0)]
    # One of five bins agrees, and the message itself makes it two of six: a third.
    assert linked(signature(shared), signature(shared + [in_bin(place) for place in range(1, 5)]), 1)
    assert not linked(signature(shared), signature(shared + [in_bin(place) for place in range(1, 6)]), 1)


def test_nothing_in_common_links_nobody():
    assert not linked(0, 0, 1)
    assert not linked(signature([in_bin(0, 5)]), signature([in_bin(0, 9)]), 1)
