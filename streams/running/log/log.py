"""What the runtime needs of Kafka: logs with transactions, those who read them, and those who write to them.

`Connection` is Kafka's, and `tests/model/memory_log.py` is one in memory, in which a search chooses what
happens when. `tests/model/test_log.py` holds both to the same. Errors are aiokafka's.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple, Protocol

from aiokafka import TopicPartition

Isolation = Literal["read_committed", "read_uncommitted"]

Write = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers of a record."""

Destination = tuple[str, int]
"""A partition to which records are written: topic with prefix, and number."""

Reason = Literal[
    "no_leader",
    "unreachable",
    "missing",
    "unfinished",
    "no_answer",
    "not_allowed",
    "too_large",
    "refused",
]

# How long a transaction may last, for the worker and for the broker. Long enough for a broker to restart
# (about 5 s). Short enough that read_committed readers, which wait for the oldest open transaction, do not
# wait for a minute when a worker dies during a transaction.
TRANSACTION_SECONDS = 20

# Instead of a time: the first record, and the place after the last one.
FIRST, END = -2, -1


class FoundOffset(NamedTuple):
    """A place in a log, and its record's time in ms since the epoch; both -1 without such a record."""

    offset: int
    timestamp: int


class Appended(NamedTuple):
    """Records that a broker appended to a log one after the other: the offset of the first, and their number.

    `timestamp` is when it did so, in ms since the epoch; -1 if the log has no append times.
    """

    offset: int
    records: int
    timestamp: int


class Trouble(NamedTuple):
    """Why a destination takes no records. `detail` is an error of the brokers, or empty.

    With `at_least` it takes records, but none of so many bytes.
    """

    destination: Destination
    reason: Reason
    detail: str = ""
    at_least: int = 0


class LastTransaction(NamedTuple):
    """The last transaction of an id.

    It began at this time, in ms since the epoch, by the clock of the broker that coordinates it.
    """

    state: Literal["open", "committed", "aborted"]
    began_ms: int


class Refused(Exception):
    """A destination has refused what was appended, and would refuse it again."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Reader(Protocol):
    """Reads the logs that are assigned to it, from where it was sought to. It belongs to no group."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these logs and no others."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read a log from an offset on."""

    async def position(self, partition: TopicPartition) -> int:
        """The offset after all that was read, which may have been markers and aborted records."""

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset of the first record of each log."""

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where a reader of its isolation comes to the end of each log.

        That is the last stable offset or the high watermark.
        """

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        """The next records, or nothing when there are none within the time."""


class Producer(Protocol):
    """Writes transactions under a transactional id, and asks what a takeover needs to know."""

    async def start(self) -> None:
        """Fence older producers with the same id, and abort what they left open."""

    async def stop(self) -> None:
        """End, after the answers to all that was sent."""

    async def abandon(self) -> None:
        """End without waiting for any broker."""

    async def begin_transaction(self) -> None:
        """Begin a transaction."""

    async def join(self, destinations: Collection[Destination]) -> None:
        """Add these logs to the transaction.

        Afterwards the transaction before has its markers in all logs but those that had no leader. Does not
        return while nobody knows whether the logs can be added.
        """

    async def append(
        self, topic: str, partition: int, rows: Sequence[Write], timestamp_ms: int
    ) -> list[Appended]:
        """Append records in the transaction. Return where they are, in the order of `rows`.

        Raises Refused. Does not return while nobody knows whether the destination will take them.
        """

    async def commit_transaction(self) -> None:
        """Commit all that was appended. The markers that show it to readers follow later."""

    async def abort_transaction(self) -> None:
        """Let nobody ever read what was appended."""

    def failure(self) -> BaseException | None:
        """The error that made this producer unusable, or None."""

    async def troubles(
        self, destinations: Collection[Destination], waited: float, *, others_answered: bool
    ) -> list[Trouble]:
        """Ask why these destinations have not answered for so many seconds, as far as there is a reason.

        `others_answered`: whether other destinations of the transaction did.
        """

    async def visible_troubles(self, destinations: Collection[Destination]) -> list[Trouble]:
        """Ask which of these destinations have no leader that can be reached.

        Raises KafkaConnectionError when no broker answers.
        """

    def leader_changes(self) -> int:
        """A number that is the same as before if no log can have lost its leader meanwhile; or -1."""

    async def last_transaction(self, transactional_id: str) -> LastTransaction | None:
        """What the brokers know of it. None if there was none since the id was fenced."""

    async def raise_epoch(self, transactional_id: str) -> bool:
        """Fence the producers with an id.

        False while the brokers still end its transaction: then ask again.
        """

    async def settle(self, transactional_id: str, empty: "Producer | None" = None) -> bool:
        """Abort what is open under an id whose producer has ended. True when that is decided.

        `empty` is that producer if the transaction has no record. Then it is committed, since its markers
        decide as well what the transaction before, which was, may have left open.

        Logs without a leader have no marker then, and the id cannot be used until they do.
        """

    async def stable_ends(self, destinations: Collection[Destination]) -> dict[Destination, tuple[int, int]]:
        """Up to where all is decided in these logs, and their ends; without logs that do not answer."""

    async def mark(self, destination: Destination, *, commits: bool) -> None:
        """End a transaction with no record, whose marker ends what this id has left open in a log."""

    async def open_transactions(self) -> set[str]:
        """The ids with a transaction that holds up readers, of those that this user may see."""

    async def offsets_by_time(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, FoundOffset]:
        """The first record of each log with a time (ms since the epoch) or a later one; also FIRST and END.

        The end includes open transactions: `Reader.end_offsets` of a read_committed reader hides what belongs
        to these.
        """

    async def partitions_for(self, topic: str) -> Collection[int]:
        """The numbers of the partitions of a topic."""

    async def update_metadata(self) -> None:
        """Ask the brokers who leads what."""


class Log(Protocol):
    """Makes readers and producers."""

    def reader(
        self, isolation_level: Isolation = "read_committed", wait_ms: int = 10
    ) -> AbstractAsyncContextManager[Reader]:
        """A started reader, stopped at the end. At the end of a log its requests wait for so long."""

    def producer(self, transactional_id: str) -> Producer:
        """A producer, not started."""
