"""Limits how deep JSON is nested and how many brackets it has, without parsing it."""

from itertools import accumulate

# A report in an envelope needs 4 levels. The limit is far below the interpreter's recursion limit, so the
# result does not depend on the depth of the caller's stack.
MAX_DEPTH = 64

# A report in an envelope has at most 40 arrays and objects, thus 80 brackets. The rest is room for fields of
# later versions. Brackets are walked one by one, so their number must be limited: these take a quarter of a
# millisecond.
MAX_BRACKETS = 4096

# In texts up to this length `replace` finds brackets faster than `translate`, even if there are many.
_SHORT = 2048

_OTHER_THAN_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OTHER_THAN_BRACKETS_AND_QUOTES = bytes(set(range(256)) - set(b'[]{}"'))
# As signed bytes: 1 for an opening bracket, -1 for a closing one.
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")


def is_too_nested(text: bytes) -> bool:
    """Whether the JSON `text` is nested more than MAX_DEPTH deep or has more than MAX_BRACKETS brackets.

    Brackets in strings do not nest, but their number counts. `text` may be malformed.
    """
    # The number of opening brackets bounds the depth. Replacing takes less than half the time of `count`.
    if len(text) <= _SHORT and len(text) - len(text.replace(b"{", b"").replace(b"[", b"")) <= MAX_DEPTH:
        return False
    brackets = len(text.translate(None, _OTHER_THAN_BRACKETS))
    if not MAX_DEPTH < brackets <= MAX_BRACKETS:
        return brackets > MAX_BRACKETS
    if b"\\" in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    # Removing two adjacent quotes does not change which brackets are in a string. Every second part is
    # outside.
    parts = text.translate(_STEPS, _OTHER_THAN_BRACKETS_AND_QUOTES).replace(b'""', b"").split(b'"')
    steps = memoryview(b"".join(parts[::2])).cast("b")
    return max(accumulate(steps), default=0) > MAX_DEPTH
