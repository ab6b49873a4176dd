"""A tick, which advances the time of an idle partition: the payload of `tocsin.tick.v1`."""

from typing import Annotated

import msgspec

TICK_TYPE = "tocsin.tick.v1"


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Time has passed in a partition without records.

    `after` is the number of reports or requests that the partition had applied when the tick was written.
    `clock_ms` is the clock of the worker that wrote it, in milliseconds since the epoch; older ticks have
    none.
    """

    after: Annotated[int, msgspec.Meta(ge=0)]
    clock_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
