"""A change of rules at a record of a partition's log: switched, replayed and restored are one and the same."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.enriched_report import Source
from streams.contract.events.internal.rules_switch import RulesSwitch
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.contract.wire.records import DetachedRecord, OutputRecord
from streams.contract.wire.rules.rules_switch import encode_rules_switch
from streams.contract.wire.state_records import RulesMissing, UnknownStateVersion
from streams.deciding.partition.limits import UNLIMITED
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.partition.rules_in_force import RULES_IN_FORCE, Ruling, Switched, merge_rules, ruling_of
from streams.deciding.partition.state import PARTITION_TIME
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.stage import request_stage
from tests import bundled
from tests.replay_order import applied_report, order_of_application
from tests.switching import AnyStage, batches, shelved
from tests.unit.batch_cuts import applied, tiny
from tests.unit.clock_traffic import clock_rules, duty
from tests.unit.traffic import (
    HOUR,
    INTERNAL,
    MINUTE,
    REPORTERS_INTERNAL,
    SHIPPED,
    START,
    Record,
    arriving,
    compiled,
    fold,
    levels,
    of_topic,
    policy,
    report,
    tick,
)

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
TIMES = {"min_clear_ms": MINUTE, "cooldown_ms": 20 * MINUTE}

FILES = clock_rules(
    duty(required_elements=("contact",)),
    policies=(policy(levels=levels({"reports": 2}, {"reports": 4}), **TIMES), policy(id="other", **TIMES)),
)


def with_policies(*policies: Any) -> ReportRules:
    return clock_rules(duty(required_elements=("contact",)), policies=policies)


SETS = {
    # The same policy, sooner and with other times; the other one is gone.
    A: with_policies(policy(levels=levels({"reports": 1}, {"reports": 2}), min_clear_ms=30 * MINUTE)),
    # In another mode, and much later.
    B: with_policies(
        policy(mode="shadow", levels=levels({"reports": 3}), **TIMES),
        policy(id="other", levels=levels({"reports": 6}), clear_below=0.2, **TIMES),
    ),
    # None at all.
    C: with_policies(),
}
STAGE = shelved(report_stage(FILES), {name: report_stage(rules) for name, rules in SETS.items()})


def switch(
    rule_set: str, change: int, offset: int = 0, topic: str = INTERNAL, since_ms: int | None = None
) -> Record:
    value, headers = encode_rules_switch(RulesSwitch(rule_set, change, since_ms=since_ms))
    return Record(topic, 0, offset, START, None, value, tuple(headers))


def test_a_partition_without_a_change_has_the_records_that_it_always_had() -> None:
    state = STAGE.restore(0, 1)
    (batch,) = batches(STAGE, state, arriving(FILES, [report(1, START)]))
    assert RULES_IN_FORCE not in batch.changes
    assert STAGE.for_state(state) is STAGE


def test_the_batch_ends_with_the_change_and_the_next_one_is_judged_by_the_other_rules() -> None:
    state = STAGE.restore(0, 1)
    records = [
        *arriving(FILES, [report(1, START)]),
        switch(A, 3, 7),
        *arriving(FILES, [report(2, START + 1)]),
    ]
    first, second = batches(STAGE, state, records)
    assert (first.finished_records, first.switched, first.counters.rules_switched) == (2, True, 1)
    assert of_topic(first, "escalations") == []
    assert [event["level"] for event in of_topic(second, "escalations")] == [2]
    assert msgspec.msgpack.decode(first.changes[RULES_IN_FORCE][1:]) == [A, 3, 7, 1]
    assert RULES_IN_FORCE not in second.changes
    (enriched,) = [output for output in second.outputs if output.topic == "enriched-reports"]
    assert dict(enriched.headers)["tocsin-ticks"] == b"1"


def test_an_earlier_change_that_is_read_later_has_no_effect_and_the_same_one_neither() -> None:
    state = STAGE.restore(0, 1)
    found = list(batches(STAGE, state, [switch(B, 5), switch(A, 3), switch(B, 5)]))
    assert state.rules.rule_set == B
    assert sum(batch.counters.switches_ignored for batch in found) == 2
    # Also if its set is no longer ready.
    (ignored,) = batches(STAGE, state, [switch("f" * 64, 4)])
    assert ignored.counters.switches_ignored == 1
    assert STAGE.say_rules(state, RulesSwitch(A, 4)) is None
    assert STAGE.say_rules(state, RulesSwitch(B, 5)) is None
    assert STAGE.say_rules(state, RulesSwitch(A, 6)) is not None


def test_a_set_takes_effect_at_its_moment_whatever_brings_time_there() -> None:
    moment = START + HOUR
    shortly_before, then = report(2, moment - 1), report(3, moment)
    for last, levels_then in (
        (arriving(FILES, [then])[0], [2]),
        (tick(2, moment), []),
        (tick(2, moment + HOUR), []),
    ):
        state = STAGE.restore(0, 1)
        records = [
            *arriving(FILES, [report(1, START, channel="other")]),
            switch(A, 4, 7, since_ms=moment),
            *arriving(FILES, [shortly_before]),
            last,
        ]
        *before, after = batches(STAGE, state, records)
        assert [batch.counters.rules_switched for batch in before] == [0, 1]
        assert not any(of_topic(batch, "escalations") for batch in before)
        assert (state.rules.ruling, state.rules.change) == (Ruling(A), 4)
        # The first record of the moment is judged by the new set, which needs one report less.
        assert [event["level"] for event in of_topic(after, "escalations")] == levels_then
        assert STAGE.say_rules(state, RulesSwitch(A, 4, since_ms=moment)) is None


def test_an_awaited_set_is_known_replaced_and_waits_for_the_wall_clock_where_nothing_comes() -> None:
    state = STAGE.restore(0, 1)
    moment = START + HOUR
    list(batches(STAGE, state, [*arriving(FILES, [report(1, START)]), switch(A, 4, since_ms=moment)]))
    assert (state.rules.ruling, state.rules.change, state.next_due()) == (Ruling(), 4, moment)
    assert STAGE.tick(state, moment - 1) is None
    assert STAGE.tick(state, moment) is not None
    # A rollback before the moment: the set never judges.
    list(batches(STAGE, state, [switch(B, 5), tick(1, moment + HOUR)]))
    assert (state.rules.ruling, state.rules.awaited) == (Ruling(B), None)
    # One whose moment is over takes effect where it is read.
    (batch,) = batches(STAGE, state, [switch(A, 6, since_ms=moment)])
    assert batch.counters.rules_switched == 1


def test_a_partition_without_any_report_changes_by_the_wall_clock() -> None:
    moment = START + HOUR
    state = STAGE.restore(0, 1)
    list(batches(STAGE, state, [switch(A, 4, since_ms=moment)]))
    assert STAGE.tick(state, moment - 1) is None
    said = STAGE.tick(state, moment)
    assert said is not None
    record = Record(INTERNAL, 0, 9, moment, None, said.value, tuple(said.headers))
    (batch,) = batches(STAGE, state, [record])
    assert (batch.counters.rules_switched, state.rules.ruling, state.next_due()) == (1, Ruling(A), None)
    # A report came first: its time decides.
    state = STAGE.restore(0, 1)
    records = [switch(A, 4, since_ms=moment), *arriving(FILES, [report(1, START)]), record]
    *_, last = batches(STAGE, state, records)
    assert (last.counters.switches_ignored, state.rules.ruling) == (1, Ruling())


def test_what_is_gone_is_resolved_at_the_moment_and_not_before() -> None:
    state = STAGE.restore(0, 1)
    moment = START + 30 * MINUTE
    reports = [report(number, START + number, channel="c", category="spam") for number in range(3)]
    found = batches(STAGE, state, [*arriving(FILES, reports), switch(C, 4, since_ms=moment)])
    assert [event["type"] for batch in found for event in of_topic(batch, "escalations")]
    kept = [
        event
        for batch in batches(STAGE, state, [tick(3, moment)])
        for event in of_topic(batch, "escalations")
        if event["reason"] == "policy_changed"
    ]
    assert {event["at"] for event in kept} == {rfc3339(moment)}


def test_rules_that_are_not_on_the_shelf_fail_at_their_record_and_at_a_restore() -> None:
    unknown = "f" * 64
    state = STAGE.restore(0, 1)
    with pytest.raises(Exception, match="not ready here") as failed:
        list(batches(STAGE, state, [switch(unknown, 1, 9)]))
    assert isinstance(failed.value.__cause__, RulesMissing)
    assert failed.value.place.offset == 9
    entry = b"\x01" + msgspec.msgpack.encode(Switched(unknown, 1, 0, 0))
    with pytest.raises(RulesMissing):
        STAGE.for_entries({RULES_IN_FORCE: entry})
    with pytest.raises(UnknownStateVersion):
        STAGE.for_entries({RULES_IN_FORCE: b"\x02" + entry[1:]})


def test_a_change_is_refused_while_an_open_case_needs_a_category_that_would_be_gone() -> None:
    known = {name: row for name, row in SHIPPED.categories.items() if name != "spam"}
    gone = dataclasses.replace(SETS[C], registry=dataclasses.replace(SETS[C].registry, categories=known))
    stage = shelved(report_stage(FILES), {C: report_stage(gone)})
    state = stage.restore(0, 1)
    records = arriving(FILES, [report(n, START + n) for n in range(3)])
    *_, last = batches(stage, state, [*records, switch(C, 1)])
    assert last.counters.switches_refused == 1
    assert state.rules.rule_set is None
    assert not last.switched
    # Later, when the case has ended, the same change takes effect.
    later = [tick(3, START + HOUR * n) for n in range(1, 6)]
    found = list(batches(stage, state, [*later, switch(C, 1)]))
    assert found[-1].counters.rules_switched == 1
    assert state.rules.rule_set == C


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["report", "report", "report", "notice", "tick", "tick", "switch", "later", "correction"]
        ),
        st.sampled_from(["c", "d"]),
        st.sampled_from([0, 1, 6, 40, 90]),
        st.sampled_from([A, B, C]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


def history(walk: Sequence[tuple[str, str, int, str, bool]]) -> list[Record]:
    """The records of a partition as its owner reads them."""
    found: list[Record] = []
    now, applied, change = START, 0, 0
    for number, (kind, channel, minutes, rule_set, late) in enumerate(walk):
        now += minutes * MINUTE
        if kind == "switch":
            # Some are read after a later one.
            change += 1
            found.append(switch(rule_set, max(1, change - 2 * late), number))
        elif kind == "later":
            change += 1
            found.append(switch(rule_set, change, number, since_ms=now + 50 * MINUTE))
        elif kind == "correction":
            wrong, now = now, now - 40 * MINUTE
            value, headers = encode_time_correction(TimeCorrection(wrong, now, "a clock was ahead", "ops-1"))
            found.append(Record(INTERNAL, 0, number, now, None, value, tuple(headers)))
        elif kind == "tick":
            found.append(tick(applied, now, number))
        else:
            fields: dict[str, Any] = {"channel": channel}
            if kind == "notice":
                fields["notice"] = {"elements": ["contact"]}
            found += arriving(FILES, [report(number, now, **fields)])
            applied += 1
    return found


def results(stage: AnyStage, records: Sequence[Record], limits: Any, cuts: set[int]) -> tuple[Any, ...]:
    """Outputs, and the state records, of an owner who takes over after the batches `cuts`."""
    outputs, daily, kept, _, state = applied(stage, records, limits, cuts)
    return outputs, daily, kept, state.next_due(), state.rules.switched


@settings(max_examples=120)
@given(steps, tiny, st.sets(st.integers(0, 40), max_size=5))
def test_a_change_anywhere_gives_the_same_wherever_owners_change_and_batches_end(walk, limits, cuts) -> None:
    records = history(walk)
    once = results(STAGE, records, UNLIMITED, set())
    assert results(STAGE, records, limits, cuts) == once


@settings(max_examples=120)
@given(steps)
def test_the_logs_alone_give_the_same_bytes(walk) -> None:
    """Reports in the order of enriched-reports, and what stands in the internal topic: nothing else."""
    records = history([("report", "c", 0, A, False), *walk])
    state = STAGE.restore(0, 1)
    outputs: list[OutputRecord] = []
    kept: dict[bytes, bytes] = {}
    for batch in batches(STAGE, state, records):
        outputs += batch.outputs
        fold(kept, batch.changes)
    enriched = [output for output in outputs if output.topic == "enriched-reports"]
    applied = [
        applied_report(
            msgspec.convert(msgspec.json.decode(output.value)["source"], type=Source), output.headers
        )
        for output in enriched
    ]
    by_place = {_place(record): record for record in records if _entries(record)}
    own = [record for record in records if not _entries(record)]
    ordered = list(
        order_of_application(
            applied, lambda source: by_place[source.topic, source.partition, source.offset], own
        )
    )
    again = STAGE.restore(0, 1)
    replayed: list[OutputRecord] = []
    stored: dict[bytes, bytes] = {}
    for batch in batches(STAGE, again, ordered):
        replayed += batch.outputs
        fold(stored, batch.changes)
    # Ticks that came to nothing, and a switch after the last report that has none, leave no trace in outputs.
    wanted = ("enriched-reports", "escalations", "escalations-shadow")
    assert [each for each in replayed if each.topic in wanted] == [
        each for each in outputs if each.topic in wanted
    ]
    assert stored == kept


def _entries(record: Record) -> list[Any]:
    return list(bundled.entries([record]))


def _place(record: Record) -> tuple[str, int, int]:
    (entry,) = _entries(record)
    return entry.report.topic, entry.report.partition, entry.report.offset


@settings(max_examples=80)
@given(steps, st.sampled_from([A, B, C]))
def test_a_switched_state_is_the_state_restored_under_the_new_rules(walk, rule_set) -> None:
    records = history(walk)
    state = STAGE.restore(0, 1)
    kept: dict[bytes, bytes] = {}
    for batch in batches(STAGE, state, [*records, switch(rule_set, 1_000, 999)]):
        fold(kept, batch.changes)
    restored = STAGE.for_entries(kept).restore(0, 1, list(kept.items()))
    assert restored.rules.switched == state.rules.switched
    assert STAGE.for_state(restored) is STAGE.for_state(state)
    assert due(restored) == due(state)
    assert restored.episodes == state.episodes
    # And both go on in the same way.
    after = state.time.applied
    rest = [
        tick(after, START + 200 * HOUR, 1_001),
        *arriving(FILES, [report(5_000 + n, START + 200 * HOUR + n) for n in range(4)]),
        tick(after + 4, START + 300 * HOUR, 1_002),
    ]
    ours, theirs = (
        [(batch.outputs, batch.changes) for batch in batches(STAGE, each, rest)] for each in (state, restored)
    )
    assert ours == theirs


def due(state: Any) -> list[Any]:
    """All steps that are scheduled."""
    return sorted(state.due._times.items(), key=repr)


def test_every_stage_changes_rules_at_a_record_of_its_own_log() -> None:
    stages = (
        (request_stage(compile_request_rules(SHIPPED)), "authority-requests-internal"),
        (reporter_stage(compile_reporter_rules(SHIPPED)), REPORTERS_INTERNAL),
    )
    for files, topic in stages:
        stage = shelved(files, {A: files})
        state = stage.restore(0, 1)
        (batch,) = batches(stage, state, [switch(A, 2, 4, topic)])
        assert (batch.switched, batch.changes[RULES_IN_FORCE][:1]) == (True, b"\x01")
        entries = {key: value for key, value in batch.changes.items() if value is not None}
        assert stage.for_entries(entries).ruling == Ruling(A)
        assert stage.for_entries(entries).restore(0, 1, entries.items()).rules.switched == Switched(
            A, 2, 4, 0
        )
        said = stage.say_rules(state, RulesSwitch(B, 3))
        assert (said.topic, said.partition) == (topic, 0)
        assert batch.changes[PARTITION_TIME] is not None


def test_every_stage_wakes_for_a_set_that_it_awaits() -> None:
    moment = START + HOUR
    stages = (
        (report_stage(FILES), INTERNAL),
        (request_stage(compile_request_rules(SHIPPED)), "authority-requests-internal"),
        (reporter_stage(compile_reporter_rules(SHIPPED)), REPORTERS_INTERNAL),
    )
    for files, topic in stages:
        stage = shelved(files, {A: files})
        state = stage.restore(0, 1)
        state.time.restore(3, START, START, 0)
        list(batches(stage, state, [switch(A, 2, 4, topic, since_ms=moment)]))
        assert stage.tick(state, moment - 1) is None
        said = stage.tick(state, moment)
        record = Record(topic, 0, 9, moment, None, said.value, tuple(said.headers))
        *_, last = batches(stage, state, [record])
        assert (state.rules.ruling, last.counters.ticks_honoured, state.time.now) == (Ruling(A), 1, moment)


def test_a_tampered_record_of_the_internal_topic_is_no_change() -> None:
    state = STAGE.restore(0, 1)
    value, headers = encode_rules_switch(RulesSwitch(A, 1))
    for broken in (b"{}", value.replace(b'"change":1', b'"change":0'), value.replace(b"aaaa", b"AAAA")):
        record = DetachedRecord(INTERNAL, 0, 1, START, None, broken, headers)
        (batch,) = batches(STAGE, state, [record])
        assert batch.counters.dead_letters.total() == 1
    assert state.rules.rule_set is None


def test_new_partitions_are_judged_by_the_newest_set_of_the_old_ones() -> None:
    def old(number: int, *switched: Switched) -> Shared:
        entries = {RULES_IN_FORCE: b"\x01" + msgspec.msgpack.encode(each) for each in switched}
        return Shared(number, entries, frozenset(entries))

    new = NewPartition(0, 4, 10)
    assert merge_rules(new, [old(0), old(1)]) == {}
    moved = merge_rules(new, [old(0), old(1, Switched(A, 3, 70, 5)), old(2, Switched(B, 6, 20, 9))])
    assert ruling_of(moved[RULES_IN_FORCE]).rule_set == B
    assert msgspec.msgpack.decode(moved[RULES_IN_FORCE][1:]) == [B, 6, 0, 9]


def test_settings_of_compiled_rules_are_those_of_the_installation() -> None:
    assert compiled().settings == SETS[A].settings
