"""The table of ids, against a list of all of them."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deciding.partition.id_table import MOST_SLOTS, IdTable

try:
    from tocsin_native import IdTable as NativeIdTable
except ImportError:
    TABLES = [IdTable]
else:
    TABLES = [IdTable, NativeIdTable]


def little_endian(hashes: Iterable[int]) -> bytes:
    return b"".join(hashed.to_bytes(8, "little") for hashed in hashes)


def bytes_of(table: IdTable) -> int:
    """About how many bytes of memory a table takes."""
    buckets = {id(bucket): bucket for bucket in table._buckets}.values()
    return sum(bucket.__sizeof__() + 16 for bucket in buckets) + 9 * len(table._buckets) + len(table._filter)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    slots=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3)), max_size=40),
    expected=st.sampled_from([0, 100, 5_000]),
    # Few different bits make crowded buckets, which are split again and again.
    mask=st.sampled_from([2**64 - 1, 0xFF, 0xFFF << 40, 0xF0F0]),
    begin=st.sampled_from([0, 60, MOST_SLOTS - 5, 3 * MOST_SLOTS - 20]),
    make=st.sampled_from(TABLES),
)
def test_a_hash_is_in_the_slots_that_have_it(
    seed: int,
    slots: list[tuple[int, int]],
    expected: int,
    mask: int,
    begin: int,
    make: Callable[[int], IdTable],
) -> None:
    chance = random.Random(seed)
    table = make(expected)
    wanted: dict[int, list[int]] = defaultdict(list)
    first = begin
    for slot, (number, forgotten) in enumerate(slots, begin):
        hashes = [chance.getrandbits(64) & mask for _ in range(number)]
        first = min(first + forgotten, slot + 1)
        table.add(little_endian(hashes), slot, first, 300 * (slot + 1 - first))
        for hashed in hashes:
            wanted[hashed].append(slot)
        asked = chance.sample(sorted(wanted), min(50, len(wanted)))
        for hashed in (*asked, chance.getrandbits(64)):
            assert table.slots_of(hashed) == [one for one in wanted.get(hashed, ()) if one >= first]


def filled(number: int, live: int, bits: int = 64) -> IdTable:
    chance = random.Random(7)
    table = IdTable()
    for slot in range(number // 500):
        table.add(
            little_endian(chance.getrandbits(bits) << 64 - bits for _ in range(500)),
            slot,
            max(0, slot + 1 - live // 500),
            live,
        )
    return table


def test_it_takes_no_more_memory_than_is_said() -> None:
    # While it fills, and after all of it has been forgotten three times.
    assert bytes_of(filled(100_000, 100_000)) < 24 * 100_000
    assert bytes_of(filled(400_000, 100_000)) < 24 * 100_000


def test_hashes_that_were_chosen_to_share_their_bits_make_no_table_large() -> None:
    assert bytes_of(filled(20_000, 20_000, bits=20)) < 24 * 20_000 + 9 * 2**20
