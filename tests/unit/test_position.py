import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.running.log.position import (
    POSITION_KEY,
    POSITION_VERSION,
    RESERVED_KEY_TYPE,
    SourcePosition,
    UnknownPositionVersion,
    decode_position,
    encode_position,
)

offsets = st.integers(0, 2**62)
positions = st.dictionaries(
    st.text("abc.-", min_size=1),
    st.builds(SourcePosition, offsets, st.integers(1, 1000), st.none() | offsets),
    max_size=3,
)


@given(positions)
def test_a_written_position_is_read_back(position):
    assert decode_position(encode_position(position)) == position


@given(positions)
def test_the_bytes_do_not_depend_on_the_order_of_topics(position):
    assert encode_position(dict(reversed(position.items()))) == encode_position(position)


def test_the_key_has_the_reserved_type():
    assert POSITION_KEY.startswith(RESERVED_KEY_TYPE)


@pytest.mark.parametrize("value", [b"", bytes([POSITION_VERSION + 1]) + b"{}"])
def test_a_position_of_another_version_is_refused(value):
    with pytest.raises(UnknownPositionVersion, match=f"reads {POSITION_VERSION}"):
        decode_position(value)
