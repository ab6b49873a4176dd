"""The store of messages keeps few bytes of a record, and writes and restores the records of every version."""

import random
from typing import Any

import pytest

from streams.contract.wire.state_records import STATE_VERSION, UnknownStateVersion
from streams.contract.wire.times import DAY
from streams.counting import message_store
from streams.counting.attribution import MessageReporters, ReportIdentity
from streams.counting.message_bytes import decode_reporters, encode_reporters
from streams.counting.expiry import EXPIRY_DAY
from streams.counting.known_outcome import KnownOutcome
from streams.counting.message_facts import FirstReport
from streams.counting.message_store import MessageStore, encode_record

NOW = 1_800_000_000_000
UPHELD = KnownOutcome(1_800_000_100, "o1", "upheld", "spam", 100)


def record(chance: random.Random) -> MessageReporters:
    """Somebody's record, mostly of one report and sometimes of anything."""
    made = MessageReporters()
    received = NOW // 1000 + chance.randrange(10**6)
    report_id = (
        chance.choice("ré") * chance.choice([1, 31, 32, 128])
        if chance.random() < 0.5
        else f"r{chance.randrange(99)}é"
    )
    source = chance.choice(["/app", "urn:x", "/\x93Α"])
    for _ in range(chance.choice([0, 1, 1, 1, 1, 1, 1, 2, 300])):
        told = chance.random() < 0.9
        made.add_report(
            chance.getrandbits(64), received * 1000, ReportIdentity(source, report_id) if told else None
        )
    if chance.random() < 0.9:
        seconds = received if chance.random() < 0.8 else received + 1
        made.notice = FirstReport(
            seconds, chance.choice(["DE", "KR", "XX"]), chance.choice(["spam", "x_own"])
        )
    if chance.random() < 0.1:
        made.facts_to_change()
    if chance.random() < 0.1:
        made.add_outcome(UPHELD)
    if chance.random() < 0.1 and made.reporters:
        made.add_outcome(UPHELD, next(iter(made.reporters)))
    return made


def written(store: MessageStore) -> dict[bytes, bytes | None]:
    return dict(store.drain_changes())


@pytest.mark.parametrize("most_shapes", [pytest.param(4_096, marks=pytest.mark.slow), 3])
def test_records_are_those_of_earlier_versions_to_the_byte(
    most_shapes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_store, "_MOST_SHAPES", most_shapes)
    chance = random.Random(1)
    store, model = MessageStore(1), dict[bytes, bytes]()
    for number in range(3_000):
        key = f"Ac{number % 7}\0m{chance.randrange(1_500)}".encode()
        made, day = record(chance), chance.randrange(20_000, 20_100)
        found = store.find(key)
        if found is not None:
            made.expires = found.expires
        store.put(key, made, day * DAY)
        model[key] = STATE_VERSION + encode_reporters(made) + EXPIRY_DAY.pack(day)
        if chance.random() < 0.02:
            assert written(store).items() <= model.items()
    assert written(store).items() <= model.items()
    restored = MessageStore()
    for key, value in model.items():
        restored.restore(key, value)
    for each in (store, restored):
        assert len(each) == len(model)
        assert each.size == sum(len(key) + len(value) for key, value in model.items())
        assert each.next_expiry() == min(int.from_bytes(value[-4:], "big") for value in model.values()) * DAY
        for key, value in model.items():
            expected = decode_reporters(value[1:-4])
            expected.expires = int.from_bytes(value[-4:], "big")
            found = each.find(key)
            assert found is not None
            assert encode_record(found) == encode_record(expected) == value
            # A record that was read is written as it was.
            each.put(key, expected, expected.expires * DAY)
        assert written(each) == model
        assert each.size == sum(len(key) + len(value) for key, value in model.items())


def test_damaged_records_are_refused_when_they_are_needed_and_no_sooner() -> None:
    chance = random.Random(2)
    for _ in range(3_000):
        value = bytearray(STATE_VERSION + encode_reporters(record(chance)) + EXPIRY_DAY.pack(20_000))
        for _ in range(chance.randrange(1, 3)):
            value[chance.randrange(1, len(value))] = chance.randrange(256)
        damaged = bytes(value[: chance.choice([len(value), len(value), chance.randrange(5, len(value) + 1)])])
        store = MessageStore()
        store.restore(b"Ac\0m", damaged)
        assert result_of(lambda: decode_reporters(damaged[1:-4])) == result_of(lambda: store.find(b"Ac\0m"))
    with pytest.raises(UnknownStateVersion):
        MessageStore().restore(b"Ac\0m", b"\x09" + bytes(20))


def result_of(find: Any) -> Any:
    try:
        found = find()
    except Exception:  # noqa: BLE001 - damaged bytes fail in any way
        return "damaged"
    return encode_reporters(found)


def test_what_has_expired_is_removed_in_parts_and_what_was_stored_anew_stays() -> None:
    store = MessageStore()
    for number in range(500):
        store.put(f"Ac{number % 3}\0m{number}".encode(), record(random.Random(number)), (number % 5) * DAY)
    written(store)
    anew = b"Ac1\0m1"
    found = store.find(anew)
    assert found is not None
    store.put(anew, found, 9 * DAY)
    # Not written yet, and already too old.
    store.put(b"Ac9\0m9", record(random.Random(9)), DAY)
    calls = 1
    while not store.expire(2 * DAY, 7):
        calls += 1
    # The native core goes on to the end of a block.
    assert calls > 300 // 7 // 2
    assert store.next_expiry() == 3 * DAY
    changes = written(store)
    gone = {f"Ac{number % 3}\0m{number}".encode() for number in range(500) if number % 5 <= 2} - {anew}
    assert {key for key, value in changes.items() if value is None} == gone
    assert {key for key, value in changes.items() if value is not None} == {anew}
    assert len(store) == 201


def test_the_messages_of_a_report_are_found_by_its_id() -> None:
    store = MessageStore()
    for number in range(400):
        made = MessageReporters()
        made.add_report(number, NOW, ReportIdentity("/app", f"r{number // 2}-"))
        store.put(f"Ac{number % 4}\0m{number}".encode(), made, NOW)
        if number == 300:
            written(store)
    for number in (0, 299, 301, 399):
        channel, message = f"Ac{number % 4}".encode(), f"Ac{number % 4}\0m{number}".encode()
        # What was not written yet is not looked into.
        assert message in store.of_channel(channel, f"r{number // 2}-".encode())
    assert store.of_channel(b"Ac9", b"r1-") == []
