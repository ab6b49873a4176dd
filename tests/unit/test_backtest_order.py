"""A back-test applies what workers applied, in their order: it writes what they wrote."""

import pytest

from streams.commands.backtest.judging import Sides, _batches, _records, _tick, judge_partition
from streams.commands.backtest.findings import Findings
from streams.commands.backtest.order import ApplicationOrder
from streams.contract.wire.forms.tick import ReadTick
from streams.deciding.reports.stage import report_stage
from tests.unit.backtest_fleet import PARTITIONS, BacktestFleet
from tests.unit.test_replay import RULES

CHANNELS = [f"c{number}" for number in range(6)]
COMPARED = ("enriched-reports", "escalations", "escalations-shadow", "review-questions")


def replayed(fleet, partition):
    """What a stage writes that applies the logs of a partition in the order that was found, and the order."""
    stage = report_stage(RULES)
    state = stage.restore(partition, PARTITIONS)
    outputs = []
    order = ApplicationOrder(fleet.logs_of(partition))
    for batch in _batches(order):
        if isinstance(batch, ReadTick):
            records = [_tick(batch, state.time.applied, partition)]
        else:
            records = list(_records(batch, partition, PARTITIONS))
        outputs += stage.apply(state, records).outputs
    return [row for row in outputs if row.topic in COMPARED], order


@pytest.mark.parametrize("seed", range(25))
def test_the_order_is_that_of_the_owner(seed):
    fleet = BacktestFleet(RULES, seed)
    fleet.run(150, CHANNELS)
    for partition in range(PARTITIONS):
        ours, order = replayed(fleet, partition)
        theirs = [row for row in fleet.outputs[partition] if row.topic in COMPARED]
        assert [row.topic for row in ours] == [row.topic for row in theirs]
        assert ours == theirs
        assert order.missing == 0
