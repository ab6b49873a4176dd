from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from aiokafka.partitioner import murmur2 as kafka_murmur2
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.enriched_report import EnrichedReport
from streams.contract.events.escalation import Escalation
from streams.contract.events.report import REPORTER_KINDS
from streams.contract.wire.envelope import event_headers, rfc3339
from streams.contract.wire.ids import stable_id
from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.partitioner import murmur2, murmur2_of_all
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.records import MAX_HEADERS, MAX_PASSED_ON_BYTES
from streams.deciding.partition import home as home_partition
from streams.deciding.partition.home import HomePartitions
from streams.deciding.reports.state import ReportState, restore_reports
from tests import bundled
from tests.categories import CATEGORIES
from tests.unit.crowd_traffic import outcome as moderation_outcome
from tests.unit.traffic import (
    DAY,
    EXTERNAL,
    HOUR,
    INTERNAL,
    MINUTE,
    SHIPPED,
    START,
    Record,
    compiled,
    counted,
    escalations,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

RULES = compiled(policy())

# --- the home partition of a report


@given(data=st.binary(max_size=140))
def test_murmur2_equals_the_java_clients(data: bytes) -> None:
    assert murmur2(data) == kafka_murmur2(data) & 0xFFFFFFFF


@given(
    st.lists(
        st.sampled_from((0, 4, 5, 16, 36, 132)).flatmap(
            lambda length: st.lists(st.binary(min_size=length, max_size=length), max_size=20)
        ),
        max_size=5,
    )
)
def test_murmur2_of_many_keys_equals_murmur2_of_each(keys: list[list[bytes]]) -> None:
    together = [key for alike in keys for key in alike]
    assert murmur2_of_all(together) == {key: murmur2(key) for key in together}


@given(
    st.lists(
        st.tuples(
            st.text("abcü", min_size=1, max_size=9), st.none() | st.binary(max_size=9) | st.just(b"same")
        ),
        min_size=1,
        max_size=40,
    )
)
def test_homes_do_not_depend_on_prefetching(rows: list[tuple[str, bytes | None]]) -> None:
    foreseeing, plain = HomePartitions(7), HomePartitions(7)
    for batch in (rows[:20], rows[20:], rows):
        keys = [ref.encode() if key == b"same" else key for ref, key in batch]
        foreseeing.hash_in_advance([report(1, START)._replace(key=key) for key in keys])
        assert [foreseeing.of(ref) for ref, _ in batch] == [plain.of(ref) for ref, _ in batch]


def test_keys_are_hashed_together_only_while_most_channels_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []

    def spy(keys: Iterable[bytes]) -> dict[bytes, int]:
        hashed = list(keys)
        together.append(len(hashed))
        return murmur2_of_all(hashed)

    monkeypatch.setattr(home_partition, "murmur2_of_all", spy)
    homes = HomePartitions(7)
    for channels in ("abcd", "efgh", "efgh", "efgh"):
        batch = [report(1, START)._replace(key=b"ref" + ref.encode()) for ref in channels]
        homes.hash_in_advance(batch)
        for record in batch:
            homes.of(record.key.decode())
    # In the first batch every channel is new; after the third none is.
    assert together == [4, 4]


def test_homes_are_the_same_after_the_cache_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_partition, "CACHED_REFS", 3)
    homes = HomePartitions(12)
    refs = [f"c{n}" for n in range(10)] * 2
    expected = [(ref.encode(), (kafka_murmur2(ref.encode()) & 0x7FFFFFFF) % 12) for ref in refs]
    assert [homes.of(ref) for ref in refs] == expected


