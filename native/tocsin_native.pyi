"""What Python sees of the native core."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal

__version__: str
"""The version of Tocsin from whose sources it was built."""

class FetchedRecord:
    """A consumed record whose key, value and headers are made anew whenever they are read."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

def read_records(
    records: bytes,
    span: tuple[int, int],
    count: int,
    place: tuple[str, int, int],
    timestamps: tuple[int, int, int],
) -> list[FetchedRecord] | None:
    """Return `count` records from the bytes of a batch, or None; see native/src/fetched.rs."""

def encode_records(
    rows: Sequence[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]], begin: int, room: int
) -> tuple[bytes, int]:
    """Return records from `begin` on as they are in a batch, and their number; see native/src/encoded.rs."""

def restore_records(
    records: Iterable[tuple[bytes, bytes]],
    readers: Mapping[bytes, Callable[[bytes, bytes], None]],
    other: Callable[[bytes, bytes], None],
) -> None:
    """Read state records as `read_records` of streams/deciding/partition/stores.py does."""

class Gate:
    """Reads reports that are published; see streams/deciding/reports/native/gate.py.

    `rules` is the JSON of GateRules. `source_of` returns the name that a topic has in them.
    """

    def __init__(self, rules: bytes, *, source_of: Callable[[str], str | None]) -> None: ...
    def read(
        self, records: Sequence[object], begin: int, place: tuple[int, int], until: int | None
    ) -> tuple[list[tuple[int, int, int, bytes]], int]: ...

class ReporterHome:
    """Notes reports at the home of their reporter; see streams/deciding/reporters/native/home.py.

    `rules` is the JSON of ReporterHomeRules, `known_of` what `known_by` of reporters/native/known.py returns.
    """

    def __init__(
        self, rules: bytes, *, known_of: Callable[[Any, Any, int, bytes, Sequence[bytes]], object]
    ) -> None: ...
    def apply(
        self,
        entries: Sequence[object],
        begin: int,
        end: int,
        partitions: int,
        time: tuple[int, int, int],
        recent: tuple[set[int], object],
        stores: tuple[object, object],
        newcomers: object,
    ) -> Noted: ...

class Noted:
    """What was noted in one call; see native/src/reporter_home.rs."""

    now: int
    newest_append: int
    over_limit: int
    stamped: Mapping[Literal["high", "medium", "low"], int]
    hashes: Sequence[int]
    event_times: Sequence[int]
    entries: Sequence[tuple[int, int, bytes]]
    findings: Sequence[float]

class ChannelHome:
    """Applies reports at the home of their channel; see streams/deciding/reports/native/home.py.

    `rules` is the JSON of ChannelHomeRules. streams/deciding/reports/native/finders.py has the functions.
    `open_episode` is the class of open episodes.
    """

    failed_at: int
    def __init__(
        self,
        rules: bytes,
        *,
        find_law: Callable[[Any], tuple[str, int, bytes, bytes, bytes, bytes] | None],
        finding_of: Callable[[Sequence[int], tuple[Any, ...]], bytes | None],
        open_episode: type,
    ) -> None: ...
    def apply(
        self,
        entries: Sequence[object],
        places: tuple[int, int],
        more_outputs: int,
        time: tuple[int, int, int, int],
        since_last: list[tuple[str, bytes]],
        state: object,
    ) -> Counted: ...

class Counted:
    """What was counted in one call; see native/src/channel_home.rs."""

    now: int
    newest_append: int
    hashes: Sequence[int]
    event_times: Sequence[int]
    outputs: Sequence[tuple[object, ...]]
    daily: Sequence[tuple[int, str, str, tuple[str | bool | int | None, ...], int]]
    linked: int
    links_without_effect: int
    judge: bool

class MessageStore:
    """Has the methods of streams.counting.message_store.MessageStore; see there."""

    def __init__(
        self,
        module: ModuleType,
        topic: str,
        namespace: bytes,
        of_day: Callable[[int], tuple[bytes, list[tuple[str, bytes]]]],
    ) -> None: ...

class CountStore:
    """Has the methods of streams.counting.store.CountStore; see there."""

    def __init__(
        self,
        decode_entry: Callable[[bytes, bytes], object],
        require_version: Callable[[bytes, bytes], None],
        sums: ModuleType,
    ) -> None: ...

class RecordStore:
    """Has the methods of streams.counting.record_store.RecordStore; see there."""

    def __init__(
        self,
        encode: Callable[[Any], bytes],
        decode: Callable[[memoryview], object],
        require_version: Callable[[bytes, bytes], None],
    ) -> None: ...

class IdTable:
    """Has the methods of streams.deciding.partition.id_table.IdTable; see there."""

    def __init__(self, expected: int = 0) -> None: ...
