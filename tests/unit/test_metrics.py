import asyncio
import dataclasses
import gc
import math
import re
import time
from bisect import bisect_right
from datetime import datetime
from itertools import product
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from generators import metrics_page
from generators.__main__ import main
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.clocks.store import CLOCK_RECORD
from streams.deciding.partition import duplicates
from streams.deciding.partition.hash_key import HashKeys, hash_key
from streams.deciding.partition.state import DUPLICATES_SLOT
from streams.deciding.reports.census import open_episodes, take_report_census
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.partition.rules_in_force import Switched
from streams.deciding.reports.state import ReportState, restore_reports
from streams.deciding.requests.counters import RequestCounters
from streams.deciding.requests.state import restore_requests
from streams.registry.changes.halting import Sides, TrialNumbers
from streams.running.alignment.standing import Standing
from streams.running.operations import metric_catalogue as catalogue
from streams.running.operations.rules_standing import RulesStanding
from streams.running.operations.adapter_metric_catalogue import ADAPTER_CATALOGUE
from streams.running.operations.intake_metric_catalogue import INTAKE_CATALOGUE
from streams.running.operations.faust_sensor import RebalanceSensor
from streams.running.operations.metric import APPEND_LATENCY, LABELS, Metric
from streams.running.operations.metric_catalogue import CATALOGUE
from streams.running.operations.values import Histogram, Numbers
from streams.running.operations.worker_operations import WorkerOperations
from streams.running.partitions.observer import CommittedBatch, Takeover
from streams.running.worker.observers import ReportObserver, RequestObserver
from tests.unit import request_traffic
from tests.unit.request_traffic import (
    NOON,
    new_requests,
    preservation_order,
    removal_order,
    request_record,
    run_requests,
)  # fmt: skip
from tests.shipped import RULES as SHIPPED_RULES
from tests.unit.traffic import (
    EXTERNAL,
    HOUR,
    INTERNAL,
    MINUTE,
    PYTHON,
    SHIPPED,
    START,
    Record,
    arriving,
    compiled,
    fold,
    levels,
    policy,
    report,
    run,
    tick,
)  # fmt: skip

TOPICS = {"reports": (EXTERNAL, INTERNAL), "requests": ("authority-requests",)}
RULES = compiled(
    policy(id="spam", levels=levels({"reports": 3}, {"reports": 6})), policy(id="quiet", mode="shadow")
)


