"""Reads the state of one authority's request: its legal clocks and the decision that started them."""

from typing import Any, NamedTuple

import msgspec

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.clock import ClockView
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import AUTHORITY_STATE
from streams.deciding.clocks.clock import clock_view
from streams.deciding.clocks.store import CLOCK_RECORD
from streams.deciding.partition.state import PARTITION_TIME
from streams.deciding.requests.rules import RequestRules
from streams.deciding.requests.state import restore_requests
from streams.running.clients.kept_state import state_of
from streams.running.worker.settings import Settings

_decode_opening = msgspec.json.Decoder(AuthorityRouting).decode


class KeptRequest(NamedTuple):
    """The state of a request.

    `partition` is its home partition, `now` that partition's time (ms since the epoch).

    `clocks` are the clocks that no outcome has ended and whose retention time is not over, each with the
    event that started it. Two intakes may use the same request id; the event's `routing_id` tells their
    requests apart.
    """

    request_id: str
    partition: int
    now: int
    clocks: list[tuple[ClockView, AuthorityRouting]]


async def read_request(settings: Settings, rules: RequestRules, request_id: str) -> KeptRequest:
    """Read the committed state of a request.

    Raises UnknownStateVersion or msgspec.DecodeError if it cannot be read.
    """
    key = request_id.encode()
    clocks = CLOCK_RECORD + key + b"\0"
    found = await state_of(
        settings, AUTHORITY_STATE, key, lambda name: name == PARTITION_TIME or name.startswith(clocks)
    )
    state = restore_requests(found.partition, found.partitions, rules, found.entries.items())
    return KeptRequest(
        request_id,
        found.partition,
        state.time.now,
        [
            (
                clock_view(clock.clock, name.clock_id, clock.obligation, state.time.now),
                _decode_opening(clock.opening),
            )
            for name, clock in sorted(state.clocks)
        ],
    )


def as_document(found: KeptRequest) -> dict[str, Any]:
    """The request's state as JSON; times are RFC 3339."""
    return {
        "request": found.request_id,
        "partition": found.partition,
        "now": rfc3339(found.now),
        "clocks": [
            msgspec.to_builtins(clock)
            | {
                "routing_id": opening.routing_id,
                "kind": opening.kind,
                "decision": opening.decision,
                "gate": opening.gate,
                "received_at": opening.received_at,
            }
            for clock, opening in found.clocks
        ],
    }
