"""The stage of authorities' requests: its topics and their handlers, its state, and its due steps."""

from collections.abc import Sequence

from streams.clocks.store import ClockKey
from streams.partition.due import DueKey
from streams.partition.legal_clocks import take_clock_step
from streams.partition.stage import Stage
from streams.requests.batch import RequestBatch
from streams.requests.clock_events import publish_change
from streams.requests.counters import RequestCounters
from streams.requests.handle import HANDLERS
from streams.requests.rules import RequestRules
from streams.requests.state import RequestState, restore_requests
from streams.wire.records import SourceRecord
from streams.wire.topics import (
    AUTHORITY_REQUESTS,
    AUTHORITY_REQUESTS_INTERNAL,
    AUTHORITY_STATE,
    SourceTopics,
)

SOURCES = SourceTopics((AUTHORITY_REQUESTS,), AUTHORITY_REQUESTS_INTERNAL)

RequestStage = Stage[RequestState, RequestRules, RequestCounters]


def request_stage(rules: RequestRules) -> RequestStage:
    """Return the stage with these rules.

    Clock outcomes reach it through its internal topic, from the stage of reports.
    """
    return Stage(
        name="requests",
        rules=rules,
        sources=SOURCES,
        state_topic=AUTHORITY_STATE,
        handlers=HANDLERS,
        new_counters=RequestCounters,
        restored=restore_requests,
        serve_due=_take_step,
        stop_at_floods=rules.dead_letter_breaker,
    )


def assess_requests(
    state: RequestState, records: Sequence[SourceRecord], rules: RequestRules
) -> RequestBatch:
    """Judge requests of authorities: all callers use this function, as they use `assess` for reports.

    Orders of authorities enter here and nowhere else; no report reaches this function. See Stage.apply.
    """
    return request_stage(rules).apply(state, records)


def _take_step(batch: RequestBatch, time: int, key: DueKey) -> None:
    assert isinstance(key, ClockKey)
    take_clock_step(batch, key, time, publish_change)
