"""A legal duty as published with a report, a request or an escalation, with its clock."""

from typing import Literal

import msgspec

from streams.contract.events.report import Pseudonym

ClockStatus = Literal["armed", "not_armed"]
# Why no clock runs. trigger_not_met: something else starts it, such as an order or a person's review;
# elements_missing: the notice or request lacks elements that the law requires; unverified: the registry's row
# is advisory; no_duration: the law gives no fixed time limit; no_holiday_calendar: the limit is in business
# days and no source lists the holidays; retention: a duty to keep something, not to act.
NotArmedReason = Literal[
    "trigger_not_met", "elements_missing", "unverified", "no_duration", "no_holiday_calendar", "retention"
]


class Signed(msgspec.Struct, frozen=True):
    """Who signed a row of law, for the platform, and on which day (ISO 8601)."""

    by: Pseudonym
    on: str


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the registry's row of a duty rests on.

    `advisory` is present and true if a clock would run if the time and the dates of the row were known from
    the law itself, instead of from secondary sources: `not_armed_reason` is then `unverified`, and `target`
    is the law's own time. `signed` is present if somebody signed the row, in the words that it has now;
    otherwise the row is unsigned.
    """

    advisory: bool = False
    signed: Signed | None = None


class AppliedObligation(Standing, frozen=True, omit_defaults=True):
    """A legal duty that may apply.

    `due_at` (RFC 3339, UTC) is the deadline of the legal clock, null unless it is armed. `target` is then
    null; otherwise it is the time within which the platform aims to act, counted from receipt (ISO 8601
    duration).
    """

    id: str
    trigger: str
    action: str
    clock_status: ClockStatus
    not_armed_reason: NotArmedReason | None
    due_at: str | None
    target: str | None
    standard: str | None
    strictest: bool
    authority: str | None
    source_url: str


class EscalatedObligation(AppliedObligation, frozen=True, omit_defaults=True):
    """A legal duty with `target_at` (RFC 3339, UTC), when `target` ends; null for a duty to keep something.

    For an advisory duty that is when its clock would be due, also for a duty to keep something.

    `not_before` (RFC 3339, UTC) is present if the law forbids acting earlier: `due_at` is then no deadline
    but the same time, at which the wait ends. `period_ends_at` (RFC 3339, UTC) is when the period ends by
    Regulation (EEC, Euratom) No 1182/71, with the last hour of a working day. It is never before `due_at`. It
    is only present if a clock is armed as a deadline, the law counts so, and the holidays of the whole period
    are known.
    """

    target_at: str | None
    not_before: str | None = None
    period_ends_at: str | None = None
