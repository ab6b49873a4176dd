"""A reporter was paused: internal records that the home of the reporter writes to the stage of reports."""

from typing import Final, Literal

import msgspec

REPORTER_PAUSED_TYPE: Final = "tocsin.reporter-paused.v1"

PausedFor = Literal["notices", "complaints"]


class ReporterPaused(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`reporter` is the keyed hash, `earlier` the one under the previous key, 0 if none is known.

    With a `channel`, to its home: what the reporter has added there since the warning counts no more. Without
    one, to the home of the hash: the pause is counted for transparency reports, as a suspension for what
    `counted_for` says. `decided_ms` is when people decided, in ms since the epoch.
    """

    reporter: int
    earlier: int
    decided_ms: int
    channel: str | None
    counted_for: PausedFor | None
