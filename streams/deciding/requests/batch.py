"""A batch of the stage of requests."""

from streams.deciding.partition.batch import Batch
from streams.deciding.requests.counters import RequestCounters
from streams.deciding.requests.rules import RequestRules
from streams.deciding.requests.state import RequestState

RequestBatch = Batch[RequestState, RequestRules, RequestCounters]