def test_a_report_of_another_partition_is_rekeyed_unassessed_and_applied_at_home() -> None:
    """It has no reporter's ref: the others go by way of their reporters."""
    source = report(7, START, channel="c4", reporter={"kind": "anonymous"})
    assert (kafka_murmur2(b"c4") & 0x7FFFFFFF) % 2 == 0
    source = source._replace(topic="eu.message-reports", partition=1)
    away = ReportState(1, 2, RULES)
    outcome = run(away, RULES, [source])
    [moved] = outcome.outputs
    assert moved[:3] == (INTERNAL, 0, None)
    (entry,) = bundled.entries([moved])
    assert (entry.report.channel_ref, entry.stamp) == ("c4", None)
    assert list(outcome.changes) == [b"T", b"H"]
    assert counted(outcome) == {"rekeyed": 1}
    assert (away.time.applied, away.time.now, away.next_due()) == (0, 0, None)

    home = ReportState(0, 2, RULES)
    # It is read more than five minutes after it was made, but its original append time counts.
    arrived = Record("eu." + INTERNAL, 0, 3, START + DAY, moved.key, moved.value, moved.headers)
    [enriched] = of_topic(run(home, RULES, [arrived]), "enriched-reports")
    assert enriched["source"] == {"topic": "eu.message-reports", "partition": 1, "offset": 7}
    assert home.time.newest_append == START


@pytest.mark.parametrize("structured", [True, False])
def test_a_report_that_looks_like_a_tick_does_not_vanish_when_it_is_rekeyed(structured: bool) -> None:
    """A publisher adds the field of a tick to its report, and a header with the type of a tick."""
    body = msgspec.json.decode(report(7, START, channel="c4", reporter=None).value)
    tick_type = [("ce_type", b"tocsin.tick.v1")]
    if structured:
        event = {
            "specversion": "1.0",
            "id": "r7",
            "source": "/x",
            "type": "tocsin.report.v1",
            "data": body,
            "after": 1,
        }
        headers = [("content-type", b"application/cloudevents+json"), *tick_type]
    else:
        event, headers = {**body, "after": 1}, [*tick_type, *event_headers("tocsin.report.v1", "r7", START)]
    source = report(7, START)._replace(partition=1, value=msgspec.json.encode(event), headers=headers)
    [moved] = run(ReportState(1, 2, RULES), RULES, [source]).outputs
    if moved.topic == "dead-letters":
        assert dict(moved.headers)["tocsin-field"] == b"ce_type"
        return
    home = ReportState(0, 2, RULES)
    run(home, RULES, [report(1, START)])
    arrived = Record(INTERNAL, 0, 3, START, moved.key, moved.value, moved.headers)
    assert counted(run(home, RULES, [arrived])) == {"applied": 1}


def test_an_outcome_too_large_to_be_rekeyed_is_a_dead_letter() -> None:
    for headers in ((("trace", b"x" * MAX_PASSED_ON_BYTES),), (("trace", b"x"),) * MAX_HEADERS):
        source = moderation_outcome(7, "upheld", START, channel="c4")._replace(partition=1, headers=headers)
        applied = run(ReportState(1, 2, RULES), RULES, [source])
        [letter] = applied.outputs
        assert letter.topic == "dead-letters"
        letter_headers = dict(letter.headers)
        assert (letter_headers["tocsin-reason"], letter_headers["tocsin-field"]) == (b"oversized", b"headers")
        assert counted(applied) == {"dead_letter:oversized": 1}


def test_a_rekeyed_report_far_ahead_of_its_original_append_time_is_a_dead_letter() -> None:
    late = report(7, START + HOUR, appended=START)._replace(headers=(("tocsin-origin", b"t/1/2/%d" % START),))
    arrived = late._replace(topic=INTERNAL, timestamp=START + HOUR)
    outcome = run(ReportState(0, 1, RULES), RULES, [arrived])
    assert counted(outcome) == {"dead_letter:future_timestamp": 1}


def test_a_rekeyed_report_in_a_foreign_partition_stops_the_worker() -> None:
    with pytest.raises(NotAtHome, match=r"offset 7: the home of this record is partition 0 of 2"):
        run(ReportState(1, 2, RULES), RULES, [report(7, START, channel="c4")._replace(topic=INTERNAL)])


