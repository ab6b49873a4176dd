"""A legal clock as it is published: on an escalation for a report's, on a routing for a request's."""

from typing import Literal

import msgspec

# `over` is a retention period that has ended.
RunningStatus = Literal["running", "paused", "lapsed", "fulfilled", "withdrawn", "over"]


class ClockView(msgspec.Struct, frozen=True):
    """A clock after a transition. Times are RFC 3339 in UTC.

    `clock_id` is what a `clock-outcomes` event names. `elapsed` is the share of its time that has passed, pauses left
    out: 0 to 1, 1 once it has lapsed. `due_at` moves when a pause ends.
    """

    clock_id: str
    obligation: str
    status: RunningStatus
    started_at: str
    due_at: str
    elapsed: float
