"""Reads the state of one authority's request: its legal clocks and the decision that started them."""

from typing import Any, NamedTuple

import msgspec
from aiokafka import TopicPartition

from streams.clients.kafka_reading import committed_records, partition_count
from streams.clocks.clock import clock_view
from streams.clocks.store import CLOCK_RECORD
from streams.events.authority_routing import AuthorityRouting
from streams.events.clock import ClockView
from streams.partition.home import home_partition
from streams.partition.state import PARTITION_TIME
from streams.requests.rules import RequestRules
from streams.requests.state import restore_requests
from streams.wire.envelope import rfc3339
from streams.wire.topics import AUTHORITY_STATE
from streams.worker.settings import Settings

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
    topic, key = settings.topic_prefix + AUTHORITY_STATE, request_id.encode()
    partitions = await partition_count(settings.connection(), topic)
    home = TopicPartition(topic, home_partition(key, partitions))
    entries: dict[bytes, bytes | None] = {}
    async for record in committed_records(settings.connection(), topic, partition=home.partition):
        if record.key == PARTITION_TIME or record.key.startswith(CLOCK_RECORD + key + b"\0"):
            entries[record.key] = record.value
    kept = [(name, value) for name, value in entries.items() if value is not None]
    state = restore_requests(home.partition, partitions, rules, kept)
    return KeptRequest(
        request_id,
        home.partition,
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