def test_an_unreadable_record_becomes_a_dead_letter_and_nothing_else() -> None:
    state = ReportState(0, 1, RULES)
    outcome = run(state, RULES, [Record(EXTERNAL, 0, 5, START, b"k", b"{", (("h", b"v"),))])
    [letter] = outcome.outputs
    assert letter[:4] == ("dead-letters", None, b"k", b"{")
    headers = dict(letter.headers)
    assert (headers["h"], headers["tocsin-reason"], headers["tocsin-offset"]) == (b"v", b"not_json", b"5")
    assert counted(outcome) == {"dead_letter:not_json": 1}
    assert (state.time.applied, state.time.now, state.time.newest_append) == (0, 0, 0)


def test_an_exception_after_decoding_propagates(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("bug")

    rules = compiled(policy())
    monkeypatch.setattr(type(rules.resolver), "resolve", fails)
    with pytest.raises(StageFailed, match="offset 1: RuntimeError"):
        run(ReportState(0, 1, rules), rules, [report(1, START)])


def test_a_lack_of_memory_stops_the_worker_instead_of_refusing_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("streams.contract.wire.reading.open_envelope", no_memory)
    with pytest.raises(MemoryError):
        run(ReportState(0, 1, RULES), RULES, [report(1, START)])


# --- duplicates


def test_a_duplicate_report_has_no_effect() -> None:
    rules = compiled(policy(levels=levels({"reports": 1}, {"reports": 2})))
    state = ReportState(0, 1, rules)
    first = run(state, rules, [report(1, START)])
    assert escalations(first) == [("opened", 1, rfc3339(START))]
    again = run(state, rules, [report(1, START, offset=2, appended=START + HOUR)])
    assert again.outputs == []
    assert counted(again) == {"duplicates": 1}
    assert (state.time.applied, state.time.newest_append) == (1, START)


def test_the_publisher_is_part_of_a_reports_identity() -> None:
    def event(source: bytes) -> Record:
        headers = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_type", b"tocsin.report.v1")]
        return report(1, START)._replace(headers=(*headers, ("ce_source", source)))

    outcome = run(ReportState(0, 1, RULES), RULES, [event(b"/a"), event(b"/b"), event(b"/a")])
    assert counted(outcome) == {"applied": 2, "duplicates": 1}


# --- the enriched report


def test_every_field_of_an_enriched_report() -> None:
    rules = compiled(policy(), policy(id="day", window="PT24H", window_ms=DAY))
    state = ReportState(0, 1, rules)
    reporter = {"kind": "trusted_flagger", "ref": "secret-pseudonym", "country": "DE"}
    run(state, rules, [report(1, START - 2 * HOUR)])
    outcome = run(state, rules, [report(2, START, reporter=reporter, message_ref="m")])
    [output] = (output for output in outcome.outputs if output.topic == "enriched-reports")
    assert (output.topic, output.partition, output.key) == ("enriched-reports", 0, b"c")
    headers = dict(output.headers)
    assert (headers["ce_id"], headers["ce_time"]) == (b"r2", rfc3339(START).encode())
    assert headers["ce_type"] == b"tocsin.enriched-report.v1"
    value = output.value or b""
    assert b"secret" not in value
    enriched = msgspec.json.decode(value, type=EnrichedReport)
    assert enriched.report.reporter is not None
    assert (enriched.report.reporter.kind, enriched.report.reporter.country) == ("trusted_flagger", "DE")
    assert enriched.report.message_ref == "m"
    assert (enriched.counted, enriched.not_counted_reason) == (True, None)
    assert (enriched.policy_version, enriched.registry_version) == (
        SHIPPED.policy_version,
        SHIPPED.registry_version,
    )
    assert [jurisdiction.code for jurisdiction in enriched.jurisdictions] == ["DE"]
    assert "EU.dsa.art16-4" in {duty.id for duty in enriched.obligations}
    assert [route.recipient for route in enriched.routing] == ["internal_review"]
    assert (enriched.rule_of_law.tier, enriched.rule_of_law.decision) == ("open", "human_review")
    of_category = SHIPPED.categories["spam"]
    assert (enriched.dsa_category, enriched.dsa_keywords) == (
        of_category.dsa_category,
        of_category.dsa_keywords,
    )
    shown = [
        (w.window, w.reports, w.distinct_reporters, w.trusted_flaggers, w.automated)
        for w in enriched.channel_windows
    ]
    assert shown == [("PT1H", 1, 1, 1, 0), ("PT24H", 2, 2, 1, 0)]
    assert enriched.channel_windows[0].risk == enriched.risk.score


def test_a_category_without_a_policy_shows_counts_of_one_hour() -> None:
    [enriched] = of_topic(
        run(ReportState(0, 1, RULES), RULES, [report(1, START, category="ip")]), "enriched-reports"
    )
    assert [window["window"] for window in enriched["channel_windows"]] == ["PT1H"]


def test_a_report_too_late_for_every_ring_is_not_counted() -> None:
    rules = compiled(policy(levels=levels({"reports": 1})))
    state = ReportState(0, 1, rules)
    run(state, rules, [report(1, START, category="ip")])
    outcome = run(state, rules, [report(2, START - 40 * DAY, appended=START)])
    [enriched] = of_topic(outcome, "enriched-reports")
    assert (enriched["counted"], enriched["not_counted_reason"]) == (False, "late")
    assert enriched["channel_windows"][0]["reports"] == 0
    assert escalations(outcome) == []
    assert counted(outcome).get("late", 0) == 1
    assert b"Kc\0spam" not in outcome.changes
    assert state.time.applied == 2


# --- time


def test_a_tick_counts_only_if_nothing_was_applied_since_it_was_written() -> None:
    state = ReportState(0, 1, RULES)
    assert counted(run(state, RULES, [tick(0, START)])) == {"ticks_ignored": 1}
    run(state, RULES, [report(1, START, appended=START + MINUTE)])
    assert state.time.applied == 1
    outcome = run(state, RULES, [tick(0, START + HOUR), tick(1, START + HOUR), tick(1, START + HOUR)])
    assert counted(outcome) == {"ticks_ignored": 1, "ticks_honoured": 2}
    assert (state.time.now, state.time.newest_append, state.time.applied) == (
        START + HOUR - MINUTE,
        START + HOUR,
        1,
    )
    run(state, RULES, [tick(1, START)])
    assert state.time.now == START + HOUR - MINUTE


def test_append_time_never_goes_back() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START, appended=START + HOUR), report(2, START, appended=START)])
    assert state.time.newest_append == START + HOUR


