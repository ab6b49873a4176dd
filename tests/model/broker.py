"""Logs and the transaction coordinator: transactions, markers that are written one by one, fencing."""

from collections.abc import Iterable
from typing import TypeVar

from tests.model.world import Applied, Claim, Process, Record, Release, State, TransactionalId, replace

T = TypeVar("T")
Log = tuple[Record, ...]


class Fenced(Exception):
    """The broker refused a request: the sender was fenced, or the coordinator aborted its transaction."""


def put(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    """Return the values with the one at this index replaced."""
    return (*values[:index], value, *values[index + 1 :])


def last_stable(log: Log) -> int:
    """Return the offset of the first open record, or the end of the log. read_committed reads up to it."""
    for offset, record in enumerate(log):
        if record.status == "open":
            return offset
    return len(log)


def committed(log: Log) -> Iterable[tuple[int, Record]]:
    """Return the offset and record of everything that read_committed shows."""
    return ((at, log[at]) for at in range(last_stable(log)) if log[at].status == "committed")


def may_begin(state: State, process: Process) -> bool:
    """Whether AddPartitionsToTxn gets an answer other than CONCURRENT_TRANSACTIONS."""
    known = state.id_of(process)
    return known.epoch > 0 or known.phase == "none"


def begin(state: State, process: Process, logs: tuple[int, ...]) -> State:
    """AddPartitionsToTxn, which opens the transaction. Raises Fenced."""
    if state.id_of(process).epoch:
        raise Fenced
    return _set(state, process, TransactionalId(0, "open", logs))


def write(state: State, process: Process, log: int, contents: Iterable[Applied | Claim | Release]) -> State:
    """Produce. Raises Fenced, as the broker verifies with the coordinator that the transaction is open (KIP-890)."""
    if state.id_of(process).epoch:
        raise Fenced
    records = tuple(Record(process, content) for content in contents)
    return replace(state, logs=put(state.logs, log, state.logs[log] + records))


def commit(state: State, process: Process) -> State:
    """EndTxn. Raises Fenced. The answer arrives before the markers are written."""
    known = state.id_of(process)
    if known.epoch:
        raise Fenced
    return _set(state, process, replace(known, phase="committing"))


def abort(state: State, process: Process) -> State:
    """Abort an open transaction, after a time-out or for a fence. Either fences its owner."""
    known = state.id_of(process)
    return _set(state, process, TransactionalId(1, "aborting", known.logs))


def write_marker(state: State, process: Process, log: int) -> State:
    """Write the marker of a decided transaction to one of its logs."""
    known = state.id_of(process)
    left = tuple(each for each in known.logs if each != log)
    status = "committed" if known.phase == "committing" else "aborted"
    records = tuple(
        replace(record, status=status) if record.writer == process and record.status == "open" else record
        for record in state.logs[log]
    )
    known = replace(known, logs=left, phase=known.phase if left else "none")
    return _set(replace(state, logs=put(state.logs, log, records)), process, known)


def init_producer(state: State, process: Process) -> tuple[State, bool]:
    """InitProducerId with the id of another process. Return whether that is fenced; False is CONCURRENT_TRANSACTIONS.

    While a commit waits for its markers, the answer is CONCURRENT_TRANSACTIONS and the owner is not fenced.
    """
    known = state.id_of(process)
    if known.phase == "open":
        return abort(state, process), False
    if known.phase != "none":
        return state, False
    return _set(state, process, replace(known, epoch=1)), True


def _set(state: State, process: Process, known: TransactionalId) -> State:
    starts = put(state.ids[process.worker], process.start, known)
    return replace(state, ids=put(state.ids, process.worker, starts))
