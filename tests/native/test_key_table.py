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
    assert keys.add(b"anew") == 0


def test_no_addition_moves_many_keys() -> None:
    keys = tocsin_native.KeysForTests()
    moved = [keys.add(b"%d" % number) for number in range(300_000)]
    most = keys.MOST_MOVED
    # Neither a table that doubles as a whole, nor one that does not grow.
    assert most / 2 < max(moved) <= most
    assert sum(1 for number in moved if number > most / 2) > 300_000 / most / 2
    assert sum(moved) < 2 * 300_000
