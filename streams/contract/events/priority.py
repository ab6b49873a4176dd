"""How urgent an escalation is among others, with what it is made of."""

from typing import Annotated

import msgspec

# Whole points: more digits would claim a precision that weights do not have.
Points = Annotated[int, msgspec.Meta(ge=0, le=100)]


class PriorityComponents(msgspec.Struct, frozen=True, gc=False):
    """The points of each component; they add up to the value.

    `clock`: time left on the nearest legal clock. `level`: of the policy. `risk`: of the reports. `voices`:
    independent reporters. `age`: how long the escalation has been open. `severity`: of the gravest category;
    absent where the rules give it no points, and once the escalation is resolved.
    """

    clock: Points
    level: Points
    risk: Points
    voices: Points
    age: Points
    severity: Points | msgspec.UnsetType = msgspec.UNSET


class Priority(msgspec.Struct, frozen=True, gc=False):
    """The urgency from 0 to 100, the sum of its components."""

    value: Points
    components: PriorityComponents
