"""A correction of a partition's time that ran ahead: the payload of `tocsin.time-correction.v1`."""

from typing import Annotated

import msgspec

from streams.contract.events.report import Pseudonym

TIME_CORRECTION_TYPE = "tocsin.time-correction.v1"

_Milliseconds = Annotated[int, msgspec.Meta(ge=0)]


class TimeCorrection(msgspec.Struct, frozen=True):
    """An operator's decision to set the time of a partition back to a machine's clock.

    Times are in ms since the epoch. `wrong_ms` is the partition's time as the operator saw it; `clock_ms` is
    the clock to which it is set. `actor` is a pseudonym of the operator.
    """

    wrong_ms: _Milliseconds
    clock_ms: _Milliseconds
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    actor: Pseudonym
