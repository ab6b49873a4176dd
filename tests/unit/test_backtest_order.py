"""A back-test applies what workers applied, in their order: it writes what they wrote."""

from dataclasses import replace

import pytest
from msgspec import Raw

from streams.commands.backtest.judging import Sides, _batches, _records, _tick, judge_partition
from streams.commands.backtest.order import ApplicationOrder
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.forms.tick import ReadTick
from streams.contract.wire.topics import REPORT_SOURCES
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from tests.unit.backtest_fleet import ENRICHED, PARTITIONS, BacktestFleet
from tests.unit.test_replay import RULES
from tests.unit.traffic import levels

CHANNELS = [f"c{number}" for number in range(6)]
COMPARED = ("enriched-reports", "escalations", "escalations-shadow", "review-questions")
SEEDS = range(6)


def fleet_of(seed, steps=150):
    fleet = BacktestFleet(RULES, seed)
    fleet.run(steps, CHANNELS)
    return fleet


def replayed(logs):
    """What a stage writes that applies the logs of a partition in the order that was found, and the order."""
    stage = report_stage(RULES)
    state = stage.restore(logs.partition, PARTITIONS)
    outputs = []
    order = ApplicationOrder(logs)
    for batch in _batches(order):
        if isinstance(batch, ReadTick):
            records = [_tick(batch, state.time.applied, logs.partition)]
        else:
            records = list(_records(batch, logs.partition, PARTITIONS))
        outputs += stage.apply(state, records).outputs
    return [row for row in outputs if row.topic in COMPARED], order


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_is_that_of_the_owner(seed):
    fleet = fleet_of(seed)
    for partition in range(PARTITIONS):
        ours, order = replayed(fleet.logs_of(partition))
        theirs = [row for row in fleet.outputs[partition] if row.topic in COMPARED]
        assert ours == theirs
        assert (order.ordered, order.missing) == (len(fleet.logs[ENRICHED, partition]), 0)


def test_the_traffic_has_all_that_has_an_order():
    headers, causes = set(), set()
    for seed in SEEDS:
        for output in fleet_of(seed).outputs[0]:
            if output.topic == ENRICHED:
                headers |= {name for name, _ in output.headers if name.startswith("tocsin-")}
                causes |= {word[0] for word in dict(output.headers).get("tocsin-decisions", b"").split()}
    assert headers == {"tocsin-ticks", "tocsin-decisions"}
    assert causes == {ord("o"), ord("i")}


@pytest.mark.parametrize("seed", SEEDS)
def test_where_enriched_reports_are_deleted_the_order_goes_on_from_the_first_that_is_kept(seed):
    """Also ticks take effect, although nobody says how many reports had been applied before."""
    fleet = fleet_of(seed)
    whole = list(ApplicationOrder(fleet.logs_of(0)))
    reports = [number for number, step in enumerate(whole) if is_report(step)]
    begin = len(reports) // 2
    logs = fleet.logs_of(0, begin)
    first = logs.enriched[0]
    kept = {
        name: [record for record in log if record.timestamp >= first.timestamp]
        for name, log in logs.decisions.items()
    }
    cut = list(ApplicationOrder(logs._replace(decisions=kept)))

    def later(steps):
        """From the first report on, without ticks and decisions from before it was applied."""
        begin = next(number for number, step in enumerate(steps) if is_report(step))
        return [step for step in steps[begin:] if is_report(step) or appended(step) >= first.timestamp]

    assert later(cut) == later(whole[reports[begin] :])
    assert len(later(cut)) > len(reports) - begin


@pytest.mark.parametrize("seed", SEEDS)
def test_reports_of_which_no_other_log_has_anything_are_counted(seed):
    fleet = fleet_of(seed)
    logs = fleet.logs_of(1)
    half = len(logs.internal) // 2
    gone = sum(
        len(STAMPED_REPORTS.read(record).entries)
        for record in logs.internal[:half]
        if STAMPED_REPORTS.is_bundle(record)
    )
    result = judge_partition(
        logs._replace(internal=logs.internal[half:]), PARTITIONS, Sides(RULES, RULES), "2000", print
    )
    # Some of what is gone was known already.
    assert 0 < result.missing <= gone
    # What was published in an envelope could be one that is applied where it was published.
    unknown = sum(bool(record.headers) for record in logs.reports["message-reports"])
    assert 0 <= len(logs.enriched) - result.in_force.counters.applied - result.missing <= unknown
    assert result.by_time == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_without_enriched_reports_all_is_applied_as_it_arrived(seed):
    fleet = fleet_of(seed)
    told = []
    for partition in range(PARTITIONS):
        logs = fleet.logs_of(partition)._replace(enriched=[])
        result = judge_partition(logs, PARTITIONS, Sides(RULES, RULES), "2000", told.append)
        assert result.by_time == result.in_force.counters.applied == len(fleet.logs[ENRICHED, partition])
    assert sum(told) > 0


def test_each_side_finds_what_it_would_find_alone_and_desks_said_what_they_said():
    fleet = fleet_of(3, 300)
    other = rules_with_higher_levels()
    for partition in range(PARTITIONS):
        logs = fleet.logs_of(partition)
        both, alone = (
            judge_partition(logs, PARTITIONS, Sides(*sides), "2000", print)
            for sides in ((RULES, other), (other, RULES))
        )
        assert (both.in_force, both.candidate) == (alone.candidate, alone.in_force)
        assert both.in_force != both.candidate
        opened = {each.channel for each in both.in_force.episodes.values()}
        assert set(both.verdicts) <= opened | {each.channel for each in both.candidate.episodes.values()}
        decided = sum(len(found) for found in both.verdicts.values())
        published = len(fleet.logs["moderation-outcomes", 0]) + len(fleet.logs["moderation-outcomes", 1])
        assert 0 < decided <= published


def rules_with_higher_levels():
    policies = tuple(
        replace(each, levels=levels({"reports": 4}, {"reports": 8})) for each in RULES.registry.policies
    )
    return compile_report_rules(replace(RULES.registry, policies=policies))


def is_report(step):
    return isinstance(step, Raw) or (not isinstance(step, ReadTick) and step.topic in REPORT_SOURCES)


def appended(step):
    return step.appended if isinstance(step, ReadTick) else step.timestamp
