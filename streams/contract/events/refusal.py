"""What a publisher is told of a report that was refused: the payload of `tocsin.refusal.v1`.

It says where the report is, what is wrong and what to do, and never what the report said: the publisher finds
that by place or id.
"""

from typing import Annotated

import msgspec

from streams.contract.events.report import Ref, ZonedTime

REFUSAL_TYPE = "tocsin.refusal.v1"


class ReportRefusal(msgspec.Struct, frozen=True, gc=False):
    """A report of the publisher `ce_source` was refused, and is in `dead-letters`.

    `topic`, `partition`, `offset` and `published_at` are where and when the broker wrote it. `ce_id` and
    `report_id` are its ids; null if they could not be read, are no valid ids, or are what was refused.
    `reason` is one of those of dead letters; expect others. `last_of_hour`: the partition refuses so much of
    this publisher that it tells no more within the hour.
    """

    ce_source: str
    ce_id: Ref | None
    report_id: Ref | None
    topic: str
    partition: Annotated[int, msgspec.Meta(ge=0)]
    offset: Annotated[int, msgspec.Meta(ge=0)]
    published_at: ZonedTime
    reason: str
    field: str
    detail: str
    remedy: str
    last_of_hour: bool
