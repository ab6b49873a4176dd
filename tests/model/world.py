"""The state of the modelled system as frozen values, and the protocol with what its broken variants change."""

from typing import Literal, NamedTuple

import msgspec

replace = msgspec.structs.replace


class Value(msgspec.Struct, frozen=True, cache_hash=True):
    """A part of the state. The exhaustive search finds states by their hash, so parts that did not change keep theirs."""


class Process(NamedTuple):
    """One start of a worker. It has a transactional id of its own and is a member of the group of its own."""

    worker: int
    start: int


class Applied(Value):
    """Source record `number` was applied to the partition in whose state log this is."""

    number: int


class Claim(Value):
    """`owner` was assigned the partition in this generation."""

    owner: Process
    partition: int
    generation: int


class Release(Value):
    """All that `owner` wrote to the partition is decided, or the owner was fenced."""

    owner: Process
    partition: int


class Record(Value):
    """A record of a log. It stays open until the marker of its transaction is written to this log."""

    writer: Process
    content: Applied | Claim | Release
    status: Literal["open", "committed", "aborted"] = "open"


class TransactionalId(Value):
    """What the transaction coordinator knows of a process.

    A process never asks for another epoch than its first, 0, so a fenced id has epoch 1 however often it is fenced.
    `logs` are those in the open transaction; in a decided one, those that wait for their marker.
    """

    epoch: int = 0
    phase: Literal["none", "open", "committing", "aborting"] = "none"
    logs: tuple[int, ...] = ()


class Group(Value):
    """The consumer group. `assignment` names the owner of each partition in this generation."""

    generation: int
    assignment: tuple[Process | None, ...]
    members: tuple[Process, ...] = ()
    rebalancing: bool = False
    joined: tuple[Process, ...] = ()


class Kept(Value):
    """State that a worker keeps in memory after a release: the end of the state log then, and the next record to apply."""

    end: int
    position: int


class Worker(Value):
    """A worker. `at` is the step it is in, `request` the next request of that step's transaction.

    `ends`, `positions` and `kept` are by partition. A position is the next record to apply, None before it is read.
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


class Faults(Value):
    """How many faults may still happen.

    `put_out`: a live worker is put out of the group. `timed_out`: the coordinator aborts an open transaction. `reset`: the
    empty group is deleted and counts its generations from 1 again. `late`: markers are so late that a worker takes the
    transaction for abandoned.
    """

    kill: int = 0
    put_out: int = 0
    timed_out: int = 0
    reset: int = 0
    late: int = 0


class State(Value):
    """Everything. `logs` are the state log of each partition and, last, the claims log; `ids` are by worker and start."""

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
        """Whether the process runs, though it may be fenced or out of the group without knowing it."""
        worker = self.workers[process.worker]
        return worker.start == process.start and worker.at != "dead"


class Protocol(msgspec.Struct, frozen=True):
    """The protocol. Its broken variants change one field each."""

    takeover: tuple[str, ...] = ("claim", "look", "fence", "read", "establish")
    # A claim's key names its owner: otherwise a claim replaces the one before it.
    key_names_owner: bool = True
    # look waits until its own claim is readable.
    waits_for_own_claim: bool = True
    # look reads the claims log from its beginning, not from its own last release.
    looks_from_the_beginning: bool = True
    # fence repeats InitProducerId while the coordinator answers CONCURRENT_TRANSACTIONS.
    repeats_fence: bool = True
    # read goes up to the high watermark of after the fence.
    waits_for_end: bool = True
    # give_way happens only after the group said that it has a later generation.
    asks_the_group: bool = True
    # State kept in memory counts only if nobody wrote to the state log since.
    proves_kept_state: bool = True
    # release notes the end of each state log before it commits.
    notes_end_first: bool = True


class World(msgspec.Struct, frozen=True):
    """What is searched: a protocol, and how many workers, partitions and records per partition there are."""

    protocol: Protocol = Protocol()
    workers: int = 2
    partitions: int = 1
    records: int = 1


# The group has lived for long: after a reset, restarts alone do not soon reach the generations of former claims again.
OLD_GENERATION = 1_000


def beginning(world: World, faults: Faults) -> State:
    """Return the state in which every worker has just started and nothing is written."""
    nothing = (None,) * world.partitions
    return State(
        logs=((),) * (world.partitions + 1),
        ids=((TransactionalId(),),) * world.workers,
        group=Group(OLD_GENERATION, nothing),
        workers=(Worker(nothing, nothing, nothing),) * world.workers,
        faults=faults,
    )
