"""The state of the modelled system as frozen values; the protocol and what can be broken in it."""

from typing import Literal, NamedTuple

import msgspec

replace = msgspec.structs.replace


class Value(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A part of the state. Its hash is cached, because the exhaustive search looks every state up by hash."""


class Process(NamedTuple):
    """One start of a worker. Each has its own transactional id and its own membership of the group."""

    worker: int
    start: int


class Applied(Value, frozen=True):
    """Source record `number` was applied to the partition that this state log belongs to."""

    number: int


class Claim(Value, frozen=True):
    """`owner` was assigned the partition in this generation and may write to it until it is fenced or releases it."""

    owner: Process
    partition: int
    generation: int


class Release(Value, frozen=True):
    """`owner` will not write to the partition any more: it gave the partition up, or was fenced."""

    owner: Process
    partition: int


class Record(Value, frozen=True):
    """A record of a log. It is open until the marker of its transaction is written to this log."""

    writer: Process
    content: Applied | Claim | Release
    status: Literal["open", "committed", "aborted"] = "open"


class TransactionalId(Value, frozen=True):
    """What the transaction coordinator knows about a process.

    A process keeps its first epoch, 0, until it exits. So epoch 1 means fenced; further fences do not change it. `logs`
    are the logs in the open transaction, or those of a decided transaction whose marker is not written yet.
    """

    epoch: int = 0
    phase: Literal["none", "open", "committing", "aborting"] = "none"
    logs: tuple[int, ...] = ()


class Group(Value, frozen=True):
    """The consumer group. `assignment` names the owner of each partition in this generation."""

    generation: int
    assignment: tuple[Process | None, ...]
    members: tuple[Process, ...] = ()
    rebalancing: bool = False
    joined: tuple[Process, ...] = ()


class Kept(Value, frozen=True):
    """State kept in memory after a release: where the state log ended at that time, and the next record to apply."""

    end: int
    position: int


class Worker(Value, frozen=True):
    """A worker in step `at`. `request` is the next request of that step's transaction, `writes` the logs left to write.

    `ends`, `positions` and `kept` are by partition. A position is the next record to apply, None until it is known.
    `targets` are the processes to fence, `fenced` those that this takeover has fenced. If `claimed`, the worker must
    release `mine` before it rejoins.
    """

    ends: tuple[int | None, ...]
    positions: tuple[int | None, ...]
    kept: tuple[Kept | None, ...]
    start: int = 0
    at: str = "join"
    request: Literal["begin", "write", "commit"] | None = None
    writes: tuple[int, ...] = ()
    generation: int = 0
    mine: tuple[int, ...] = ()
    claimed: bool = False
    targets: tuple[Process, ...] = ()
    fenced: tuple[Process, ...] = ()


class Faults(Value, frozen=True):
    """How many faults may still happen.

    `evict`: a live worker is removed from the group. `time_out`: the coordinator aborts an open transaction. `reset`:
    the empty group is deleted, and generations start at 1 again. `late`: a transaction takes so long to end that
    another worker fences its writer.
    """

    kill: int = 0
    evict: int = 0
    time_out: int = 0
    reset: int = 0
    late: int = 0


class State(Value, frozen=True):
    """The whole state. `logs` are the state logs by partition, then the claims log; `ids` are by worker and start."""

    logs: tuple[tuple[Record, ...], ...]
    ids: tuple[tuple[TransactionalId, ...], ...]
    group: Group
    workers: tuple[Worker, ...]
    faults: Faults

    def process(self, number: int) -> Process:
        """Return the running or last process of a worker."""
        return Process(number, self.workers[number].start)

    def id_of(self, process: Process) -> TransactionalId:
        """Return what the coordinator knows of a process."""
        return self.ids[process.worker][process.start]

    def lives(self, process: Process) -> bool:
        """Whether the process runs. It may have been fenced or evicted without knowing it."""
        worker = self.workers[process.worker]
        return worker.start == process.start and worker.at != "dead"


class Protocol(msgspec.Struct, frozen=True):
    """The protocol. Its broken variants change one field each."""

    takeover: tuple[str, ...] = ("claim", "look", "fence", "read", "establish")
    # The key of a claim contains the owner. Without it, a claim replaces the previous one.
    key_names_owner: bool = True
    # look waits until read_committed shows the own claim.
    waits_for_own_claim: bool = True
    # look reads the claims log from its beginning, not from the last own release.
    looks_from_the_beginning: bool = True
    # fence repeats InitProducerId while the coordinator answers CONCURRENT_TRANSACTIONS.
    repeats_fence: bool = True
    # read continues to the high watermark asked for after the fence.
    waits_for_end: bool = True
    # give_way asks the group whether the own generation is current before it gives way.
    asks_the_group: bool = True
    # read uses kept state only if the log has no records after the noted end.
    proves_kept_state: bool = True
    # release notes the end of each state log before its transaction, not after it.
    notes_end_first: bool = True


class World(msgspec.Struct, frozen=True):
    """What is searched: a protocol with a number of workers, partitions, and records per partition."""

    protocol: Protocol = Protocol()
    workers: int = 2
    partitions: int = 1
    records: int = 1


# High, because after a reset each restart adds a generation: the claims from before must stay ahead for a whole run.
OLD_GENERATION = 1_000


def initial_state(world: World, faults: Faults) -> State:
    """Return the state in which all workers have started and nothing has been written."""
    nothing = (None,) * world.partitions
    return State(
        logs=((),) * (world.partitions + 1),
        ids=((TransactionalId(),),) * world.workers,
        group=Group(OLD_GENERATION, nothing),
        workers=(Worker(nothing, nothing, nothing),) * world.workers,
        faults=faults,
    )
