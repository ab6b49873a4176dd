"""Duties as they are published on reports and escalations."""

from typing import NamedTuple

import msgspec

from streams.contract.events.obligation import AppliedObligation, EscalatedObligation, NotArmedReason, Signed
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.deciding.law.arming import target_ms
from streams.deciding.law.calendar_days import UnknownDays
from streams.deciding.law.deadlines import deadline, period_end
from streams.registry.obligation import Obligation
from streams.registry.rules import Rules

_UNITS = ((HOUR, "H"), (MINUTE, "M"), (1000, "S"))


class Duty(NamedTuple):
    """A duty that applies, why its clock is not armed (None: armed), and whether it is a strictest one."""

    obligation: Obligation
    not_armed: NotArmedReason | None
    strictest: bool

    @property
    def advisory(self) -> bool:
        """Whether a clock would run if the row's time and dates were verified."""
        return self.not_armed == "unverified" and self.obligation.advisory

    @property
    def may_run(self) -> bool:
        """Whether its clock is armed, or would be if the row were verified."""
        return self.not_armed is None or self.advisory


def due_ms(obligation: Obligation, started_ms: int, rules: Rules) -> int | None:
    """The deadline of an armed duty (ms since the epoch), if its clock began at `started_ms`.

    None if its holiday calendar does not cover the whole period: then no clock runs after all.
    """
    try:
        return deadline(obligation, started_ms, rules.calendars)
    except UnknownDays:
        return None


def signed_of(obligation: Obligation) -> Signed | None:
    """Who signed the duty's row for the platform; None if nobody did, in the words that it has now."""
    signature = obligation.signed
    return None if signature is None else Signed(signature.by, str(signature.on))


def published_duty(duty: Duty, rules: Rules, started_ms: int) -> AppliedObligation:
    """The duty as published on a report; `started_ms`, its receipt, is used only if the clock is armed."""
    obligation, reason, is_strictest = duty
    due = None
    if reason is None:
        due = due_ms(obligation, started_ms, rules)
        if due is None:
            reason = "no_holiday_calendar"
    return AppliedObligation(
        id=obligation.id,
        trigger=obligation.trigger,
        action=obligation.action,
        clock_status="armed" if reason is None else "not_armed",
        not_armed_reason=reason,
        due_at=None if due is None else rfc3339(due),
        target=None if reason is None else internal_target(obligation, rules),
        standard=obligation.standard,
        strictest=is_strictest,
        authority=obligation.authority,
        source_url=obligation.source_url,
        advisory=duty.advisory,
        signed=signed_of(obligation),
    )


def escalated_duty(duty: Duty, rules: Rules, started_ms: int) -> EscalatedObligation:
    """The duty as published on an escalation whose report was received at `started_ms`."""
    published = published_duty(duty, rules, started_ms)
    target_at = None
    # What must be kept without a clock is counted from an event that is not known here, such as the report to
    # a hotline: any day would be too early. Only what an authority's request asks can be advisory.
    if published.target is not None and (duty.obligation.meaning != "retention" or duty.advisory):
        target_at = rfc3339(_target_at(duty.obligation, rules, started_ms))
    not_before = ends = None
    if duty.obligation.meaning == "not_before":
        # A wait that is only advised is shown all the same: what was sent too early cannot be taken back.
        not_before = target_at if duty.advisory else published.due_at
    elif published.due_at is not None and duty.obligation.meaning == "deadline":
        ends = period_end(duty.obligation, started_ms, rules.calendars)
    ends_at = None if ends is None else rfc3339(ends)
    return EscalatedObligation(
        **msgspec.structs.asdict(published),
        target_at=target_at,
        not_before=not_before,
        period_ends_at=ends_at,
    )


def internal_target(obligation: Obligation, rules: Rules) -> str:
    """The time (ISO 8601) within which the platform means to act where no clock runs."""
    return obligation.duration or iso_duration(target_ms(obligation, rules.targets))


def iso_duration(milliseconds: int) -> str:
    """An ISO 8601 duration of days, hours, minutes and seconds."""
    days, rest = divmod(milliseconds, DAY)
    text = f"P{days}D" if days else "P"
    parts = []
    for length, unit in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count}{unit}")
    return f"{text}T{''.join(parts)}" if parts else text


def _target_at(obligation: Obligation, rules: Rules, started_ms: int) -> int:
    due = None if obligation.duration is None else due_ms(obligation, started_ms, rules)
    # Business days that no calendar covers are counted as calendar days.
    return started_ms + target_ms(obligation, rules.targets) if due is None else due