def test_a_tick_on_the_external_topic_is_not_honoured() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START)])
    outcome = run(state, RULES, [tick(1, START + HOUR)._replace(topic=EXTERNAL)])
    assert state.time.now == START
    assert sum(count for name, count in counted(outcome).items() if name.startswith("dead_letter:")) == 1


def test_old_recordings_replay_like_live_traffic() -> None:
    """With append times of today and reports of last year, time follows the reports."""
    rules = compiled(policy(levels=levels({"reports": 1})))
    state = ReportState(0, 1, rules)
    today = START + 365 * DAY
    run(state, rules, [report(1, START, appended=today), report(2, START + MINUTE, appended=today)])
    outcome = run(state, rules, [tick(2, today + 3 * HOUR)])
    assert escalations(outcome) == [("resolved", 1, rfc3339(START + HOUR + 30 * MINUTE))]


def test_due_transitions_precede_the_report_that_moved_time_ordered_by_time_and_key() -> None:
    rules = compiled(
        policy(id="b", levels=levels({"reports": 1})),
        policy(id="a", levels=levels({"reports": 1})),
        policy(id="first", levels=levels({"reports": 1}), min_clear_ms=0),
    )
    state = ReportState(0, 1, rules)
    run(state, rules, [report(1, START, channel="y"), report(2, START, channel="x")])
    outcome = run(state, rules, [report(3, START + DAY, category="ip")])
    order = [(event["policy"], event["channel_ref"]) for event in of_topic(outcome, "escalations")]
    assert order == [("first", "x"), ("first", "y"), ("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")]
    topics = [output.topic for output in outcome.outputs if output.topic != "transparency-counters"]
    assert topics == ["escalations"] * 6 + ["reporter-notices", "enriched-reports"]


