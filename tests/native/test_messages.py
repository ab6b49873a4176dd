"""The native store of messages does to the byte what the Python one does."""

import random

import pytest

from streams.contract.events.internal.findings import Finding
from streams.contract.events.report import ListMatch
from streams.contract.wire.state_records import STATE_VERSION
from streams.counting.attribution import MessageReporters, ReportIdentity
from streams.counting.expiry import EXPIRY_DAY
from streams.counting.known_outcome import KnownOutcome
from streams.counting.message_bytes import encode_reporters
from streams.counting.message_facts import FirstReport, MessageFacts
from streams.counting.message_store import MessageStore, encode_record
from streams.deciding.partition.native.stores import native_message_store
from tests.tools import native_core
from tests.unit import test_message_store as contract

tocsin_native = native_core()

test_records_are_those_of_earlier_versions_to_the_byte = (
    contract.test_records_are_those_of_earlier_versions_to_the_byte
)
test_damaged_records_are_refused_when_they_are_needed_and_no_sooner = (
    contract.test_damaged_records_are_refused_when_they_are_needed_and_no_sooner
)
test_what_has_expired_is_removed_in_parts_and_what_was_stored_anew_stays = (
    contract.test_what_has_expired_is_removed_in_parts_and_what_was_stored_anew_stays
)
test_the_messages_of_a_report_are_found_by_its_id = contract.test_the_messages_of_a_report_are_found_by_its_id

DAY = 86_400_000
NOW_S = 1_800_000_000
CATEGORIES = ("spam", "fraud", "x_own")
ROLES = ("notice", "notice", "trusted_flagger_notice", "detection")


@pytest.fixture(autouse=True)
def _contract_of_the_native_store(monkeypatch):
    monkeypatch.setattr(contract, "MessageStore", lambda *_: native_message_store())


class Both:
    """A store of each core, to which the same is done."""

    def __init__(self, chance):
        self.chance = chance
        self.stores = MessageStore(), native_message_store()
        self.topic = {}
        self.natively = 0

    def change(self, key):
        """Do something to the record of a key."""
        records = [store.find(key) for store in self.stores]
        assert (records[0] is None) == (records[1] is None)
        if records[0] is None:
            records = [store.new_record() for store in self.stores]
        self.natively += isinstance(records[1], tocsin_native.MessageRecord)
        for _ in range(self.chance.choice((1, 1, 1, 2, 5))):
            method, *arguments = self._any_change()
            python, native = (getattr(record, method)(*arguments) for record in records)
            assert native == python, (method, arguments)
        for name in ("reports", "is_reported", "is_decided", "has_decisions_counted", "reported_as"):
            python, native = (getattr(record, name) for record in records)
            assert native == python, name
        reporter = self._reporter()
        assert records[0].report_of(reporter) == records[1].report_of(reporter)
        newest = NOW_S * 1000 + self.chance.choice((0, 1, DAY - 1, DAY, 2 * DAY))
        for store, record in zip(self.stores, records, strict=True):
            store.put(key, record, record.needed_until(newest))
        self.compare()

    def compare(self):
        facts = [(len(store), store.size, store.changed_bytes, store.next_expiry()) for store in self.stores]
        assert facts[0] == facts[1]

    def drain(self):
        python, native = (list(store.drain_changes()) for store in self.stores)
        # In which order they go through their blocks is drawn in each process.
        deleted = [{key for key, value in changes if value is None} for changes in (python, native)]
        assert deleted[0] == deleted[1]
        assert native[len(deleted[1]) :] == python[len(deleted[0]) :]
        for key, value in python:
            self.topic.pop(key, None)
            if value is not None:
                self.topic[key] = value
        self.compare()

    def expire(self, now_ms):
        for store in self.stores:
            while not store.expire(now_ms, 5):
                pass
        self.compare()

    def restore(self):
        self.drain()
        self.stores = MessageStore(), native_message_store()
        for key, value in self.topic.items():
            for store in self.stores:
                store.restore(key, value)
        self.compare()

    def _reporter(self):
        return self.chance.choice((self.chance.getrandbits(64), self.chance.randrange(4)))

    def _any_change(self):
        chance, reporter = self.chance, self._reporter()
        received = NOW_S + chance.randrange(6)
        kind = chance.random()
        if kind < 0.4:
            source = chance.choice(("/app", "/app", "", "urn:é"))
            identity = ReportIdentity(source, f"r{chance.randrange(10**9)}" * chance.choice((1, 1, 20)))
            return "add_report", reporter, received * 1000 + chance.randrange(1000), identity, None
        if kind < 0.5:
            match = ListMatch("l") if chance.random() < 0.2 else None
            classifier = chance.choice((None, ("scan", "7")))
            parts = tuple(chance.getrandbits(64) for _ in range(chance.randrange(3)))
            finding = Finding(self._reporter(), parts, chance.choice(CATEGORIES), match, classifier)
            return "add_report", reporter, received * 1000, ReportIdentity("/app", "found"), finding
        if kind < 0.75:
            country = chance.choice(("DE", "FR"))
            return "add_to_facts", chance.choice(ROLES), received, country, chance.choice(CATEGORIES)
        if kind < 0.85:
            return "add_proof", reporter, tuple(chance.getrandbits(32) for _ in range(chance.randrange(3)))
        if kind < 0.9:
            return "has_found", reporter
        if kind < 0.94:
            return "rename", reporter, self._reporter()
        if kind < 0.999:
            return "decided", ReportIdentity("/app", "found")
        decision = chance.choice(("upheld", "dismissed"))
        return "add_outcome", KnownOutcome(received, f"o{chance.randrange(9)}", decision, "spam", 100)


