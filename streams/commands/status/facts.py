"""What `tocsin status` finds out about a deployment at one moment."""

from collections.abc import Mapping

import msgspec

from streams.contract.events.clock import RunningStatus
from streams.running.log.claims import StatePartition
from streams.running.topics.topic_problems import Problem

# How far back dead letters are counted.
LETTERS_SINCE_MS = 3_600_000


class Claims(msgspec.Struct, frozen=True):
    """A process with unreleased claims. One that is not `in_group` has ended without releasing them.

    `rules` are the hashes of what decides, by name; `rules_id` stands for all of them, and is empty if it did
    not say. It said so at `said_ms` (ms since the epoch), when it last took partitions over.
    """

    transactional_id: str
    version: str
    in_group: bool
    partitions: tuple[StatePartition, ...]
    rules_id: str = ""
    rules: Mapping[str, str] = {}
    said_ms: int = 0


class SourceLag(msgspec.Struct, frozen=True):
    """A source topic (without prefix) in one partition of a stage.

    `next` is the next offset to apply, `end` the offset after the last record. `oldest_ms` is the append time
    of the oldest committed record that waits, None if none does; what is left between `next` and `end` then
    are the markers of transactions. `open_ms` is the append time of the record with which the oldest
    transaction begins that is still open. Both are in ms since the epoch.
    """

    stage: str
    topic: str
    partition: int
    next: int
    end: int
    oldest_ms: int | None = None
    open_ms: int | None = None

    @property
    def place(self) -> StatePartition:
        """The partition of the stage that reads it."""
        return StatePartition(self.stage, self.partition)

    @property
    def waiting(self) -> int:
        """How many offsets are not applied."""
        return 0 if self.oldest_ms is None and self.open_ms is None else max(0, self.end - self.next)


class DeadLetters(msgspec.Struct, frozen=True):
    """The dead letters of the last hour by reason.

    `requests` is how many of them are requests of authorities, `published` how many offsets publishers have
    written to all source topics in that hour.
    """

    by_reason: Mapping[str, int]
    requests: int
    published: int


class SetAside(msgspec.Struct, frozen=True):
    """A partition that a worker has set aside; `waits_for` is empty if a record is the reason."""

    stage: str
    partition: int
    waits_for: str


class WorkerPage(msgspec.Struct, frozen=True):
    """What the worker says of itself whose address the settings name.

    `answers` is false if nobody answers there; the rest is then empty. `reason` says why it is not ready.
    `resting` are stage, partition, topic and why.
    """

    address: str
    answers: bool
    reason: str | None = None
    set_aside: tuple[SetAside, ...] = ()
    resting: tuple[tuple[str, int, str, str], ...] = ()


class DueClock(msgspec.Struct, frozen=True):
    """A legal clock: its duty, what started it (`channel ...` or `request ...`), and when it is due."""

    duty: str
    of: str
    status: RunningStatus
    due_at: str
    left_ms: int
    nearly_due: bool


class LegalClocks(msgspec.Struct, frozen=True):
    """The legal clocks that have not ended; `by_status` is None if the state has too many `records`.

    `nearly_due` have less than a tenth of their time left, `lapsed_lately` lapsed within the last hour,
    `first` are the most urgent deadlines.
    """

    records: int
    by_status: Mapping[RunningStatus, int] | None = None
    lapsed_lately: int = 0
    nearly_due: int = 0
    unreadable: int = 0
    first: tuple[DueClock, ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """A deployment at `now_ms` (ms since the epoch).

    What cannot be read is None: `claims`, `letters` and `clocks`.
    `without_leader` and `missing` are names with prefix; `problems` are other differences from the
    catalogue. `partitions` is how many each stage has. `silent` are the topics (without prefix) into which
    nobody has published for half an hour, but did a day before.
    """

    now_ms: int
    group: str
    missing: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    without_leader: tuple[tuple[str, int], ...] = ()
    partitions: int = 0
    members: int = 0
    claims: tuple[Claims, ...] | None = ()
    left_open: tuple[str, ...] = ()
    lags: tuple[SourceLag, ...] = ()
    unreadable: tuple[str, ...] = ()
    letters: DeadLetters | None = None
    clocks: LegalClocks | None = None
    silent: tuple[str, ...] = ()
    page: WorkerPage | None = None
