"""What is on its way from the sources of the fleet to the homes of this worker."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from faust.types import TP

from streams.running.alignment.rule import Fleet
from streams.running.log.claims import StatePartition
from streams.running.log.writer import Writer
from streams.running.partitions.partition_owner import PartitionOwner

Owners = Mapping[StatePartition, PartitionOwner[Any]]


class _Probe(NamedTuple):
    """What is confirmed when the relays of this worker are applied up to `ends`.

    That is the row with a number, or without one the frontiers.
    """

    row: int | None
    frontiers: Mapping[int, int]
    ends: Mapping[TopicPartition, int]


class _Step:
    """How far the sources of a partition may go, which reads its internal topic first.

    `confirmed` are the frontiers up to which all has arrived at the partition and is applied. `next` has
    later ones, and the end of the internal topic once all up to them had arrived.
    """

    __slots__ = ("confirmed", "internal", "next")

    def __init__(self, internal: TopicPartition) -> None:
        self.internal = internal
        self.confirmed: Mapping[int, int] = {}
        self.next: tuple[Mapping[int, int], int] | None = None


class Passage:
    """Follows the relays and the homes of one worker: the internal topics that reports pass.

    `seen` is the offset of the newest row before which all that was passed on is applied by the relays of
    this worker; None if that is not known of any.
    """

    def __init__(self, consumer: Callable[[], Any], owners: Callable[[], Owners], writer: Writer) -> None:
        self.seen: int | None = None
        self._consumer = consumer
        self._owners = owners
        self._writer = writer
        # The relays of this worker: the partitions of the internal topic of the stage that is one.
        self._relays: dict[int, TopicPartition] = {}
        self._steps: dict[StatePartition, _Step] = {}
        self._probe: _Probe | None = None

    def follow(self) -> None:
        """Begin with the partitions that this worker owns now, after `leave`."""
        owners = self._owners()
        self._relays = {
            place.partition: owner.internal_log for place, owner in owners.items() if owner.stage.relays
        }
        self._steps = {
            place: _Step(owner.internal_log) for place, owner in owners.items() if owner.stage.aligned
        }

    def leave(self) -> None:
        """Forget the partitions of this worker."""
        self._relays, self._steps = {}, {}
        # Who gains a partition has seen nothing of it yet.
        self.seen = self._probe = None

    def has_relays(self, number: int) -> bool:
        """Return whether this worker has so many relays."""
        return len(self._relays) == number

    def relays(self) -> dict[int, PartitionOwner[Any]]:
        """Return the owners of the relays that are not set aside: of those nothing is applied for now."""
        return {
            place.partition: owner
            for place, owner in self._owners().items()
            if owner.stage.relays and place.partition in self._relays and not owner.attempts.is_set_aside
        }

    def confirmed(self, place: StatePartition) -> Mapping[int, int]:
        """Return the frontiers up to which all has arrived at a partition and is applied."""
        return self._steps[place].confirmed

    def take_step(self, place: StatePartition, ends: Mapping[Any, int]) -> None:
        """Let the sources of a partition go on if its internal topic is applied as far as that needs.

        Or will be by this cycle: `ends` are those of what it applies first.
        """
        step, owner = self._steps[place], self._owners().get(place)
        if step.next is None or owner is None or owner.attempts.is_set_aside:
            return
        confirmed, end = step.next
        fetched = self._consumer().fetched(TP(*step.internal))
        applied = 0 if fetched is None else owner.applied_end(step.internal.topic, fetched)
        if max(applied, ends.get((place, step.internal.topic), 0)) >= end:
            step.confirmed, step.next = confirmed, None

    async def look(self, fleet: Fleet, row: int | None, frontiers: Mapping[int, int]) -> None:
        """Find out what has passed, and ask how long the logs are that must be applied next.

        What is to be confirmed is the row with this number, or without one the frontiers.
        """
        probe, confirmed = self._probe, fleet.seen_by_relays(time.monotonic())
        if probe is not None and self._is_reached(probe):
            if probe.row is None:
                confirmed = probe.frontiers
            else:
                self.seen = probe.row
            probe = self._probe = None
        is_news = bool(frontiers) if row is None else row != self.seen
        troubles = self._writer.troubles
        relays = [self._relays[partition] for partition in self.relays()] if probe is None else []
        relays = [tp for tp in relays if not troubles.has_no_leader(tp)]
        homes = {
            step.internal: step
            for step in self._steps.values()
            if step.next is None
            and (confirmed or step.confirmed is not fleet.confirmed)
            and not troubles.has_no_leader(step.internal)
        }
        if not homes and not (probe is None and is_news):
            fleet.confirm(confirmed)
            return
        steps = self._steps
        # High watermarks: what was passed on with a row may be in an open transaction still.
        tps = [*relays, *homes]
        ends = await self._writer.ends(tps) if tps else {}
        if confirmed:
            fleet.confirm(confirmed)
        if steps is not self._steps:
            # The partitions have changed meanwhile.
            return
        for tp, step in homes.items():
            step.next = fleet.confirmed, ends[tp]
        if probe is None and is_news:
            self._probe = _Probe(row, frontiers, {tp: ends[tp] for tp in relays})

    def _is_reached(self, probe: _Probe) -> bool:
        owners = self.relays()
        for tp, end in probe.ends.items():
            owner = owners.get(tp.partition)
            if owner is not None:
                fetched = self._consumer().fetched(TP(*tp))
                if fetched is None or owner.applied_end(tp.topic, fetched) < end:
                    return False
        return True
