"""What became of a legal clock: the payload of `tocsin.clock-outcome.v1`."""

from typing import Literal

import msgspec

from streams.events.report import Ref, ZonedTime

CLOCK_OUTCOME_TYPE = "tocsin.clock-outcome.v1"

OutcomeKind = Literal["fulfilled", "withdrawn", "paused", "resumed"]
ClockSubject = Literal["report", "request"]


class ClockOutcome(msgspec.Struct, frozen=True, gc=False):
    """A desk's word on a clock. Unknown fields are dropped, wrong types refused.

    `clock_id` is the one published. `subject` says what started the clock; `key` is then the channel's ref or the
    request's id, by which the outcome finds the partition that keeps the clock. `reason` of a pause is one of those the
    duty's row allows.
    """

    outcome_id: Ref
    clock_id: Ref
    subject: ClockSubject
    key: Ref
    outcome: OutcomeKind
    occurred_at: ZonedTime
    reason: Ref | None = None
