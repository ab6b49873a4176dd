"""How far a source log was fetched."""

from typing import NamedTuple


class Fetched(NamedTuple):
    """How far a partition was fetched, as offsets.

    `position`: the next offset to fetch, after any transaction markers. `last_record`: the newest record that
    was fetched, -1 if none was. `end`: the end of the log at the last fetch. `stable_end`: records from here
    to `end` belong to transactions that are still open. `at`: when that fetch was answered, in ms since the
    epoch.
    """

    position: int
    last_record: int
    stable_end: int
    end: int
    at: int = 0
