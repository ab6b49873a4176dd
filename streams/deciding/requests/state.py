"""The state of a partition of the stage of requests."""

from collections.abc import Iterable

from streams.deciding.partition.state import PartitionState
from streams.deciding.partition.time import ReceiptTime
from streams.deciding.requests.rules import RequestRules


class RequestState(PartitionState):
    """The state of one partition, the same as that of every stage. `time.now` follows received_at."""

    __slots__ = ()

    def __init__(self, partition: int, partitions: int, rules: RequestRules) -> None:
        super().__init__("requests", ReceiptTime(), partition, partitions, rules.settings)


def restore_requests(
    partition: int, partitions: int, rules: RequestRules, entries: Iterable[tuple[bytes, bytes]]
) -> RequestState:
    """Build the state from the last value of every key, without deleted keys.

    Raises UnknownStateVersion (a ValueError) with type and version of a record that this version cannot read,
    and UnknownCategory if a clock is of a category that is not among the rules.
    """
    state = RequestState(partition, partitions, rules)
    state.restore(entries, {})
    rebind_requests(state, rules)
    return state


def rebind_requests(state: RequestState, rules: RequestRules) -> None:
    """Let a state be judged by these rules. A clock keeps the terms with which it was armed.

    Raises UnknownCategory if one is of a category that is not among the rules; then nothing has changed.
    """
    state.require_categories(rules.registry.categories)
