"""One suite for both stores of records: whatever is done to them, they hold and write the same."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streams.contract.wire.state_records import STATE_VERSION, UnknownStateVersion
from streams.contract.wire.times import DAY
from streams.counting.expiry import EXPIRY_DAY
from streams.deciding.partition.native.stores import native_record_store
from streams.counting.record_store import RecordStore
from tests.tools import native_core

native_core()

NOW = 1_800_000_000_000


class Kept:
    """A record that is changed in place."""

    def __init__(self, body: bytes) -> None:
        self.body = body


def encode(kept: Kept) -> bytes:
    return kept.body


def decode(body: bytes | memoryview) -> Kept:
    return Kept(bytes(body))


def stores() -> tuple[Any, Any]:
    return RecordStore(encode, decode), native_record_store(encode, decode)


def record(body: bytes, day: int) -> bytes:
    return STATE_VERSION + body + EXPIRY_DAY.pack(day)


def facts(store: Any) -> Any:
    return len(store), store.size, store.changed_bytes, store.next_expiry(), sorted(store)


def drained(store: Any) -> dict[bytes, bytes | None]:
    """Return the changes, none of which may be of a key that another one is of."""
    changes = list(store.drain_changes())
    assert len(dict(changes)) == len(changes)
    return dict(changes)


@pytest.mark.parametrize("seed", range(12))
def test_both_hold_and_write_the_same(seed: int) -> None:
    """Changed as objects and as bytes, removed and put again, expired, written, and restored."""
    chance = random.Random(seed)
    python, native = stores()
    topic: dict[bytes, bytes] = {}
    keys = [b"W" + bytes([n]) * chance.choice((1, 8, 40)) for n in range(chance.choice((3, 20, 200)))]
    now = NOW
    for _ in range(3_000):
        key = chance.choice(keys)
        match chance.randrange(9):
            case 0 | 1:
                found = [store.find(key) for store in (python, native)]
                assert len({None if one is None else one.body for one in found}) == 1
                body = chance.randbytes(chance.choice((0, 1, 30, 30, 300)))
                expires = now + chance.randrange(20) * DAY // 3
                for store, one in zip((python, native), found, strict=True):
                    one = one or Kept(b"")
                    one.body = body
                    store.put(key, one, expires)
            case 2 | 3 | 4:
                day = now // DAY + chance.randrange(5)
                rows = [
                    (each, record(chance.randbytes(chance.choice((1, 30))), day))
                    for each in (key, *chance.sample(keys, 2))
                ]
                python.put_encoded(rows)
                native.put_encoded(rows)
            case 5:
                python.remove(key)
                native.remove(key)
            case 6:
                now += chance.choice((0, 0, DAY // 2, 3 * DAY))
                python_done, native_done = python.expire(now, 1_000), native.expire(now, 1_000)
                assert python_done == native_done
            case 7:
                changes = drained(python)
                assert drained(native) == changes
                for each, value in changes.items():
                    topic.pop(each, None) if value is None else topic.update({each: value})
            case 8 if chance.random() < 0.1:
                changes = drained(python)
                assert drained(native) == changes
                for each, value in changes.items():
                    topic.pop(each, None) if value is None else topic.update({each: value})
                python, native = stores()
                for each, value in topic.items():
                    python.restore(each, value)
                    native.restore(each, value)
        assert python.encoded(key) == native.encoded(key)
        assert facts(native) == facts(python)


def test_few_are_removed_at_a_time() -> None:
    _, native = stores()
    for number in range(10):
        native.restore(b"W%d" % number, record(b"x", NOW // DAY))
    assert [native.expire(NOW, 4) for _ in range(3)] == [False, False, True]
    assert (len(native), native.size, len(list(native.drain_changes()))) == (0, 0, 10)


def test_what_cannot_be_read_is_refused() -> None:
    for store in stores():
        with pytest.raises(UnknownStateVersion):
            store.restore(b"Wx", b"\x09x" + bytes(4))
    for cut_off in (STATE_VERSION, STATE_VERSION + bytes(3)):
        with pytest.raises(ValueError, match="cut off"):
            stores()[1].restore(b"Wx", cut_off)


RESIDENT = """
import os
from pathlib import Path

from streams.contract.wire.state_records import STATE_VERSION
from tocsin_native import RecordStore

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

store = RecordStore(bytes, bytes, bytes)
before = resident()
for number in range(50_000):
    store.restore(b"W%015d" % number, STATE_VERSION + bytes(20) + bytes(4))
print((resident() - before) / store.memory)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says what a process takes")
def test_the_memory_of_records_is_about_what_the_process_takes() -> None:
    # In a process of its own, which has freed nothing that it could take again.
    done = subprocess.run([sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True)
    assert 0.8 < float(done.stdout) < 1.5
