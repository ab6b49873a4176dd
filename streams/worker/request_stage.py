"""The stage that routes authorities' requests: the pure core, told to the runtime."""

from collections.abc import Iterable

from streams.partition.loop import time_by_tick
from streams.requests.handle import assess_requests
from streams.requests.rules import RequestRules
from streams.requests.state import RequestState, restore_requests
from streams.runtime.stage import Output, SourceTopics, Stage
from streams.wire.tick import encode_tick
from streams.wire.topics import AUTHORITY_REQUESTS, AUTHORITY_REQUESTS_INTERNAL, AUTHORITY_STATE

SOURCES = SourceTopics((AUTHORITY_REQUESTS,), AUTHORITY_REQUESTS_INTERNAL)
STATE_TOPIC = AUTHORITY_STATE


def request_stage(rules: RequestRules) -> Stage[RequestState]:
    """The stage under these rules."""

    def restored(partition: int, partitions: int, entries: Iterable[tuple[bytes, bytes]]) -> RequestState:
        return restore_requests(partition, partitions, rules, entries)

    return Stage(
        name="requests",
        sources=SOURCES,
        state_topic=STATE_TOPIC,
        restore=restored,
        apply=lambda state, records: assess_requests(state, records, rules),
        tick=_tick,
    )


def _tick(state: RequestState, wall_clock_ms: int) -> Output | None:
    due = state.due.earliest()
    if due is None or due > time_by_tick(state, wall_clock_ms):
        return None
    value, headers = encode_tick(state.applied)
    return SOURCES.internal, state.partition, None, value, headers
