"""A batch of the stage of requests."""

from streams.partition.batch import Batch
from streams.requests.counters import RequestCounters
from streams.requests.rules import RequestRules
from streams.requests.state import RequestState

RequestBatch = Batch[RequestState, RequestRules, RequestCounters]
