"""The stage of authorities' requests: its topics and their handlers, its state, and its due steps."""

from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    AUTHORITY_REQUESTS_INTERNAL,
    AUTHORITY_STATE,
    SourceTopics,
)
from streams.deciding.clocks.store import ClockKey
from streams.deciding.partition.core import Core
from streams.deciding.partition.due import DueKey
from streams.deciding.partition.legal_clocks import take_clock_step
from streams.deciding.partition.stage import Stage
from streams.deciding.partition.state import MOVES
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.clock_events import publish_change
from streams.deciding.requests.counters import RequestCounters
from streams.deciding.requests.handle import HANDLERS
from streams.deciding.requests.keeping import keep_until_fulfilment
from streams.deciding.requests.rules import RequestRules
from streams.deciding.requests.state import RequestState, rebind_requests, restore_requests

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
        core=Core("python", restore_requests),
        rebound=rebind_requests,
        serve_due=_serve_due,
        moves=MOVES,
    )


def _serve_due(batch: RequestBatch, time: int, key: DueKey) -> None:
    assert isinstance(key, ClockKey)
    if not keep_until_fulfilment(batch, key, time):
        take_clock_step(batch, key, time, publish_change)