# --- escalations


def test_every_field_of_an_escalation() -> None:
    rules = compiled(
        policy(
            id="image",
            categories=("ncii", "hate"),
            levels=levels({"reports": 2}, {"reports": 3, "distinct_reporters": 3, "risk": 0.01}),
        )
    )
    state = ReportState(0, 1, rules)
    evidence = [{"country": "DE", "basis": "victim", "confidence": 0.9}]
    records = [
        report(1, START, category="ncii", message_ref="m1", evidence=evidence),
        report(2, START, category="ncii", message_ref="m2", reporter={"kind": "anonymous"}),
        report(3, START, category="hate", message_ref="m2", reporter={"kind": "state_actor", "ref": "u3"}),
        report(4, START + MINUTE, category="hate", message_ref="m2", evidence=evidence),
    ]
    outputs = [output for output in run(state, rules, records).outputs if output.topic == "escalations"]
    events = [msgspec.json.decode(output.value or b"", type=Escalation) for output in outputs]
    opened, updated = events
    expected_id = stable_id("image", "live", "c", "", "r2")
    assert opened.escalation_id == updated.escalation_id == expected_id
    assert (opened.type, opened.reason, opened.sequence, opened.level) == (
        "opened",
        "threshold_crossed",
        1,
        1,
    )
    assert (updated.type, updated.reason, updated.sequence, updated.level) == (
        "updated",
        "level_raised",
        2,
        2,
    )
    for output, event in zip(outputs, events, strict=True):
        headers = dict(output.headers)
        assert headers["ce_id"].decode() == str(uuid5(UUID(event.escalation_id), str(event.sequence)))
        assert headers["ce_time"].decode() == event.at
        assert (output.key, output.partition) == (b"c", None)

    assert (updated.status, updated.at, updated.mode) == ("open", rfc3339(START + MINUTE), "live")
    assert (updated.policy, updated.policy_reason, updated.level_name) == ("image", "for a test", "level_2")
    assert (updated.channel_ref, updated.category, updated.categories) == ("c", "hate", ("ncii", "hate"))
    assert updated.dsa_category == SHIPPED.categories["hate"].dsa_category
    assert updated.dsa_keywords == SHIPPED.categories["hate"].dsa_keywords
    assert (updated.window.start, updated.window.end) == (
        rfc3339(START - 55 * MINUTE),
        rfc3339(START + 5 * MINUTE),
    )
    conditions = {c.measure: (c.value, c.threshold) for c in updated.conditions}
    assert set(conditions) == {"reports", "distinct_reporters", "risk"}
    assert conditions["reports"] == (4, 3)
    assert conditions["distinct_reporters"] == (3, 3)
    assert conditions["risk"] == (updated.score.value, 0.01)
    counts = updated.counts
    assert (counts.reports, counts.distinct_reporters, counts.state_actors) == (4, 3, 1)
    assert (counts.trusted_flaggers, counts.automated) == (0, 0)
    assert counts.n_eff == 4.0
    assert set(updated.score.components) == {"ncii", "hate"}
    assert updated.score.value == pytest.approx(sum(updated.score.components.values()), abs=1e-9)
    assert updated.integrity.signals["anonymous_share"] == 0.25
    assert updated.message_refs == ("m2", "m1")
    assert [(j.code, j.basis) for j in updated.jurisdictions] == [("DE", "victim")]
    assert updated.obligations
    assert {(o.clock_status, o.due_at) for o in updated.obligations} == {("not_armed", None)}
    assert all(o.target_at is not None and o.target_at > updated.at for o in updated.obligations)
    [routing] = updated.routing
    assert (routing.recipient, routing.reason) == ("internal_review", "policy image level 2 (level_2)")
    assert updated.statement.source_type == "SOURCE_ARTICLE_16"
    assert updated.statement.territorial_scope == ("DE",)
    assert updated.clock is None
    assert updated.rule_of_law.tier == SHIPPED.jurisdictions["DE"].rule_of_law
    assert updated.rule_of_law.decision == "human_review"
    assert (updated.human_review_required, updated.automated_means) == (True, True)
    assert (updated.trace.first_report_id, updated.trace.last_report_id) == ("r2", "r4")
    assert updated.trace.partition_offsets == {"message-reports/0": 4}


