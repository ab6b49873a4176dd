"""A filter of the desk that somebody saved under a name: the payload of `tocsin.desk-view.v1`."""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.desk_member import DeskMember
from streams.contract.events.report import ZonedTime

DESK_VIEW_TYPE = "tocsin.desk-view.v1"

# own: of the person who saved it, shown to nobody else. queue: of a lead, shown to all.
ViewKind = Literal["own", "queue"]

# A line of a menu, and of a table at 320 pixels.
NAME_LENGTH = 40
# A filter of the desk has fourteen parameters; the longest value is a ref.
_MOST_PARAMETERS = 32
_PARAMETER_LENGTH = 32
_VALUE_LENGTH = 128
# A month. What may wait longer needs no queue.
MOST_TARGET_HOURS = 720

ViewFilter = Annotated[
    dict[
        Annotated[str, msgspec.Meta(min_length=1, max_length=_PARAMETER_LENGTH)],
        Annotated[str, msgspec.Meta(min_length=1, max_length=_VALUE_LENGTH)],
    ],
    msgspec.Meta(max_length=_MOST_PARAMETERS),
]


class QueueTarget(msgspec.Struct, frozen=True, gc=False):
    """Of the cases of a queue, `percent` are to be decided within so many `hours` of their opening."""

    hours: Annotated[int, msgspec.Meta(ge=1, le=MOST_TARGET_HOURS)]
    percent: Annotated[int, msgspec.Meta(ge=1, le=100)]


class DeskView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A filter of the desk under a name. Of several records with one key the last one counts.

    `filter` has the parameters of the desk's address. `saved_by` is whose view it is, or the lead who saved
    the queue last. Only a queue has a `target`.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]
    kind: ViewKind
    filter: ViewFilter
    saved_by: DeskMember
    saved_at: ZonedTime
    target: QueueTarget | None = None
