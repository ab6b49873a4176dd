"""What of the native table of ids depends on more hashes than a random history has
(tests/unit/test_id_table.py compares both tables).
"""

import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from streams.deciding.partition.id_table import MOST_SLOTS, IdTable
from tests.tools import native_core

BOTH = pytest.mark.parametrize("table", [IdTable, native_core().IdTable])


def little_endian(hashes: Iterable[int]) -> bytes:
    return b"".join(hashed.to_bytes(8, "little") for hashed in hashes)


@BOTH
def test_a_bucket_that_stayed_behind_is_split_in_all_of_its_places(table: type[IdTable]) -> None:
    chance, known = random.Random(7), table()
    # With the last ten bits in common these split one bucket again and again, and the others not at all.
    crowd = [chance.getrandbits(54) << 10 for _ in range(2_000)]
    others = [chance.getrandbits(64) | 1 for _ in range(2_000)]
    for slot, hashes in enumerate((crowd, others)):
        known.add(little_endian(hashes), slot, 0, 4_000)
    assert {hashed for hashed in (*crowd, *others) if not known.slots_of(hashed)} == set()


@BOTH
@pytest.mark.parametrize("later", [2, MOST_SLOTS // 2, MOST_SLOTS // 2 + 1, MOST_SLOTS - 1])
def test_a_slot_of_long_ago_is_taken_for_no_later_one(later: int, table: type[IdTable]) -> None:
    known = table()
    known.add(little_endian([7]), 0, 0, 1)
    known.add(little_endian([8]), later, later - 1, 2)
    assert (known.slots_of(7), known.slots_of(8)) == ([], [later])


RESIDENT = """
import os
import random
import sys
from pathlib import Path

from tocsin_native import IdTable

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def grown(slots, number, live, common):
    chance, table, before = random.Random(7), IdTable(), resident()
    for slot in range(slots):
        hashes = b"".join(bytes(common) + chance.randbytes(8 - common) for _ in range(number))
        table.add(hashes, slot, max(0, slot + 1 - live), number * live)
    return resident() - before

print(grown(*map(int, sys.argv[1:])))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says what a process takes")
@pytest.mark.parametrize(
    ("slots", "number", "live", "common", "most"),
    [
        # All count.
        (200, 500, 200, 0, 100_000 * 30),
        # What no longer counts is cut off, bucket by bucket.
        (60, 20_000, 2, 0, 40_000 * 150),
        # As many last bytes in common as an attacker likes.
        (1, 2_000, 1, 5, 8 * 2**20),
    ],
)
def test_the_native_table_takes_little_memory(
    slots: int, number: int, live: int, common: int, most: int
) -> None:
    # In a process of its own, which has freed nothing that it could take again.
    arguments = map(str, (slots, number, live, common))
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT, *arguments], capture_output=True, text=True, check=True
    )
    assert 0 < int(done.stdout) < most
