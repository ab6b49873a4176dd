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

    `occurred_ms`, here and below, is the time of the report that showed it, to which the partition's time
    moves.
    """

    reporter: int
    occurred_ms: int


class ReporterHistory(msgspec.Struct, frozen=True, array_like=True):
    """The outcomes of a reporter as of `period`, as deciding/reporters/reporter.py keeps them.

    They are sums, numbers, the last week of a case, and what supports the outcomes.
    """

    occurred_ms: int
    period: int
    sums: dict[int, int]
    numbers: dict[int, int]
    misuse_week: int
    unsupported: dict[int, int] = {}
    proofs: list[tuple[int, int, int, int, int]] = []