def test_a_resolution_names_the_last_report_that_raised_the_episode_and_level_1() -> None:
    rules = compiled(policy(levels=levels({"reports": 1}, {"reports": 2})))
    state = ReportState(0, 1, rules)
    stored: dict[bytes, bytes] = {}
    fold(stored, run(state, rules, [report(n, START, message_ref="m") for n in (1, 2, 3)]).changes)
    state = restore_reports(0, 1, rules, stored.items())
    [event] = of_topic(run(state, rules, [tick(3, START + DAY)]), "escalations")
    assert (event["type"], event["reason"], event["status"]) == ("resolved", "cleared", "resolved")
    assert (event["level"], event["sequence"]) == (2, 3)
    assert event["conditions"] == [{"measure": "reports", "value": 0, "threshold": 1}]
    assert event["trace"] == {
        "first_report_id": "r1",
        "last_report_id": "r2",
        "partition_offsets": {"message-reports/0": 2},
    }
    assert (event["counts"]["reports"], event["score"], event["message_refs"]) == (
        0,
        {"value": 0, "components": {}},
        [],
    )


def test_abuse_prone_categories_go_to_human_rights_review_where_courts_do_not_protect_speech() -> None:
    rules = compiled(policy(categories=("civic",), levels=levels({"reports": 1})))
    decisions = {}
    for country, tier in [("DE", "open"), ("RU", "closed")]:
        assert SHIPPED.jurisdictions[country].rule_of_law == tier
        evidence = [{"country": country, "basis": "offence", "confidence": 1}]
        outcome = run(
            ReportState(0, 1, rules), rules, [report(1, START, category="civic", evidence=evidence)]
        )
        [event] = of_topic(outcome, "escalations")
        decisions[tier] = event["rule_of_law"]["decision"]
    assert decisions == {"open": "human_review", "closed": "human_rights_review"}


def test_a_later_report_of_an_open_country_does_not_loosen_the_gate() -> None:
    rules = compiled(policy(categories=("terrorism",), levels=levels({"reports": 3})))

    def report_of(number: int, at: int, country: str | None) -> Record:
        evidence = [] if country is None else [{"country": country, "basis": "suspect", "confidence": 1}]
        return report(number, at, category="terrorism", evidence=evidence)

    state = ReportState(0, 1, rules)
    run(state, rules, [report_of(1, START, "IR"), report_of(2, START + MINUTE, None)])
    [event] = of_topic(run(state, rules, [report_of(3, START + 2 * MINUTE, "DE")]), "escalations")
    assert event["rule_of_law"]["tier"] == "closed"
    assert {routing["gate"] for routing in event["routing"]} == {"human_rights_review"}

    # An hour later the first report has left the window. A report without a place changes no gate.
    later = ReportState(0, 1, rules)
    run(
        later,
        rules,
        [
            report_of(1, START, "IR"),
            report_of(2, START + 70 * MINUTE, None),
            report_of(3, START + 71 * MINUTE, "DE"),
        ],
    )
    [event] = of_topic(run(later, rules, [report_of(4, START + 72 * MINUTE, "DE")]), "escalations")
    assert event["rule_of_law"]["tier"] == "open"


