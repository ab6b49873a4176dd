"""The stage of authorities' requests: its topics and their handlers, its state, and its due steps."""

from streams.clocks.store import ClockKey
from streams.partition.due import DueKey
from streams.partition.legal_clocks import take_clock_step
from streams.partition.stage import Stage
from streams.partition.state import MOVES
from streams.requests.batch import RequestBatch
from streams.requests.clock_events import publish_change
from streams.requests.counters import RequestCounters
from streams.requests.handle import HANDLERS
from streams.requests.keeping import keep_until_fulfilment
from streams.requests.rules import RequestRules
from streams.requests.state import RequestState, restore_requests
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
        serve_due=_serve_due,
        moves=MOVES,
    )


def _serve_due(batch: RequestBatch, time: int, key: DueKey) -> None:
    assert isinstance(key, ClockKey)
    if not keep_until_fulfilment(batch, key, time):
        take_clock_step(batch, key, time, publish_change)