@pytest.mark.parametrize("seed", range(30))
def test_both_stores_do_the_same(seed):
    chance = random.Random(seed)
    both = Both(chance)
    messages = chance.choice((3, 60, 2_000))
    for number in range(1_500):
        message = chance.randrange(messages)
        both.change(f"Ac{message % chance.choice((1, 2, 40))}\0m{message}".encode())
        if chance.random() < 0.03:
            chance.choice((both.drain, both.drain, both.restore))()
        if number % 500 == 499:
            both.expire(NOW_S * 1000 + chance.choice((90, 91, 92, 200)) * DAY)
            both.drain()
    assert both.natively > 100
    both.expire(NOW_S * 1000 + 400 * DAY)
    both.drain()
    # What records have in common stays.
    assert both.stores[1].memory < 20_000


def test_of_a_message_that_many_report_those_with_the_smallest_hashes_are_kept():
    chance = random.Random(1)
    both = Both(chance)
    stores = both.stores
    for number in range(400):
        finding = Finding(5, (), "spam", None, None) if number % 7 == 0 else None
        hashed = chance.getrandbits(64)
        for store in stores:
            record = store.find(b"Ac\0m") or store.new_record()
            identity = ReportIdentity(f"/{number % 300}", f"r{number}")
            assert record.add_report(hashed, (NOW_S + number) * 1000, identity, finding) == []
            assert record.add_proof(hashed, (number,)) == []
            store.put(b"Ac\0m", record, record.needed_until(NOW_S * 1000))
        if number % 50 == 0:
            both.drain()
    both.restore()
    assert isinstance(both.stores[1].find(b"Ac\0m"), tocsin_native.MessageRecord)


def test_more_publishers_categories_and_countries_than_are_kept_once():
    both = Both(random.Random(2))
    for number in range(4_200):
        key = f"Ac{number % 9}\0m{number}".encode()
        for store in both.stores:
            record = store.new_record()
            record.add_report(number, NOW_S * 1000, ReportIdentity(f"/{number}", "r"), None)
            record.add_to_facts("notice", NOW_S, "DE", "spam")
            store.put(key, record, record.needed_until(NOW_S * 1000))
    both.restore()
    both.expire(NOW_S * 1000 + 91 * DAY)
    both.drain()
    assert not both.topic
    assert both.stores[1].memory <= 4_096 * 400