def samples(text):
    """The values of all samples by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(found, name, **labels):
    return found[name, tuple(sorted(labels.items()))]


# --- the catalogue


def test_metric_names_follow_the_conventions_of_prometheus():
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE) > 25
    for metric in CATALOGUE:
        assert re.fullmatch(r"tocsin_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert metric.meaning.endswith("."), metric.name
        assert not re.search(r"milli|micro|_ms\b|kilo", metric.name)


def test_every_label_is_explained_and_none_can_name_a_person():
    used = {label for metric in CATALOGUE + ADAPTER_CATALOGUE + INTAKE_CATALOGUE for label in metric.labels}
    assert used == LABELS.keys()
    assert not used & {"channel", "reporter", "report_id", "message", "job", "instance"}


def test_the_page_of_metrics_matches_the_catalogue(tmp_path, monkeypatch, capsys):
    assert main(["--check", "metrics_page"]) == 0
    monkeypatch.setattr(metrics_page, "DOCS", tmp_path)
    assert main(["--check", "metrics_page"]) == 1
    assert "run `python -m generators metrics_page`" in capsys.readouterr().err
    assert main(["metrics_page"]) == 0
    assert main(["--check", "metrics_page"]) == 0
    text = (tmp_path / "metrics.md").read_text()
    assert all(f"| `{metric.name}` | {metric.kind} |" in text for metric in CATALOGUE)


# --- values


def cumulative(family):
    return [sample.value for sample in family.samples if sample.name.endswith("_bucket")]


@settings(max_examples=200)
@given(
    batches=st.lists(st.lists(st.integers(min_value=-5_000, max_value=400_000), max_size=30), max_size=5),
    # Values exactly at the bounds.
    exact=st.lists(st.sampled_from([int(bound * 1000) for bound in APPEND_LATENCY]), max_size=5),
)
def test_observing_ages_in_batches_equals_observing_them_one_by_one(batches, exact):
    now = 1_800_000_000_000
    at_once, one_by_one = Histogram(catalogue.APPEND_TO_COMMIT), Histogram(catalogue.APPEND_TO_COMMIT)
    buckets = [0] * (len(APPEND_LATENCY) + 1)
    ages = []
    for batch in [*batches, exact]:
        at_once.observe_ages([now - age for age in batch], now)
        ages += [max(0, age) / 1000 for age in batch]
    for age in ages:
        one_by_one.observe(age)
        for place, bound in enumerate((*APPEND_LATENCY, math.inf)):
            buckets[place] += age <= bound
    assert cumulative(at_once.family()) == cumulative(one_by_one.family()) == buckets
    assert at_once.count == one_by_one.count == len(ages)
    assert at_once.sum == pytest.approx(sum(ages))
    assert one_by_one.sum == pytest.approx(sum(ages))


def test_the_sum_of_a_histogram_never_falls_when_clocks_disagree():
    histogram = Histogram(catalogue.EVENT_TO_COMMIT)
    histogram.observe_ages([2_000, 3_000], 1_000)
    assert (histogram.count, histogram.sum) == (2, 0.0)


def test_a_series_may_be_created_before_it_has_a_value():
    numbers = Numbers(Metric("", "tocsin_x_total", "counter", "X.", ("a",)))
    numbers.add(("one",), 0)
    numbers.add(("two",), 3)
    numbers.add(("two",))
    assert {sample.labels["a"]: sample.value for sample in numbers.family().samples} == {"one": 0, "two": 4}
    assert numbers.of("two") == 4
    assert numbers.of("never") == 0


@pytest.fixture
def frequent_collections():
    """Makes garbage collection run after every few allocations, at any point of the code."""
    threshold = gc.get_threshold()
    gc.set_threshold(5)
    yield
    gc.set_threshold(*threshold)
    gc.callbacks.pop()


def test_a_series_may_be_created_during_a_scrape(frequent_collections):
    numbers = Numbers(Metric("", "tocsin_x_total", "counter", "X.", ("a",)))
    for number in range(100):
        numbers.add((str(number),))
    # The consumer's thread may run at any collection. Here it runs at each.
    gc.callbacks.append(lambda *_: numbers.add((str(gc.get_stats()),)))
    assert len(numbers.family().samples) >= 100


# --- what is counted


class Worker:
    """Operations and an observer, with states to which batches are applied as the runtime would."""

    def __init__(self, rules=RULES):
        self.rules = rules
        self.operations = WorkerOperations(rules.registry, TOPICS, lambda: [], PYTHON)
        self.observer = ReportObserver(self.operations)
        self.states = {}

    def take_over(self, partition, state=None):
        state = ReportState(partition, 2, self.rules) if state is None else state
        self.states[partition] = state
        self.observer.taking_over(partition)
        self.observer.taken_over(Takeover(partition, state, 0.3, 7))

    def apply(self, partition, records):
        state = self.states[partition]
        outcome = run(state, self.rules, records)
        counted = {}
        for record in records:
            counted[record.topic] = counted.get(record.topic, 0) + 1
        times = [record.timestamp for record in records]
        self.observer.committed(CommittedBatch(partition, counted, times, outcome, 0.02))
        return outcome

    def scrape(self):
        return samples(self.operations._exposition.text())


def at_home(number):
    """A channel whose home is partition 0 of 2."""
    homes = ReportState(0, 2, RULES).homes
    found = [name for name in (f"channel-{n}" for n in range(100)) if homes.of(name)[1] == 0]
    return found[number]


def test_every_possible_series_starts_at_zero():
    found = Worker(compiled(*SHIPPED.policies)).scrape()
    for stage, reason in product(("reports", "requests"), DEAD_LETTER_REASONS):
        assert value(found, "tocsin_dead_letters_total", stage=stage, reason=reason) == 0
    for each in SHIPPED.policies:
        for level in each.levels:
            labels = {"policy": each.id, "mode": each.mode, "level": str(level.level)}
            assert value(found, "tocsin_open_episodes", **labels) == 0
            assert value(found, "tocsin_escalations_total", type="opened", **labels) == 0
            assert value(found, "tocsin_escalations_total", type="resolved", **labels) == 0
            name = ("tocsin_escalations_total", tuple(sorted({**labels, "type": "updated"}.items())))
            assert (name in found) == (level.level > 1)
        assert (
            value(found, "tocsin_policy_info", policy=each.id, mode=each.mode, content_hash=each.content_hash)
            == 1
        )
    assert value(found, "tocsin_transactions_failed_total", cause="fenced") == 0
    assert value(found, "tocsin_registry_info", policy_version=SHIPPED.policy_version,
                 registry_version=SHIPPED.registry_version) == 1  # fmt: skip
    assert value(found, "tocsin_ready") == 0


def test_the_number_of_partitions_is_shown_once_a_broker_has_reported_it():
    worker = Worker()
    worker.observer.rebalanced(None)
    assert "tocsin_partitions" not in {name for name, _ in worker.scrape()}
    worker.observer.rebalanced(12)
    worker.observer.rebalanced(None)
    assert value(worker.scrape(), "tocsin_partitions", stage="reports") == 12


def test_the_difference_of_clocks_is_shown_for_ten_minutes_after_a_transaction(monkeypatch):
    worker = Worker()
    worker.take_over(0)
    worker.observer.clocks_compared(1, 7)
    worker.observer.clocks_compared(0, -90_000)
    name = "tocsin_clock_difference_seconds"
    shown = worker.scrape()
    assert value(shown, name, stage="reports", partition="0") == -90
    assert len([labels for found, labels in shown if found == name]) == 1
    later = time.monotonic() + 601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert name not in {found for found, _ in worker.scrape()}


def test_a_source_at_rest_is_shown_until_the_rest_ends():
    worker = Worker()
    worker.take_over(0)
    name, place = "tocsin_source_resting", {"stage": "reports", "topic": "message-reports", "partition": "0"}
    worker.observer.resting(0, {"message-reports": "paused"})
    assert value(worker.scrape(), name, **place, why="paused") == 1
    worker.observer.resting(0, {})
    assert name not in {found for found, _ in worker.scrape()}


def test_a_partition_that_is_set_aside_is_shown_until_it_goes_on(monkeypatch):
    worker = Worker()
    worker.take_over(0)
    worker.apply(0, [report(1, START, channel=at_home(0))])
    name = "tocsin_partition_set_aside"
    place = {"stage": "reports", "partition": "0", "why": "record"}
    assert name not in {found for found, _ in worker.scrape()}
    before = value(worker.scrape(), "tocsin_state_records", stage="reports", kind="counts")
    worker.observer.set_aside(0, "message-reports offset 3 to 9", "ValueError")
    first = time.time()
    monkeypatch.setattr(time, "time", lambda: first + 60)
    worker.observer.set_aside(0, "message-reports offset 7", "ValueError")
    shown = worker.scrape()
    assert value(shown, name, **place) == 1
    # It is still owned, and has what its state held last.
    assert value(shown, "tocsin_partitions_owned", stage="reports") == 1
    assert value(shown, "tocsin_state_records", stage="reports", kind="counts") == before
    (row,) = worker.operations.status()["partitions"]
    since = row["set_aside"].pop("since")
    assert abs(datetime.fromisoformat(since).timestamp() - first) < 1
    failed = {"records": "message-reports offset 7", "error": "ValueError"}
    assert row["set_aside"] == {**failed, "waits_for": ""}
    worker.observer.read_again(0, restore_reports(0, 2, RULES, []))
    shown = worker.scrape()
    assert value(shown, name, **place) == 1
    assert value(shown, "tocsin_state_records", stage="reports", kind="counts") == 0
    worker.observer.recovered(0)
    assert name not in {found for found, _ in worker.scrape()}
    assert worker.operations.status()["partitions"][0]["set_aside"] is None


def test_a_partition_that_waits_for_a_destination_is_shown_also_without_a_state():
    worker = Worker()
    worker.observer.waits(0, "escalations partition 2")
    worker.operations.troubles = lambda: [("escalations", "2", "no_leader")]
    shown = worker.scrape()
    place = {"stage": "reports", "partition": "0", "why": "destination"}
    assert value(shown, "tocsin_partition_set_aside", **place) == 1
    (trouble,) = [labels for name, labels in shown if name == "tocsin_destination_in_trouble"]
    assert dict(trouble) == {"topic": "escalations", "partition": "2", "reason": "no_leader"}
    (row,) = worker.operations.status()["partitions"]
    assert row["set_aside"]["waits_for"] == "escalations partition 2"
    worker.observer.read_again(0, restore_reports(0, 2, RULES, []))
    worker.observer.recovered(0)
    assert "tocsin_partition_set_aside" not in {found for found, _ in worker.scrape()}


def test_how_sources_wait_for_each_other_is_shown():
    worker = Worker()
    assert value(worker.scrape(), "tocsin_partitions_not_waited_for") == 0
    worker.operations.standing = lambda: Standing({2: 7200.5}, {"verified-reports": 2}, 3, frozenset({5}))
    shown = worker.scrape()
    assert value(shown, "tocsin_frontier_behind_seconds", partition="2") == 7200.5
    assert value(shown, "tocsin_sources_held", topic="verified-reports") == 2
    assert value(shown, "tocsin_partitions_not_waited_for") == 3
    assert value(shown, "tocsin_partition_given_up", partition="5") == 1


def test_corrections_of_time_are_counted():
    worker = Worker()
    worker.take_over(0)
    decision = TimeCorrection(START + 9 * HOUR, START, "a broker's clock was wrong", "op-1")
    content, headers = encode_time_correction(decision)
    record = Record(INTERNAL, 0, 1, START, None, content, headers)
    worker.apply(0, [report(1, START + 9 * HOUR, channel=at_home(0)), record, record])
    shown = worker.scrape()
    assert value(shown, "tocsin_time_corrections_total", result="applied") == 1
    assert value(shown, "tocsin_time_corrections_total", result="ignored") == 1
    assert value(shown, "tocsin_partition_timestamp_seconds", stage="reports", partition="0") == START / 1000


def test_exactly_the_metrics_of_the_catalogue_are_shown():
    budgeted = dataclasses.replace(RULES.registry.policies[0], per_hour=1)
    registry = dataclasses.replace(
        RULES.registry, ask=SHIPPED_RULES.ask, policies=(budgeted,), sample_share=0.1
    )
    worker = Worker(dataclasses.replace(RULES, registry=registry))
    worker.take_over(0)
    worker.observer.rebalanced(2)
    worker.observer.clocks_compared(0, 0)
    worker.apply(0, [report(1, START, channel=at_home(0))])
    worker.observer.set_aside(0, "message-reports offset 7", "ValueError")
    worker.observer.resting(0, {"message-reports": "flood"})
    worker.operations.standing = lambda: Standing({0: 60.0}, {"message-reports": 1}, 1, frozenset({3}))
    worker.operations.decides_with("0123456789abcdef", "fedcba9876543210")
    full = ReportState(1, 2, RULES)
    full.newcomers.say(has_room=False)
    worker.take_over(1, full)
    worker.operations.troubles = lambda: [("escalations", "2", "no_leader")]
    worker.operations.rules_standing = lambda: RulesStanding(
        "a" * 64, 1_000, (("b" * 64, "it crashes"),), True, ("c" * 64, 10), ("d" * 64, 2_000), TRIAL
    )
    shown = {name for name, _ in worker.scrape()}
    ours = {name for name in shown if not name.startswith(("process_", "python_gc_"))}
    # The lag has no series here, because this worker reports no lag, and no id was forgotten. Whether a duty
    # begins or ends depends on the day.
    absent = ("tocsin_lag_", catalogue.LAW_CHANGE.name, catalogue.DUPLICATES_KNOWN.name)
    missing = {metric.name for metric in CATALOGUE if not metric.name.startswith(absent)} - {
        re.sub(r"_(bucket|count|sum)$", "", name) if name not in {m.name for m in CATALOGUE} else name
        for name in ours
    }
    assert missing == set()
    assert {name for name in ours if not name.startswith("tocsin_")} == set()
    assert "process_resident_memory_bytes" in shown
    assert not any(name.endswith("_created") for name in shown)


def test_a_batch_is_counted_by_the_outcome_of_each_record():
    worker = Worker()
    worker.take_over(0)
    channel = at_home(0)
    homes = worker.states[0].homes
    elsewhere = next(name for name in (f"channel-{n}" for n in range(100)) if homes.of(name)[1] == 1)
    nobody = {"kind": "anonymous"}
    records = arriving(RULES, [report(n, START + n, channel=channel) for n in range(6)], partitions=2)
    records += [records[0], records[1], tick(999, START)]
    records += [report(90, START, channel=elsewhere, reporter=nobody), report(94, START, channel=elsewhere)]
    records += [Record(EXTERNAL, 0, 91, START, None, b"{"), Record(EXTERNAL, 0, 92, START, None, None)]
    # Older than the 31 days that the longest ring holds.
    records.append(report(93, START - 40 * 24 * HOUR, appended=START, channel=channel, reporter=nobody))
    worker.apply(0, records)
    found = worker.scrape()
    assert value(found, "tocsin_records_total", topic=EXTERNAL) == 5
    assert value(found, "tocsin_records_total", topic=INTERNAL) == 9
    parts = {
        name: value(found, name)
        for name in (
            "tocsin_reports_applied_total",
            "tocsin_reports_duplicate_total",
            "tocsin_reports_rekeyed_total",
            "tocsin_reports_passed_to_reporters_total",
        )
    }
    assert list(parts.values()) == [7, 2, 1, 1]
    assert value(found, "tocsin_reports_late_total") == 1
    assert value(found, "tocsin_ticks_read_total", outcome="ignored") == 1
    assert value(found, "tocsin_dead_letters_total", stage="reports", reason="not_json") == 1
    assert value(found, "tocsin_dead_letters_total", stage="reports", reason="empty") == 1
    # According to the catalogue, each record is counted in exactly one of these.
    assert sum(parts.values()) + 1 + 2 == len(records)
    assert value(found, "tocsin_recent_dead_letters", stage="reports", partition="0") == 2
    assert value(found, "tocsin_event_to_commit_seconds_count") == 7
    assert value(found, "tocsin_append_to_commit_seconds_count") == len(records)
    assert value(found, "tocsin_batch_records_sum") == len(records)
    assert value(found, "tocsin_transaction_duration_seconds_sum") == 0.02
    spam = {"policy": "spam", "mode": "live"}
    assert value(found, "tocsin_escalations_total", type="opened", level="1", **spam) == 1
    assert value(found, "tocsin_escalations_total", type="updated", level="2", **spam) == 1
    assert value(found, "tocsin_open_episodes", level="2", **spam) == 1
    assert value(found, "tocsin_open_episodes", level="1", **spam) == 0
    assert value(found, "tocsin_open_episodes", policy="quiet", mode="shadow", level="1") == 1
    assert value(
        found, "tocsin_partition_timestamp_seconds", stage="reports", partition="0"
    ) == pytest.approx((START + 5) / 1000)


def test_dead_letters_are_logged_with_their_place_once_per_interval():
    worker = Worker()
    worker.take_over(0)
    with capture_logs() as lines:
        for offset in range(3):
            worker.apply(0, [Record(EXTERNAL, 0, offset, START, None, b"{secret"), report(offset, START)])
    (line,) = lines
    assert line == {
        "event": "report refused",
        "log_level": "warning",
        "topic": EXTERNAL,
        "partition": 0,
        "offset": 0,
        "reason": "not_json",
        "field": "value",
        "in_this_batch": 1,
    }


def test_gauges_cover_the_partitions_owned_now_with_their_restored_state():
    worker = Worker()
    worker.take_over(0)
    stored = {}
    outcome = worker.apply(
        0, [report(number, START + number, channel=at_home(number % 2)) for number in range(8)]
    )
    fold(stored, outcome.changes)
    before = worker.scrape()
    assert value(before, "tocsin_state_records", stage="reports", kind="counts") == 2
    assert value(before, "tocsin_state_records", stage="reports", kind="episodes") == 2
    counts = {key: kept for key, kept in stored.items() if key.startswith(CHANNEL_COUNTS)}
    assert value(before, "tocsin_state_bytes", stage="reports", kind="counts") == sum(
        len(k) + len(v) for k, v in counts.items()
    )
    assert value(before, "tocsin_state_bytes", stage="reports", kind="duplicates") == sum(
        len(kept) for key, kept in stored.items() if key.startswith(DUPLICATES_SLOT)
    )
    assert value(before, "tocsin_partitions_owned", stage="reports") == 1
    worker.observer.released(0)
    between = worker.scrape()
    assert value(between, "tocsin_partitions_owned", stage="reports") == 0
    assert value(between, "tocsin_open_episodes", policy="spam", mode="live", level="1") == 0
    assert not any(("partition", "0") in labels for _, labels in between)

    successor = Worker()
    successor.take_over(0, restore_reports(0, 2, RULES, stored.items()))
    after = successor.scrape()
    kept = {
        key: number
        for key, number in before.items()
        if key[0] in ("tocsin_open_episodes", "tocsin_state_records", "tocsin_state_bytes")
    }
    assert {key: after[key] for key in kept} == kept
    assert value(after, "tocsin_restored_records_total") == 7
    assert value(after, "tocsin_takeover_duration_seconds_sum") == 0.3


def test_how_far_back_ids_are_remembered_is_shown_once_one_is_forgotten():
    with patch.multiple(duplicates, SLOT_SIZE=1, LEAST_REMEMBERED=0):
        worker = Worker()
        worker.take_over(0)
        name = "tocsin_duplicates_known_seconds"
        for number, at, known in ((0, 0, None), (1, 23, None), (2, 25, 25), (3, 26, 26), (4, 48, 25)):
            worker.apply(0, [report(number, START + at * HOUR, channel=at_home(0))])
            shown = {labels: found for (metric, labels), found in worker.scrape().items() if metric == name}
            assert list(shown.values()) == ([] if known is None else [known * 3600])


@pytest.mark.slow
@settings(max_examples=30)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 8), st.sampled_from([0, MINUTE, HOUR, 3 * HOUR])),
        max_size=12,
    ),
    restart=st.integers(0, 12),
)
def test_open_episodes_follow_the_state_over_openings_rises_resolutions_and_restarts(steps, restart):
    rules = compiled(
        policy(levels=levels({"reports": 2}, {"reports": 5}, {"reports": 9}), cooldown_ms=HOUR),
        policy(id="quiet", mode="shadow", levels=levels({"reports": 3})),
    )
    worker = Worker(rules)
    worker.take_over(0)
    now, number = START, 0
    for place, (channel, reports, passed) in enumerate(steps):
        if place == restart:
            worker.observer.released(0)
            worker.take_over(0, worker.states[0])
        now += passed
        batch = [report(number + n, now, channel=at_home(channel)) for n in range(reports)]
        number += reports
        worker.apply(0, batch)
        shown = {
            tuple(dict(labels)[name] for name in ("policy", "mode", "level")): open_now
            for (metric, labels), open_now in worker.scrape().items()
            if metric == "tocsin_open_episodes" and open_now
        }
        assert shown == {
            (p, m, str(level)): n for (p, m, level), n in open_episodes(worker.states[0]).items()
        }


def test_an_episode_in_cooldown_is_not_open():
    rules = compiled(policy())
    state = ReportState(0, 1, rules)
    run(state, rules, [report(number, START, channel="c") for number in range(3)])
    assert dict(open_episodes(state)) == {("spam", "live", 1): 1}
    run(state, rules, [tick(3, START + 2 * HOUR + 10 * MINUTE)])
    assert dict(open_episodes(state)) == {}
    assert take_report_census(state).records == {
        "counts": 1, "episodes": 1, "clocks": 0, "duplicates": 1, "time": 1, "hash_keys": 1,
        "messages": 1, "clusters": 0, "arrivals": 1, "listed_messages": 1, "sizes": 0, "histories": 0,
        "watched_reports": 0, "approvals": 0, "resting": 0, "samples": 0,
    }  # fmt: skip


def test_transactions_ticks_and_rebalances_are_counted():
    worker = Worker()
    worker.observer.transaction_failed(0, fenced=True)
    worker.observer.transaction_failed(0, fenced=False)
    worker.observer.ticked(0)
    sensor = asyncio.run(_sensor(worker))
    found = worker.scrape()
    assert value(found, "tocsin_transactions_failed_total", cause="fenced") == 1
    assert value(found, "tocsin_transactions_failed_total", cause="not_committed") == 1
    assert value(found, "tocsin_ticks_written_total") == 1
    assert value(found, "tocsin_rebalances_total") == 1
    assert value(found, "tocsin_rebalance_duration_seconds_count") == sensor == 1


async def _sensor(worker):
    sensor = RebalanceSensor(worker.operations.metrics, worker.operations.readiness)
    sensor.on_rebalance_end(None, sensor.on_rebalance_start(None))
    return worker.operations.metrics.rebalance_duration.count


def test_the_counters_of_each_stage_reach_their_metrics():
    worker = Worker()
    reports = ReportCounters(clock_outcomes=5, clock_outcomes_passed_on=1)
    reports.clock_events["dsa_art18", "armed"] = 3
    requests = RequestCounters()
    requests.clock_events["in:it:rules", "lapsed"] = 2
    requests.requests["removal_order", "refused"] = 4
    requests.refusals["block_protest"] = 4
    for observer, counters in (
        (worker.observer, reports),
        (RequestObserver(worker.operations), requests),
    ):
        result = SimpleNamespace(counters=counters, outputs=[], changes={}, event_times=[])
        observer.committed(CommittedBatch(0, {}, [], result, 0.01))
    metrics = worker.operations.metrics
    assert metrics.clock_transitions.of("dsa_art18", "armed") == 3
    assert metrics.clock_transitions.of("in:it:rules", "lapsed") == 2
    assert (metrics.clock_outcomes.of("applied"), metrics.clock_outcomes.of("passed_on")) == (5, 1)
    assert metrics.authority_requests.of("removal_order", "refused") == 4
    assert metrics.refusals.of("block_protest") == 4


def test_a_counter_that_does_not_exist_is_an_error():
    for counters in (ReportCounters(), RequestCounters()):
        with pytest.raises(AttributeError):
            counters.aplied += 1
        with pytest.raises(AttributeError):
            counters.aplied = 1


def test_gauges_cover_the_owned_partitions_of_both_stages():
    worker = Worker()
    worker.take_over(0)
    requests, observer = new_requests(), RequestObserver(worker.operations)
    observer.taken_over(Takeover(0, requests, 0.1, 3))
    stored = {}
    for records in ([request_record(removal_order())], [request_record(preservation_order())]):
        outcome = run_requests(requests, records)
        fold(stored, outcome.changes)
        observer.committed(CommittedBatch(0, {"authority-requests": 1}, [NOON], outcome, 0.01))
    worker.states[0].clocks.by_status.update(running=2, lapsed=1)
    found = worker.scrape()

    def shown(name, **labels):
        return [value(found, name, stage=stage, **labels) for stage in ("reports", "requests")]

    assert shown("tocsin_partitions_owned") == [1, 1]
    assert shown("tocsin_clocks", status="running") == [2, 3]
    assert shown("tocsin_clocks", status="lapsed") == [1, 0]
    assert shown("tocsin_clocks_nearly_due") == [0, 0]
    assert shown("tocsin_state_records", kind="clocks") == [0, 3]
    assert shown("tocsin_state_records", kind="time") == [1, 1]
    kept = {key: kept for key, kept in stored.items() if key.startswith(CLOCK_RECORD)}
    assert shown("tocsin_state_bytes", kind="clocks") == [0, sum(len(k) + len(v) for k, v in kept.items())]
    assert value(
        found, "tocsin_partition_timestamp_seconds", stage="requests", partition="0"
    ) == pytest.approx(NOON / 1000)
    assert all(
        time.time() - moment < 60 for moment in shown("tocsin_last_commit_timestamp_seconds", partition="0")
    )
    assert [(row["stage"], row["partition"]) for row in worker.operations.status()["partitions"]] == [
        ("reports", 0), ("requests", 0)
    ]  # fmt: skip

    # After a takeover the gauges are the same.
    restored = restore_requests(0, 1, request_traffic.RULES, stored.items())
    observer.taken_over(Takeover(0, restored, 0.1, 3))
    assert {key: worker.scrape()[key] for key in found if key[0] == "tocsin_state_bytes"} == {
        key: number for key, number in found.items() if key[0] == "tocsin_state_bytes"
    }
    observer.released(0)
    worker.observer.released(0)
    found = worker.scrape()
    assert shown("tocsin_partitions_owned") == [0, 0]
    assert shown("tocsin_clocks", status="running") == [0, 0]


def test_exactly_the_clocks_that_can_run_start_at_zero():
    found = Worker(compiled(*SHIPPED.policies)).scrape()
    named = {dict(labels)["obligation"] for name, labels in found if name == "tocsin_clock_transitions_total"}
    can_run = {duty.id for duty in SHIPPED.obligations if duty.duration is not None and duty.arms}
    assert named == can_run and named
    shown = {dict(labels)["stage"] for name, labels in found if name == "tocsin_clocks"}
    assert shown == TOPICS.keys()
    assert not any(number for (name, _), number in found.items() if name == "tocsin_clocks")


def test_the_status_page_is_readable_and_names_nobody():
    worker = Worker()
    worker.take_over(0)
    worker.apply(0, [report(number, START, channel=at_home(0)) for number in range(3)])
    status = worker.operations.status()
    assert status["ready"] is False
    (partition,) = status["partitions"]
    assert partition["open_episodes"] == 2
    assert partition["time"] == "2026-09-04T00:00:00.000+00:00"
    assert partition["state_bytes"] > 100
    assert not any(partition["clocks"].values())
    assert "channel" not in repr(status)


def test_a_changed_hash_key_is_logged_and_on_the_status_page():
    old, new = (hash_key(bytes(range(first, first + 32))) for first in (0, 40))
    before = compiled(hash_keys=HashKeys(old))
    changes = run(ReportState(0, 1, before), before, [report(0, START)]).changes
    worker = Worker(compiled(hash_keys=HashKeys(new, old)))
    with capture_logs() as lines:
        worker.take_over(0, restore_reports(0, 1, worker.rules, changes.items()))
    (partition,) = worker.operations.status()["partitions"]
    assert partition["hash_key"] == new.id
    assert partition["earlier_hash_keys_needed_until"] == {old.id: "2026-10-05T00:00:00.000+00:00"}
    (line,) = (line for line in lines if "earlier hash key" in line["event"])
    assert (line["hash_key"], line["earlier_hash_key"]) == (new.id, old.id)
    assert line["until"] == "2026-10-05T00:00:00.000Z"


def test_the_buckets_distinguish_usual_values():
    # An idle worker's 6 ms and a busy worker's 54 ms must fall into different buckets.
    assert bisect_right(APPEND_LATENCY, 0.006) != bisect_right(APPEND_LATENCY, 0.054)


TRIAL = TrialNumbers(10, Sides(900, 100), Sides(), {("fraud", 2): Sides(5, 3)})


def test_the_rules_in_force_are_shown_by_partition_and_by_the_log():
    worker = Worker()
    worker.take_over(0)
    switched = ReportState(1, 2, RULES)
    switched.rules.switch(Switched("b" * 64, 3, 7, 0))
    worker.take_over(1, switched)
    found = worker.scrape()
    assert value(found, "tocsin_rules_in_force", stage="reports", partition="0", rules="files") == 1
    assert value(found, "tocsin_rules_in_force", stage="reports", partition="1", rules="b" * 16) == 1
    assert value(found, "tocsin_rules_in_force_differ_from_files") == 0
    assert not any(name.startswith(("tocsin_rules_proposed", "tocsin_rules_not_ready")) for name, _ in found)
    worker.operations.rules_standing = lambda: RulesStanding(
        "b" * 64, 5_000, (("c" * 64, "it crashes"),), True, ("d" * 64, 10), ("e" * 64, 7_000), TRIAL
    )
    other = dataclasses.replace(RULES.registry, policies=(), policy_version="other")
    worker.operations.judges_by(other)
    found = worker.scrape()
    assert value(found, "tocsin_rules_proposed_timestamp_seconds") == 5
    assert value(found, "tocsin_rules_not_ready", rules="c" * 16) == 1
    assert value(found, "tocsin_rules_in_force_differ_from_files") == 1
    assert not any(name == "tocsin_policy_info" for name, _ in found)
    assert value(
        found, "tocsin_registry_info", policy_version="other", registry_version=other.registry_version
    )
    status = worker.operations.status()
    assert status["rules"] == {
        "in_force": "b" * 64,
        "files_differ": True,
        "not_ready": {"c" * 64: "it crashes"},
        "trial": {"rules": "d" * 64, "share": 10},
    }
    assert value(found, "tocsin_rules_trial_share", rules="d" * 16) == 10
    assert value(found, "tocsin_rules_halted_timestamp_seconds", rules="e" * 16) == 7
    assert value(found, "tocsin_rules_trial_reports", by="in_force") == 900
    assert value(found, "tocsin_rules_trial_episodes", policy="fraud", level="2", by="candidate") == 3
    assert [each["rules"] for each in status["partitions"]] == ["files", "b" * 16]
