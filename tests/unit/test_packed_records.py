"""Records in blocks of bytes are the records of a dict, whatever their keys and bytes are."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.counting.expiry import EXPIRY_DAY
from streams.counting.packed_records import PackedRecords

# Names that are parts of each other and of the records, as somebody may choose them.
NAMES = st.sampled_from([b"", b"m", b"mm", b"\x07\x00\x01m", b"m" * 20, b"m" * 255, b"m" * 256, b"n" * 300])
GROUPS = st.sampled_from([b"Ac", b"Ad", b"Acc"])
VALUES = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"m" * 30, b"\x07\x00\x01mm" * 9, b"v" * 990, b"v" * 1_500])
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "put", "pop"]), GROUPS, NAMES, VALUES, st.integers(0, 9)),
    max_size=60,
)


@given(STEPS)
def test_they_are_those_of_a_dict(steps: list[tuple[str, bytes, bytes, bytes, int]]) -> None:
    packed, model = PackedRecords(), dict[bytes, bytes]()
    for what, group, name, value, day in steps:
        key = group + b"\0" + name
        if what == "put":
            record = value + EXPIRY_DAY.pack(day)
            assert packed.put(key, record) == model.get(key)
            model[key] = record
        else:
            assert packed.pop(key) == model.pop(key, None)
        assert packed.get(key) == model.get(key)
    _same(packed, model)


def test_thousands_of_messages_of_few_channels_come_and_go() -> None:
    chance = random.Random(1)
    packed, model = PackedRecords(), dict[bytes, bytes]()
    keys = [f"Ac{chance.randrange(6)}\0m{number}".encode() for number in range(6_000)]
    for _ in range(20_000):
        key = chance.choice(keys)
        if chance.random() < 0.3:
            assert packed.pop(key) == model.pop(key, None)
        else:
            value = chance.randbytes(chance.randrange(60)) + EXPIRY_DAY.pack(chance.randrange(90))
            assert packed.put(key, value) == model.get(key)
            model[key] = value
    _same(packed, model)
    for key in list(model):
        packed.pop(key)
    assert len(packed) == packed.memory == 0


def test_keys_are_yielded_while_their_records_are_removed() -> None:
    packed = PackedRecords()
    for number in range(2_000):
        packed.put(f"Ac{number % 3}\0m{number}".encode(), EXPIRY_DAY.pack(number))
    seen = []
    for key, day in packed.dated():
        seen.append(day)
        packed.pop(key)
    assert sorted(seen) == list(range(2_000))
    assert len(packed) == 0


def _same(packed: PackedRecords, model: dict[bytes, bytes]) -> None:
    assert len(packed) == len(model)
    assert Counter(packed) == Counter(list(model))
    assert {key: packed.get(key) for key in model} == model
    assert dict(packed.dated()) == {key: EXPIRY_DAY.unpack(value[-4:])[0] for key, value in model.items()}
    for group in (b"Ac", b"Ad", b"Acc"):
        of_group = {key: value for key, value in model.items() if key.startswith(group + b"\0")}
        assert dict(packed.of_group(group, b"")) == of_group
        with_part = {key for key, value in of_group.items() if b"mm" in value}
        assert with_part <= dict(packed.of_group(group, b"mm")).keys()