def damaged(chance):
    """A record that both cores read, with some bytes that are others, too many or missing."""
    made = contract.record(chance)
    if chance.random() < 0.5 and made.notice is not None:
        received = made.notice.received_s
        for role in ("trusted_flagger_notice", "detection"):
            made.add_to_facts(role, received, "FR", "fraud")
    if chance.random() < 0.3 and made.reporters:
        made.add_proof(next(iter(made.reporters)), (1, 2))
        made.found[next(iter(made.reporters))] = Finding(1, (2,), "spam", None, ("scan", "7"))
    value = bytearray(STATE_VERSION + encode_reporters(made) + EXPIRY_DAY.pack(20_000))
    for _ in range(chance.choice((0, 1, 1, 2))):
        value[chance.randrange(1, len(value) - 4)] = chance.choice(
            (0, 1, 0x90, 0xC0, 0xFF, chance.randrange(256))
        )
    if chance.random() < 0.2:
        begin = chance.randrange(1, len(value) - 4)
        del value[begin : begin + chance.choice((1, 4))]
    return bytes(value)


def test_a_damaged_record_may_have_a_notice_beside_its_facts():
    facts = MessageFacts(detection=FirstReport(NOW_S, "DE", "spam"))
    made = MessageReporters(notice=FirstReport(NOW_S, "DE", "spam"), facts=facts, expires=20_000)
    both = Both(random.Random(4))
    for store in both.stores:
        store.restore(b"Ac\0m", encode_record(made))
        record = store.find(b"Ac\0m")
        assert record.add_to_facts("notice", NOW_S + 5, "FR", "fraud") == ("any_notice",)
        store.put(b"Ac\0m", record, NOW_S * 1000)
    both.drain()


def outcome_of(find):
    try:
        found = find()
        return encode_reporters(found), found.reports, found.is_reported, found.is_decided
    except Exception as error:  # noqa: BLE001 - damaged bytes fail in any way
        return type(error), str(error)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_records_are_what_they_are_for_python(seed):
    chance = random.Random(seed)
    for _ in range(2_000):
        value = damaged(chance)
        both = Both(chance)
        for store in both.stores:
            store.restore(b"Ac\0m", value)
        both.compare()
        python, native = (outcome_of(lambda store=store: store.find(b"Ac\0m")) for store in both.stores)
        assert native == python
        if not isinstance(python[0], type):
            for store in both.stores:
                record = store.find(b"Ac\0m")
                record.add_to_facts("notice", NOW_S, "DE", "spam")
                store.put(b"Ac\0m", record, NOW_S * 1000)
            both.drain()


def test_what_is_cut_off_raises_what_it_raises_in_python():
    for value in (b"\1", b"\1\0\0", b"\1\0\0\0", b"\1\x9b\0\0\0\0"):
        errors = []
        for store in (MessageStore(), native_message_store()):
            try:
                store.restore(b"Ac\0m", value)
                store.find(b"Ac\0m")
            except Exception as error:  # noqa: BLE001
                errors.append((type(error), str(error)))
        assert len(errors) == 2
        assert errors[0] == errors[1]


def test_a_record_is_not_stored_over_one_that_was_changed_since():
    store = native_message_store()
    first, second = store.new_record(), store.new_record()
    store.put(b"Ac\0m", first, NOW_S * 1000)
    with pytest.raises(RuntimeError, match="changed since"):
        store.put(b"Ac\0m", second, NOW_S * 1000)
    list(store.drain_changes())
    with pytest.raises(RuntimeError, match="written or removed"):
        first.add_to_facts("notice", NOW_S, "DE", "spam")


def test_a_record_of_python_is_stored_over_a_native_one():
    both = Both(random.Random(3))
    for store in both.stores:
        record = store.new_record()
        record.add_to_facts("notice", NOW_S, "DE", "spam")
        store.put(b"Ac\0m", record, NOW_S * 1000)
        mine = MessageReporters(notice=FirstReport(NOW_S, "KR", "fraud"))
        mine.expires = store.find(b"Ac\0m").expires
        store.put(b"Ac\0m", mine, NOW_S * 1000 + DAY)
        assert store.find(b"Ac\0m") is mine
    both.compare()
    both.drain()
