"""All that a partition of the stage of requests remembers."""

from collections.abc import Iterable

from streams.partition.state import PartitionMemory
from streams.requests.rules import RequestRules

# An intake enters what came by night in the morning, and after holidays what came days ago. Within a week, a request
# counts as written to the log when it was received, so that the next tick brings time up to the present and no clock
# lapses late. What is older is a recording: it is told again at its own pace.
ENTERED_WITHIN_MS = 7 * 24 * 60 * 60 * 1000


class RequestState(PartitionMemory):
    """The state of one partition: no more than every stage remembers. `now` moves with received_at."""

    __slots__ = ()

    def __init__(self, partition: int, partitions: int, rules: RequestRules) -> None:
        super().__init__("requests", partition, partitions, rules.duplicates_remembered)

    def note_time(self, moment: int, appended: int) -> int:
        """The time that the partition comes to by what happened at `moment` and was written at `appended`."""
        if moment > self.now:
            entered_late = moment <= appended <= moment + ENTERED_WITHIN_MS
            self.newest_append = max(self.newest_append, moment if entered_late else appended)
        return max(self.now, moment)


def restore_requests(
    partition: int, partitions: int, rules: RequestRules, entries: Iterable[tuple[bytes, bytes]]
) -> RequestState:
    """Build the state from the last value of every key, deleted ones left out.

    Raises UnknownStateVersion (a ValueError) naming type and version of a record that this version cannot read.
    """
    state = RequestState(partition, partitions, rules)
    state.take_back(entries, rules.duplicates_remembered, {})
    return state
