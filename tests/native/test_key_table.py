"""The table of keys: what is in it, and that no addition moves more than a part of it."""

import random

from tests.tools import native_core

tocsin_native = native_core()


def test_it_has_the_keys_that_were_added_and_not_removed() -> None:
    chance = random.Random(1)
    keys, places = tocsin_native.KeysForTests(), dict[bytes, int]()
    for number in range(60_000):
        key = b"%d" % number
        keys.add(key)
        places[key] = number
        if chance.random() < 0.4:
            gone = b"%d" % chance.randrange(number + 1)
            keys.remove(gone)
            places.pop(gone, None)
    assert sorted(keys.places()) == sorted(places.values())
    for number in range(60_000):
        key = b"%d" % number
        assert keys.find(key) == places.get(key)
    for key in places:
        keys.remove(key)
    assert keys.places() == []
    keys.add(b"anew")
    assert keys.places() == [60_000]


def test_no_addition_moves_many_keys() -> None:
    """It moves those of one part at most."""
    keys = tocsin_native.KeysForTests()
    for number in range(300_000):
        keys.add(b"%d" % number)
        if number % 10_000 == 0:
            assert max(keys.parts()) <= keys.FULL
    assert sum(keys.parts()) == 300_000
    # All parts are used alike.
    assert min(keys.parts()) > keys.FULL / 4
