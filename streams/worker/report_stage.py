"""The stage that turns reports into escalations: the pure core, told to the runtime."""

from collections.abc import Iterable

from streams.partition.loop import time_by_tick
from streams.reports.handle import assess, next_due, tick_after
from streams.reports.rules import CompiledRules
from streams.reports.state import PartitionState, restore
from streams.runtime.stage import Output, SourceTopics, Stage
from streams.wire.tick import encode_tick
from streams.wire.topics import CHANNEL_STATE, CLOCK_OUTCOMES, MESSAGE_REPORTS, MESSAGE_REPORTS_INTERNAL

SOURCES = SourceTopics((MESSAGE_REPORTS, CLOCK_OUTCOMES), MESSAGE_REPORTS_INTERNAL)
STATE_TOPIC = CHANNEL_STATE


def report_stage(rules: CompiledRules) -> Stage[PartitionState]:
    """The stage under these rules."""

    def restored(partition: int, partitions: int, entries: Iterable[tuple[bytes, bytes]]) -> PartitionState:
        return restore(partition, partitions, rules, entries)

    return Stage(
        name="reports",
        sources=SOURCES,
        state_topic=STATE_TOPIC,
        restore=restored,
        apply=lambda state, records: assess(state, records, rules),
        tick=_tick,
    )


def _tick(state: PartitionState, wall_clock_ms: int) -> Output | None:
    due = next_due(state)
    if due is None or due > time_by_tick(state, wall_clock_ms):
        return None
    value, headers = encode_tick(tick_after(state))
    return SOURCES.internal, state.partition, None, value, headers
