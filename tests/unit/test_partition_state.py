"""State: batches and restores change nothing, keys and versions are fixed, and counts expire."""

import importlib
import pkgutil
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import deciding
from streams.contract.wire.state_records import UnknownStateVersion
from streams.counting import store as count_store
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState, restore_reports
from tests.unit.traffic import (
    DAY,
    EXTERNAL,
    HOUR,
    MINUTE,
    START,
    Record,
    compiled,
    counted,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

RULES = compiled(
    policy(levels=levels({"reports": 1}, {"reports": 4}), min_clear_ms=MINUTE, cooldown_ms=2 * HOUR),
    policy(
        id="pair",
        mode="shadow",
        categories=("spam", "fraud"),
        window="PT24H",
        window_ms=DAY,
        levels=levels({"distinct_reporters": 2}, {"distinct_reporters": 4, "risk": 0.2}),
    ),
    policy(id="week", categories=("fraud",), window="P7D", window_ms=7 * DAY, levels=levels({"reports": 2})),
)

traffic = st.lists(
    st.tuples(
        st.sampled_from(["report"] * 6 + ["again", "bad", "tick"]),
        st.sampled_from([0, 0, 0, 1, 7, 70, 1_500, 45_000]),
        st.sampled_from([0, 0, 1, 30, 2_000, 44_000]),
        st.integers(0, 3),
        st.sampled_from(["spam", "spam", "fraud", "ip"]),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=50,
)


@pytest.mark.slow
@settings(max_examples=150)
@given(steps=traffic, cuts=st.sets(st.integers(0, 50), max_size=12), restored=st.sets(st.integers(0, 50)))
def test_batches_and_restores_leave_no_trace(
    steps: list[tuple[Any, ...]], cuts: set[int], restored: set[int]
) -> None:
    records = to_records(steps)
    whole = ReportState(0, 1, RULES)
    outcome = run(whole, RULES, records)
    expected: dict[bytes, bytes] = {}
    fold(expected, outcome.changes)

    state = ReportState(0, 1, RULES)
    stored: dict[bytes, bytes] = {}
    outputs = []
    start = 0
    for cut in sorted({cut for cut in cuts if 0 < cut < len(records)} | {len(records)}):
        part = run(state, RULES, records[start:cut])
        outputs += part.outputs
        fold(stored, part.changes)
        if cut in restored:
            state = restore_reports(0, 1, RULES, shuffled(stored))
            assert state.next_due() is None or state.time.applied
        start = cut

    # Daily counters are published once per batch.
    assert [output for output in outputs if output.topic != "transparency-counters"] == [
        output for output in outcome.outputs if output.topic != "transparency-counters"
    ]
    assert stored == expected
    assert state.next_due() == whole.next_due() == restore_reports(0, 1, RULES, expected.items()).next_due()


@settings(max_examples=60)
@given(steps=traffic)
def test_time_never_goes_back_and_all_state_but_time_and_duplicates_expires(
    steps: list[tuple[Any, ...]],
) -> None:
    state = ReportState(0, 1, RULES)
    stored: dict[bytes, bytes] = {}
    before = (0, 0, 0)
    for record in to_records(steps):
        fold(stored, run(state, RULES, [record]).changes)
        after = (state.time.now, state.time.applied, state.time.newest_append)
        assert all(a <= b for a, b in zip(before, after, strict=True))
        due = state.next_due()
        assert due is None or due > state.time.now
        before = after
    if state.time.applied:
        fold(
            stored,
            run(state, RULES, [tick(state.time.applied, state.time.newest_append + 400 * DAY)]).changes,
        )
        # The guard-rail of the day is one record, and so are the newcomers of the hour.
        assert {key[:1] for key in stored} == {b"T", b"D", b"H", b"N", b"U"}
        assert state.next_due() is None


def test_state_keys_begin_with_a_type_and_values_with_a_version() -> None:
    state = ReportState(0, 1, RULES)
    changes = run(state, RULES, [report(0, START, channel="P"), report(1, START, channel="T.spam")]).changes
    day = f"{START // DAY}".encode()
    assert sorted(changes) == [
        # Who reported the channel itself on that day.
        b"AP\0\0" + day,
        b"AT.spam\0\0" + day,
        b"CP",
        b"CT.spam",
        b"D" + bytes(8),
        *sorted(key for key in changes if key.startswith(b"E")),
        b"H",
        b"KP\0spam",
        b"KT.spam\0spam",
        b"N",
        b"R2026-09-04/XX/spam",
        b"T",
        b"U",
        b"VP",
        b"VT.spam",
    ]
    versions = {key[:1]: value[:1] for key, value in changes.items() if value is not None}
    assert versions.pop(b"D") == b"\x03"
    assert set(versions.values()) == {b"\x01"}


def test_a_key_is_written_once_per_batch_and_only_if_touched() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(n, START, channel=f"c{n}") for n in range(3)])
    same = {"kind": "user", "ref": "u1"}
    records = [report(n, START + MINUTE, channel="c1", reporter=same) for n in (10, 11)]
    changes = run(state, RULES, records).changes
    # The episode of c1 is open and did not change.
    assert sorted(changes) == [
        b"Ac1\0\0" + f"{START // DAY}".encode(),
        b"D" + bytes(8),
        b"Kc1\0spam",
        b"R2026-09-04/XX/spam",
        b"T",
        b"Vc1",
    ]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (b"T", b"\x09", r"b'T' has version 09"),
        (b"Cc", b"\x02\x90", r"b'C' has version 02"),
        (b"D" + bytes(8), b"\x00", r"b'D' has version 00; known: version 01 or 02 or 03"),
        (b"Kc\0spam", b"\x07abcd", r"b'K' has version 07"),
        (b"!", b"\x01", r"b'!' has version 01"),
        (b"T", b"", r"b'T' has version none"),
    ],
)
def test_records_of_unknown_type_or_version_are_not_restored(key: bytes, value: bytes, message: str) -> None:
    with pytest.raises(UnknownStateVersion, match=message):
        restore_reports(0, 1, RULES, [(key, value)])