def test_no_output_names_a_reporter() -> None:
    rules = compiled(*SHIPPED.policies)
    records = [
        report(
            n, START + n, category=category, reporter={"kind": kind, "ref": f"secret{n}"}, message_ref=f"m{n}"
        )
        for n, (category, kind) in enumerate(
            (c, k) for c in CATEGORIES for k in REPORTER_KINDS for _ in range(4)
        )
    ]
    outcome = run(ReportState(0, 1, rules), rules, records)
    assert of_topic(outcome, "escalations")
    assert of_topic(outcome, "escalations-shadow")
    written = [
        part
        for output in outcome.outputs
        for part in (output.key, output.value, *dict(output.headers).values())
    ]
    assert not any(part and b"secret" in part for part in written)
    assert not any(b"secret" in key + (value or b"") for key, value in outcome.changes.items())


def test_shadow_policies_write_no_escalations_and_off_policies_are_not_evaluated() -> None:
    one = levels({"reports": 1})
    rules = compiled(
        policy(id="s", mode="shadow", levels=one),
        policy(id="l", levels=one),
        policy(id="o", mode="off", levels=one),
    )
    outcome = run(ReportState(0, 1, rules), rules, [report(1, START)])
    assert [event["policy"] for event in of_topic(outcome, "escalations")] == ["l"]
    assert [event["policy"] for event in of_topic(outcome, "escalations-shadow")] == ["s"]
    assert {name for name in counted(outcome) if name.startswith("escalation")} == {
        "escalation:l:live:opened:1",
        "escalation:s:shadow:opened:1",
    }


@pytest.mark.parametrize("change", [{"id": "other"}, {"mode": "shadow"}, {"mode": "off"}])
def test_episodes_of_a_removed_policy_resolve_with_the_next_record_applied(
    change: dict[str, Any],
) -> None:
    before = compiled(policy(levels=levels({"reports": 1})))
    stored: dict[bytes, bytes] = {}
    fold(stored, run(ReportState(0, 1, before), before, [report(1, START)]).changes)
    after = compiled(policy(**{"levels": levels({"reports": 100}), **change}))
    for first in (report(2, START + 9 * MINUTE, category="ip"), tick(1, START)):
        state = restore_reports(0, 1, after, stored.items())
        assert state.next_due() == START
        outcome = run(state, after, [first])
        [event] = of_topic(outcome, "escalations")
        assert (event["type"], event["reason"], event["at"]) == ("resolved", "policy_changed", rfc3339(START))
        assert (event["policy"], event["mode"], event["level_name"]) == ("spam", "live", "level_1")
        assert (event["conditions"], event["counts"]["reports"]) == ([], 1)
        assert outcome.changes[b"Cc"] is None


def test_a_changed_policy_keeps_its_episode() -> None:
    before = compiled(policy(levels=levels({"reports": 1}), content_hash="1"))
    stored: dict[bytes, bytes] = {}
    state = ReportState(0, 1, before)
    fold(stored, run(state, before, [report(1, START), report(2, START)]).changes)
    after = compiled(policy(levels=levels({"reports": 1}, {"reports": 3}), content_hash="2"))
    state = restore_reports(0, 1, after, stored.items())
    [event] = of_topic(run(state, after, [report(3, START + MINUTE)]), "escalations")
    assert (event["type"], event["level"], event["sequence"]) == ("updated", 2, 2)


