"""The limits of nesting, compared with a walk over every character."""

import json

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.wire.nesting import MAX_BRACKETS, MAX_DEPTH, is_too_nested

strings = st.text('[]{}"\\ab,é', max_size=8)


def walked_depth(text):
    depth = deepest = 0
    in_string = escaped = False
    for sign in text:
        if in_string:
            in_string, escaped = escaped or sign != '"', not escaped and sign == "\\"
        elif sign == '"':
            in_string = True
        elif sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= 1
    return deepest


@st.composite
def deep_documents(draw):
    """Nested about as deep as is allowed, with branches and strings that hold brackets."""
    document = draw(strings)
    for kind in draw(st.lists(st.integers(0, 3), min_size=MAX_DEPTH - 6, max_size=MAX_DEPTH + 6)):
        document = [
            [document],
            {draw(strings): document},
            [draw(strings), document, [draw(strings)]],
            {"a": [], '"': document, "b": {"\\": "]"}},
        ][kind]
    return document


@given(deep_documents(), st.booleans())
def test_depth_is_that_of_a_walk_over_every_character(document, in_ascii):
    text = json.dumps(document, ensure_ascii=in_ascii)
    assert is_too_nested(text.encode()) == (walked_depth(text) > MAX_DEPTH)


@given(st.lists(st.sampled_from(["[", "]", "{", "}", '"', '"["', ",", "[" * 30]), max_size=400).map("".join))
def test_malformed_text_has_a_depth_too(text):
    assert is_too_nested(text.encode()) == (walked_depth(text) > MAX_DEPTH)


def test_the_number_of_brackets_is_limited_also_in_strings():
    for text in (b"[],", b'"[]",', b"{}", b"]["):
        assert not is_too_nested(text * (MAX_BRACKETS // 2))
        assert is_too_nested(text * (MAX_BRACKETS // 2 + 1))