def test_restore_does_not_decode_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[bytes, bytes] = {}
    state = ReportState(0, 1, RULES)
    fold(stored, run(state, RULES, [report(n, START, channel=f"c{n}") for n in range(50)]).changes)
    decoded: list[bytes] = []
    original = count_store.ChannelCounts.decode
    monkeypatch.setattr(
        count_store.ChannelCounts,
        "decode",
        classmethod(lambda _, data: decoded.append(bytes(data)) or original(data)),
    )
    state = restore_reports(0, 1, RULES, stored.items())
    assert len(state.counts) == 50
    assert decoded == []
    [enriched] = of_topic(run(state, RULES, [report(99, START, channel="c7")]), "enriched-reports")
    assert len(decoded) == 1
    assert enriched["channel_windows"][0]["reports"] == 2


def test_counts_evicted_from_memory_are_read_back_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(1)
    records = [report(n, START + n * MINUTE, channel=f"c{source.randrange(9)}") for n in range(300)]
    results = []
    for generation in (1, 20_000):
        monkeypatch.setattr(count_store, "GENERATION", generation)
        state = ReportState(0, 1, RULES)
        stored: dict[bytes, bytes] = {}
        outputs = []
        for start in range(0, 300, 30):
            outcome = run(state, RULES, records[start : start + 30])
            outputs += outcome.outputs
            fold(stored, outcome.changes)
        results.append((outputs, stored))
    assert results[0] == results[1]


def test_counts_are_deleted_when_their_last_day_leaves_the_ring() -> None:
    state = ReportState(0, 1, RULES)
    run(
        state,
        RULES,
        [report(0, START + 5, category="ip"), report(1, START + DAY, category="ip", channel="d")],
    )
    assert state.next_due() == START + 31 * DAY
    changes = run(state, RULES, [tick(2, START + 31 * DAY)]).changes
    assert b"Kc\0ip" in changes
    assert changes[b"Kc\0ip"] is None
    assert b"Kd\0ip" not in changes
    assert state.next_due() == START + 32 * DAY


def test_the_last_report_decides_when_counts_are_deleted() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(0, START, category="ip"), report(1, START + 2 * DAY, category="ip")])
    # A late report for an older day does not bring the deletion forward.
    changes = run(state, RULES, [report(2, START + DAY, category="ip", appended=START + 2 * DAY)]).changes
    restored = restore_reports(0, 1, RULES, _values(changes))
    assert state.counts.next_expiry() == restored.counts.next_expiry() == START + 33 * DAY
    [enriched] = of_topic(run(state, RULES, [report(3, START + 32 * DAY, category="ip")]), "enriched-reports")
    assert enriched["counted"]


def test_counts_that_only_aged_are_written() -> None:
    """The bytes must not depend on the batch in which a late report came."""
    late = report(2, START - 31 * DAY, category="ip", appended=START + HOUR)
    records = [report(0, START, category="ip"), report(1, START + HOUR), late]
    stored: dict[bytes, bytes] = {}
    state = ReportState(0, 1, RULES)
    for record in records:
        outcome = run(state, RULES, [record])
        fold(stored, outcome.changes)
    assert counted(outcome).get("late", 0) == 1
    assert stored == dict(_values(run(ReportState(0, 1, RULES), RULES, records).changes))


def test_a_failed_batch_leaves_the_committed_state_usable() -> None:
    """The state of a failed batch is dropped. The committed records have no trace of the batch."""
    stored: dict[bytes, bytes] = {}
    state = ReportState(0, 1, RULES)
    fold(stored, run(state, RULES, [report(0, START)]).changes)
    run(state, RULES, [report(1, START)])
    again = run(restore_reports(0, 1, RULES, stored.items()), RULES, [report(1, START)])
    assert counted(again).get("applied", 0) == 1


def to_records(steps: list[tuple[Any, ...]]) -> list[Record]:
    """Records of random traffic. Ticks have the `after` that the owner would have written."""
    records: list[Record] = []
    state = ReportState(0, 1, RULES)
    clock = START + 60 * DAY
    for number, (kind, minutes, late, channel, category, reporter) in enumerate(steps):
        clock += minutes * MINUTE
        if kind == "tick":
            record = tick(state.time.applied, clock, number)
        elif kind == "bad":
            record = Record(EXTERNAL, 0, number, clock, None, b"{")
        else:
            record = report(
                0 if kind == "again" else number,
                clock - late * MINUTE,
                offset=number,
                appended=clock,
                channel=f"c{channel}",
                category=category,
                reporter={"kind": "user", "ref": f"u{reporter}"},
                message_ref=f"m{number % 4}",
            )
        run(state, RULES, [record])
        records.append(record)
    return records


def _values(changes: Mapping[bytes, bytes | None]) -> list[tuple[bytes, bytes]]:
    return [(key, value) for key, value in changes.items() if value is not None]


def shuffled(stored: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    entries = list(stored.items())
    random.Random(len(entries)).shuffle(entries)
    return entries


def test_no_two_kinds_of_state_records_begin_alike():
    """A stage would restore the one as the other, and nothing would say so."""
    kinds = {}
    for module in pkgutil.walk_packages(deciding.__path__, "streams.deciding."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.isupper() and isinstance(value, bytes) and len(value) == 1 and value.isalpha():
                kinds.setdefault(value, set()).add(name)
    assert len(kinds) > 20
    assert {key: names for key, names in kinds.items() if len(names) > 1} == {}