def test_an_episode_that_was_clear_under_older_thresholds_is_evaluated_again() -> None:
    before = compiled(policy(window="PT24H", window_ms=DAY, levels=levels({"reports": 3})))
    stored: dict[bytes, bytes] = {}
    state = ReportState(0, 1, before)
    times = [START, START, START + 90 * MINUTE]
    fold(stored, run(state, before, [report(n, time) for n, time in enumerate(times)]).changes)
    fold(stored, run(state, before, [tick(3, START + DAY + 10 * MINUTE)]).changes)
    [[episode]] = [list(of_channel.values()) for of_channel in state.episodes.values()]
    assert episode.clear_since == START + DAY  # type: ignore[union-attr]
    after = compiled(policy(window="P7D", window_ms=7 * DAY, levels=levels({"reports": 3})))
    state = restore_reports(0, 1, after, stored.items())
    outcome = run(state, after, [tick(3, START + 3 * DAY)])
    assert escalations(outcome) == []
    [resolved] = escalations(run(state, after, [tick(3, START + 9 * DAY)]))
    assert resolved == ("resolved", 1, rfc3339(START + 7 * DAY + 30 * MINUTE))


# --- several categories


@settings(max_examples=80)
@given(
    reports=st.lists(st.tuples(st.sampled_from(["spam", "fraud", "ip"]), st.integers(0, 9)), max_size=20),
    threshold=st.integers(1, 8),
)
def test_reporters_of_several_categories_count_once(reports: list[tuple[str, int]], threshold: int) -> None:
    rules = compiled(policy(categories=("spam", "fraud"), levels=levels({"distinct_reporters": threshold})))
    records = [
        report(n, START + n, category=category, reporter={"kind": "user", "ref": f"u{who}"})
        for n, (category, who) in enumerate(reports)
    ]
    events = of_topic(run(ReportState(0, 1, rules), rules, records), "escalations")
    seen: set[int] = set()
    crossed = None
    for n, (category, who) in enumerate(reports):
        if category != "ip":
            seen.add(who)
        if len(seen) >= threshold and crossed is None:
            crossed = n
    if crossed is None:
        assert events == []
    else:
        [event] = events
        assert event["trace"]["last_report_id"] == f"r{crossed}"
        assert event["counts"]["distinct_reporters"] == threshold


def test_few_reporters_of_several_categories_are_counted_where_sum_and_largest_would_open() -> None:
    few_or_many = {"reports": 6, "any_of": {"distinct_reporters": (">", 5), "voices": ("<", 4)}}
    rules = compiled(policy(categories=("spam", "fraud"), levels=levels(few_or_many)))
    state = ReportState(0, 1, rules)

    def by(number: int, who: int, category: str) -> Record:
        return report(number, START + number, category=category, reporter={"kind": "user", "ref": f"u{who}"})

    four = [
        by(n, who, category)
        for n, (who, category) in enumerate(
            zip((1, 2, 3, 2, 3, 4), ("spam", "spam", "spam", "fraud", "fraud", "fraud"), strict=True)
        )
    ]
    assert escalations(run(state, rules, four)) == []
    more = run(state, rules, [by(6, 5, "spam"), by(7, 6, "fraud")])
    [event] = of_topic(more, "escalations")
    assert event["conditions"] == [
        {"measure": "reports", "value": 8.0, "threshold": 6.0},
        {"measure": "distinct_reporters", "value": 6.0, "threshold": 5.0, "comparison": ">", "any_of": True},
        {"measure": "voices", "value": 6.0, "threshold": 4.0, "comparison": "<", "any_of": True},
    ]


def test_shipped_policies_open_level_1_at_the_first_report_of_a_floor_category() -> None:
    rules = compiled(*SHIPPED.policies)
    floor = [category for category, row in SHIPPED.categories.items() if row.floor]
    assert floor
    for category in floor:
        anonymous = {"kind": "anonymous"}
        outcome = run(
            ReportState(0, 1, rules), rules, [report(1, START, category=category, reporter=anonymous)]
        )
        assert [event[:2] for event in escalations(outcome)] == [("opened", 1)], category
