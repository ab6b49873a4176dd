"""An operator's decision about a source of a partition: the payload of `tocsin.source-decision.v1`."""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.report import Pseudonym

SOURCE_DECISION_TYPE = "tocsin.source-decision.v1"

SourceAction = Literal["pause", "resume", "skip"]


class SourceDecision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to happen with the records of a source topic in the partition in whose log the decision is.

    `pause`: none is applied until `resume`. `skip`: those below the offset `until` that are not applied yet
    become dead letters, unread; with `entry` that entry of the bundle before the offset alone, in an internal
    topic. `topic` is without the deployment's prefix. `actor` is a pseudonym of the
    operator.
    """

    topic: Annotated[str, msgspec.Meta(min_length=1, max_length=249)]
    action: SourceAction
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    actor: Pseudonym
    until: Annotated[int, msgspec.Meta(ge=1)] | None = None
    entry: Annotated[int, msgspec.Meta(ge=0)] | None = None
