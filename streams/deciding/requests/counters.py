"""Counters of a batch of authorities' requests."""

from collections import Counter
from dataclasses import dataclass, field

from streams.contract.events.authority_request import RequestKind
from streams.contract.events.authority_routing import RefusalCode, RoutingDecision
from streams.deciding.partition.counters import PartitionCounters


@dataclass(slots=True)
class RequestCounters(PartitionCounters):
    """`requests` counts by kind and decision, `refusals` by code."""

    requests: Counter[tuple[RequestKind, RoutingDecision]] = field(default_factory=Counter)
    refusals: Counter[RefusalCode] = field(default_factory=Counter)
