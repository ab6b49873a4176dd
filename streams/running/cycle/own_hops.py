"""Applies what a process passes on to its own partitions in the transaction that passes it on.

A report takes three hops, each through the log. Without this each of them is a transaction and a fetch of its
own. Here the log holds the same records in the same order, and the position moves over them as if they had
been fetched.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from streams.running.cycle.trace import Trace
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import Troubles
from streams.running.log.log import Appended, Destination
from streams.running.log.transaction import Writes
from streams.running.partitions.outputs import merged
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.prepared import Prepared
from streams.running.partitions.setback import NotApplied, NotWritable

Applied = tuple[PartitionOwner[Any], Prepared]
Owners = Mapping[StatePartition, PartitionOwner[Any]]


class OwnHops:
    """What follows, in one transaction, from what it passes on to partitions of this process.

    `applied` are the owners with what they prepared, in order. `failed` are those that must be set aside, and
    `errors` those of the whole process, once the transaction is committed.
    """

    def __init__(self, owners: Owners, troubles: Troubles, trace: Trace, began: int) -> None:
        self.applied: list[Applied] = []
        self.failed: list[tuple[PartitionOwner[Any], NotApplied]] = []
        self.errors: list[Exception] = []
        self._by_log: dict[Destination, PartitionOwner[Any]] = {
            owner.internal_log: owner for owner in owners.values()
        }
        self._troubles = troubles
        self._trace, self._began = trace, began
        self._spans = ExitStack()

    @contextmanager
    def tracing(self, prepared: Iterable[Applied]) -> Iterator[None]:
        """Trace the transaction that writes what owners have prepared, and what follows from it."""
        with self._spans:
            self._enclose(prepared)
            yield

    @property
    def logs(self) -> Collection[Destination]:
        """Those of the partitions that apply what is passed on to them."""
        return self._by_log.keys()

    async def follow(self, writes: Writes, appended: Mapping[Destination, Sequence[Appended]]) -> Writes:
        """Apply what was appended to logs of this process; return what that leads to. Raises nothing."""
        more: list[Applied] = []
        for log in [each for each in writes if each in self._by_log]:
            owner = self._by_log[log]
            try:
                prepared = await owner.apply_own(log[0], writes[log], appended[log])
            except NotApplied as failed:
                del self._by_log[log]
                self.failed.append((owner, failed))
            except Exception as error:  # noqa: BLE001 - raised once the transaction is committed
                self._by_log.clear()
                self.errors.append(error)
                break
            else:
                if prepared is None:
                    continue
                if blocking := self._troubles.blocking(prepared.writes):
                    del self._by_log[log]
                    self.failed.append((owner, NotWritable(blocking)))
                else:
                    more.append((owner, prepared))
        if more:
            self._enclose(more)
            self.applied += more
        return merged(prepared.writes for _, prepared in more)

    def _enclose(self, applied: Iterable[Applied]) -> None:
        prepared = {owner.place: prepared for owner, prepared in applied}
        self._spans.enter_context(self._trace(prepared, self._began))
