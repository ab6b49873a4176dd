"""State in the form of the version before: 0.2 could read it, and so can this version."""

from array import array
from pathlib import Path

import msgspec
import pytest
from click import ClickException

from streams.commands.state.downgrade import downgrade, entries_before
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.partition.daily_counters import OWN_DAY_COUNTERS
from streams.deciding.partition.duplicates import SLOT_HEAD, RecentIds
from streams.deciding.partition.admission.newcomers import NEWCOMERS
from streams.deciding.partition.partly_read import PARTLY_READ
from streams.deciding.partition.admission.refusal_budget import REFUSAL_BUDGET
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.partition.admission.source_controls import SourceControl, control_record
from streams.deciding.partition.state import DUPLICATES_SLOT
from streams.deciding.reporters.part import PART
from streams.deciding.reports.crowd import APPROVALS, WATCHED_REPORTS
from streams.deciding.reports.decisions_read import DECISIONS_READ
from tests.fixtures import code_under_test
from tests.fixtures.differences import VERSION_0_2
from tests.fixtures.recorded import load_version_0_2
from tests.fixtures.replay import Past
from tests.unit.saved_state import read_file, write_file
from tests.unit.traffic import fold


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    recording = load_version_0_2("on")
    folder = recording.write_rules(tmp_path_factory.mktemp("rules"))
    stages = code_under_test.stages(folder, code_under_test.WORKERS_KEYS, sources=None, reporters=True)
    return Past(recording, stages, VERSION_0_2["on"])


def slots(entries):
    return {key: value for key, value in entries.items() if key[:1] == DUPLICATES_SLOT}


def forms(entries):
    return {(key[:1], value[:1]) for key, value in entries.items()}


def test_what_this_version_keeps_is_written_in_the_forms_of_0_2(past: Past) -> None:
    """Both have applied the same log. Every form is one that 0.2 wrote, and the ids are the same bytes."""
    changes = past.replayed().changes
    longer = False
    for owner in past.owners:
        now: dict[bytes, bytes] = {}
        for each in changes[owner]:
            fold(now, each)
        before, then = entries_before(now), past.stored(owner)
        new = {(DUPLICATES_SLOT, b"\x03"), (NEWCOMERS, b"\x01"), (PART, b"\x01"), (DECISIONS_READ, b"\x01")}
        assert forms(now) - forms(then) <= new
        assert forms(before) == forms(then)
        assert slots(before) == slots(then)
        changed = (DUPLICATES_SLOT, NEWCOMERS, PART, DECISIONS_READ, CHANNEL_COUNTS)
        assert {key: value for key, value in now.items() if key[:1] not in changed} == {
            key: value for key, value in before.items() if key[:1] not in changed
        }
        for key, value in before.items():
            if key[:1] == CHANNEL_COUNTS:
                ours, theirs = (msgspec.msgpack.decode(each[1:-4]) for each in (now[key], value))
                # The rows of voices of 0.2 have six numbers.
                assert [row[:6] for row in ours[6]] == theirs[6]
                assert ours[:6] + ours[7:] == theirs[:6] + theirs[7:]
                longer |= ours[6] != theirs[6]
    assert longer


def recent_ids(number: int) -> dict[bytes, bytes]:
    recent = RecentIds(PartitionSettings())
    for hashed in range(number):
        recent.add(hashed, 1_000 + hashed)
    return {
        DUPLICATES_SLOT + slot.to_bytes(8, "big"): value
        for slot, value in recent.drain_changes()
        if value is not None
    }


@pytest.mark.parametrize("number", [0, 1, 1_000, 2_750])
def test_ids_stay_in_their_order_and_are_read_by_this_version_too(number: int) -> None:
    entries = recent_ids(number)
    new = {PARTLY_READ: b"\x01" + bytes(20), REFUSAL_BUDGET: b"\x01x"}
    before = entries_before(entries | new | {b"Ex": b"\x01x"})
    assert before.pop(b"Ex") == b"\x01x"
    assert before.keys().isdisjoint(new)
    found = array("Q")
    for key in sorted(before):
        assert before[key][:1] == b"\x02"
        found.frombytes(before[key][1:])
    assert list(found) == list(range(number))
    assert all(len(value) == 1 + 8_000 for _, value in sorted(before.items())[:-1])
    read = RecentIds.restore(
        PartitionSettings(), {int.from_bytes(key[1:], "big"): value for key, value in before.items()}, 9_000
    )
    assert len(read) == number
    assert all(hashed in read for hashed in range(number))


def test_hashes_without_key_stay_in_slots_that_say_so() -> None:
    old = {DUPLICATES_SLOT + bytes(8): b"\x01" + array("Q", [7]).tobytes()}
    (value,) = entries_before(
        old | {DUPLICATES_SLOT + bytes(7) + b"\x01": recent_ids(1).popitem()[1]}
    ).values()
    assert value == b"\x01" + array("Q", [7, 0]).tobytes()
    assert SLOT_HEAD == len(recent_ids(1).popitem()[1]) - 8


def test_no_entry_of_a_bundle_is_skipped() -> None:
    plain = control_record("message-reports", SourceControl(True, 9))
    entry = control_record("message-reports-internal", SourceControl(True, 9, 3))
    alone = control_record("reporters-internal", SourceControl(False, 9, 3))
    paused = control_record("message-reports-internal", SourceControl(True))
    assert entries_before(dict([plain, entry, alone])) == dict([plain, paused])


def test_a_file_is_what_version_0_2_would_have_saved(past: Past, tmp_path: Path) -> None:
    entries = recent_ids(1_200)
    stored = {"reports": [entries, {}], "requests": [{}, {}], "reporters": [entries, {}]}
    now = write_file(tmp_path / "now", stored)
    downgrade(now, tmp_path / "before", past.stages)
    header, sections = read_file(tmp_path / "before")
    assert (header.tocsin_state, header.saved_at) == (1, 0)
    assert {name: [entries for _, entries in found] for name, found in sections.items()} == {
        name: [entries_before(each) for each in found] for name, found in stored.items()
    }
    positions = {name: [one.position for one, _ in found] for name, found in read_file(now)[1].items()}
    assert {name: [one.position for one, _ in found] for name, found in sections.items()} == positions


def test_what_is_on_its_way_is_refused(past: Past, tmp_path: Path) -> None:
    stored = {"reports": [{}], "requests": [{}], "reporters": [{}]}
    file = write_file(tmp_path / "now", stored, unread={"reporters-internal": 3, "message-reports": 9})
    with pytest.raises(ClickException, match=r"reporters-internal partition 0 had 3 unread .*save again"):
        downgrade(file, tmp_path / "before", past.stages)
    assert not (tmp_path / "before").exists()


def test_what_people_decided_about_reporters_and_versions_is_left_out() -> None:
    """0.2 would fail on a list of counters that it does not know."""
    encode = msgspec.msgpack.encode
    key = OWN_DAY_COUNTERS + b"2026-11-29/XX/unspecified/2026-11-28"
    kept = ["complaints", "no_action", "reversed", 2]
    counters = b"\x01" + encode([["suspensions", "notices", 1], kept])
    entries = {key: counters, WATCHED_REPORTS + b"c": b"\x01", APPROVALS + b"c\0m": b"\x01"}
    assert entries_before(entries) == {key: b"\x01" + encode([kept])}
