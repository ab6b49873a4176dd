"""A tick, which advances the time of an idle partition: the payload of `tocsin.tick.v1`."""

from typing import Annotated

import msgspec

TICK_TYPE = "tocsin.tick.v1"


class Tick(msgspec.Struct, frozen=True, gc=False):
    """`after` is the number of reports or requests that the partition had applied when the tick was written."""

    after: Annotated[int, msgspec.Meta(ge=0)]
