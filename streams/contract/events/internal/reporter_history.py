"""How what is known of a reporter follows a change of the key; internal records of the stage of reporters.

`rehashed` goes to the home of the reporter's earlier hash and says which one is theirs now; `history` brings
what was known there to the home of the current hash.
"""

from typing import Final

import msgspec

REHASHED_TYPE: Final = "tocsin.reporter-rehashed.v1"
HISTORY_TYPE: Final = "tocsin.reporter-history.v1"


class ReporterRehashed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The reporter whose earlier hash is the record's key now has the hash `reporter`.

    With `part` it is about that part of a detector or list, whose hash does not depend on the key.

    `occurred_ms`, here and below, is the time of the report that showed it, to which the partition's time
    moves.
    """

    reporter: int
    occurred_ms: int
    part: int | None = None


class ReporterHistory(msgspec.Struct, frozen=True, array_like=True):
    """The outcomes of a reporter as of `period`, as deciding/reporters/reporter.py keeps them.

    They are sums, numbers, the last week of a case, and sums by reviewer. With `part` it is about a part
    (deciding/reporters/part.py), which is in `known`. `standing` is what people decided about the reporter,
    as deciding/reporters/standing.py keeps it, and `unsupported` and `proofs` say what supports the outcomes.
    """

    occurred_ms: int
    period: int
    sums: dict[int, int]
    numbers: dict[int, int]
    misuse_week: int
    by_reviewer: dict[int, int] = msgspec.field(default_factory=dict)
    part: int | None = None
    known: bytes = b""
    standing: tuple[int, int, int, dict[str, int]] | None = None
    unsupported: dict[int, int] = msgspec.field(default_factory=dict)
    proofs: tuple[tuple[int, int, int, int, int], ...] = ()
