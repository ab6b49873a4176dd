"""The pool of strings: each is what was put there, whatever others do."""

import random

from tests.tools import native_core

tocsin_native = native_core()


def test_strings_are_what_was_put_there() -> None:
    chance = random.Random(2)
    pool, there = tocsin_native.PoolForTests(), dict[int, bytes]()
    for _ in range(60_000):
        # Most are alike, as records are; some are empty, and some are allocated one by one.
        length = chance.choice([0, 1, 60, 60, 60, 64, 65, 150, 700, 769, 3_000])
        string = chance.randbytes(length)
        number = chance.choice(list(there)) if there and chance.random() < 0.1 else None
        if number is None:
            begin = chance.randrange(length + 1)
            there[pool.add(string[:begin], string[begin:])] = string
        elif chance.random() < 0.5:
            begin = chance.randrange(len(there[number]) + 1)
            pool.replace_end(number, begin, string)
            there[number] = there[number][:begin] + string
            assert bytes(pool.get(number)) == there[number]
        else:
            pool.remove(number)
            del there[number]
        if len(there) > 300:
            for number in list(there)[::2]:
                assert bytes(pool.get(number)) == there.pop(number)
                pool.remove(number)
    assert {number: bytes(pool.get(number)) for number in there} == there
    size = sum(map(len, there.values()))
    assert size <= pool.memory <= size + 8 * len(there)
    for number in there:
        pool.remove(number)
    assert pool.memory == 0
