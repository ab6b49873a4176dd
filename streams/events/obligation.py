"""A legal duty as it stands on a report, a request or an escalation, with its clock."""

from typing import Literal

import msgspec

ClockStatus = Literal["armed", "not_armed"]
# trigger_not_met: only something else starts it, such as an order, or a person who has looked; elements_missing: the
# notice or request lacks what the law asks of it; unverified: the registry's row is advisory; no_duration: the law
# names no number of hours; no_holiday_calendar: business days, and no source says which; retention: what must be kept,
# not done.
NotArmedReason = Literal[
    "trigger_not_met", "elements_missing", "unverified", "no_duration", "no_holiday_calendar", "retention"
]


class AppliedObligation(msgspec.Struct, frozen=True):
    """A duty that may apply.

    `due_at` (RFC 3339, UTC) is the end of the legal clock, only if it is armed. Otherwise `target` is the time within
    which the platform itself means to act, counted from receipt (ISO 8601).
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


class EscalatedObligation(AppliedObligation, frozen=True):
    """A duty on an escalation; `target_at` (RFC 3339, UTC) is when `target` ends."""

    target_at: str | None
