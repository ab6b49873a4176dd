"""A tick, which moves an idle partition's time on: the payload of `tocsin.tick.v1`."""

from typing import Annotated

import msgspec

TICK_TYPE = "tocsin.tick.v1"


class Tick(msgspec.Struct, frozen=True, gc=False):
    """`after`: how many reports the partition had applied when the tick was written."""

    after: Annotated[int, msgspec.Meta(ge=0)]
