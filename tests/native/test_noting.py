"""What the native core notes of a report in one call, with its receipt, is what the Python core notes."""

import random

from streams.contract.wire.forms.reporter_notice import encode_receipt
from streams.contract.wire.times import DAY
from streams.counting.attribution import ReportIdentity
from streams.counting.known_outcome import KnownOutcome
from streams.counting.message_store import MessageStore
from streams.counting.native_store import native_message_store
from tests.tools import native_core

native_core()

NOW = 1_800_000_000_000
KEY = b"Ac\0m"


def note(store, reporter, received=NOW, now=NOW, key=KEY, record=None, **fields):
    """Note a report in a native store."""
    report = {
        "ce_source": "/app", "report_id": "r1", "channel": "c", "message": "m", "role": "notice",
        "country": "DE", "category": "spam", "is_told": True,
    }  # fmt: skip
    return store.note(record, key, reporter, received, now, *(report | fields).values())


def note_in_python(store, reporter, received=NOW, now=NOW, key=KEY):
    """Do the same in a store of Python."""
    record = store.find(key) or store.new_record()
    before = record.reports
    record.add_report(reporter, received, ReportIdentity("/app", "r1"), None)
    new = record.add_to_facts("notice", received // 1000, "DE", "spam")
    store.put(key, record, record.needed_until(now))
    return record.reports > before, new


def text(chance, alphabet="abc-é€😀/"):
    return "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 90)))


def test_receipts_are_those_of_python():
    chance = random.Random(1)
    store = native_message_store()
    for number in range(2_000):
        received = NOW + chance.randrange(-90, 90) * DAY // chance.choice((1, 7))
        channel, report_id, source = text(chance), text(chance), chance.choice(("", text(chance)))
        message = chance.choice((None, text(chance)))
        # Each is the first report of somebody else.
        noted = note(
            store, number, received, channel=channel, message=message, report_id=report_id, ce_source=source
        )
        wanted = encode_receipt(number, channel, message, report_id, source, received // DAY)
        assert noted[2] == wanted
        assert [type(one) for one in noted[2]] == [type(one) for one in wanted]


def test_who_is_told_once_and_who_is_not():
    store = native_message_store()
    assert note(store, 1, is_told=False)[2] is None
    assert note(store, 2)[2] is not None
    assert note(store, 2)[2] is None
    # Each report about the channel is a notice of its own.
    assert note(store, 2, message=None, role=None)[2] is not None


def test_what_is_escaped_in_json_is_left_to_python_and_changes_nothing():
    store = native_message_store()
    for unusual in ('"', "\\", "a\n", "\0", "\x1f"):
        assert note(store, 1, ce_source=unusual) is None
        assert note(store, 1, report_id=unusual) is None
    assert note(store, 1, -1) is None
    assert list(store.drain_changes()) == []
    assert note(store, 1, ce_source='"', is_told=False) is not None


def test_a_message_that_was_decided_on_is_left_to_python():
    store = native_message_store()
    note(store, 1)
    record = store.find(KEY)
    record.add_outcome(KnownOutcome(NOW // 1000 + 5, "o1", "upheld", "spam", 100))
    store.put(KEY, record, NOW)
    assert note(store, 2) is None
    list(store.drain_changes())
    assert note(store, 2) is None
    assert note(store, 2, record=store.find(KEY)) is None
    assert list(store.drain_changes()) == []


def test_it_changes_what_python_changes():
    """With records that were found before, and without."""
    chance = random.Random(2)
    python, native = MessageStore(), native_message_store()
    for _ in range(3_000):
        key = f"Ac\0m{chance.randrange(20)}".encode()
        reporter, received = chance.randrange(300), NOW + chance.randrange(-5, 5) * 1000
        now = NOW + chance.randrange(3) * DAY + chance.choice((0, 0, 1, -1))
        record = native.find(key) if chance.random() < 0.5 else None
        found = note(native, reporter, received, now, key, record)
        assert found[:2] == note_in_python(python, reporter, received, now, key)
        for _ in range(2):
            assert native.changed_bytes == python.changed_bytes
            assert (len(native), native.size, native.next_expiry()) == (
                len(python),
                python.size,
                python.next_expiry(),
            )
            if chance.random() < 0.02:
                assert list(native.drain_changes()) == list(python.drain_changes())
