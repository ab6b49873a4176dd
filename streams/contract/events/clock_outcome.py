"""The outcome of a legal clock, as a desk reports it: the payload of `tocsin.clock-outcome.v1`."""

from typing import Literal

import msgspec

from streams.contract.events.report import Pseudonym, Ref, ZonedTime

CLOCK_OUTCOME_TYPE = "tocsin.clock-outcome.v1"

OutcomeKind = Literal["fulfilled", "withdrawn", "paused", "resumed"]
ClockSubject = Literal["report", "request"]


class ClockOutcome(msgspec.Struct, frozen=True, gc=False):
    """A desk's decision on a legal clock. Unknown fields are ignored, wrong types are rejected.

    `clock_id` is the id that Tocsin published. `subject` says whether a report or a request started the
    clock; `key` is then the channel's ref or the request's id, which leads to the partition that owns the
    clock. A pause needs a `reason`, one of those that the duty's row in the registry allows. `actor` is the
    pseudonym of the person or program that decided; null in outcomes written before the field existed.
    """

    outcome_id: Ref
    clock_id: Ref
    subject: ClockSubject
    key: Ref
    outcome: OutcomeKind
    occurred_at: ZonedTime
    reason: Ref | None = None
    actor: Pseudonym | None = None
