"""Keys as they are kept: shorter, and each in one way alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools import native_core

tocsin_native = native_core()

# What runs of digits begin and end at, and the byte that stands before them.
ALPHABET = b"0123456789abcdefgAF\x00\xff\x01\x08"


@given(st.lists(st.sampled_from(ALPHABET), max_size=80).map(bytes), st.integers(1, 30))
def test_a_key_is_read_back(key: bytes, times: int) -> None:
    for each in (key, key * times):
        short, again = tocsin_native.short_key(each)
        assert bytes(again) == each
        assert len(short) <= len(each) + each.count(b"\xff")


@pytest.mark.parametrize(
    "key, length",
    [
        (b"K" + 16 * b"1f" + b"\x00spam", 1 + 2 + 16 + 5),
        # Without the last digit of an odd number.
        (b"1234567", 7),
        (b"12345678", 6),
        (b"123456789", 7),
        (600 * b"0", 2 + 255 + 2 + 45),
    ],
)
def test_two_digits_take_a_byte(key: bytes, length: int) -> None:
    assert len(tocsin_native.short_key(key)[0]) == length
