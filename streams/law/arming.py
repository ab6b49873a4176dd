"""Whether a duty's legal clock is armed, and which of several duties leaves the least time."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from streams.events.obligation import NotArmedReason
from streams.registry.durations import parse_legal_duration
from streams.registry.rules import HolidayCalendar, InternalTargets, Obligation, Trigger
from streams.wire.times import DAY

# Long enough to compare durations that nobody adds to a date.
_MONTH = 30 * DAY


def why_not_armed(
    obligation: Obligation,
    met: Collection[Trigger],
    elements: Collection[str],
    calendars: Mapping[str, HolidayCalendar],
    *,
    keeps: bool = False,
) -> NotArmedReason | None:
    """Why no clock runs; None if one does.

    `met` are the triggers that what came in meets by itself, `elements` those it has of what a law may ask. `keeps`
    lets a clock run for what must be kept for a time: so for an order to preserve, never for a report.
    """
    tests: tuple[tuple[NotArmedReason, bool], ...] = (
        ("trigger_not_met", obligation.trigger not in met),
        ("unverified", obligation.verification == "unverified"),
        ("no_duration", obligation.duration is None),
        ("retention", obligation.meaning == "retention" and not keeps),
        (
            "no_holiday_calendar",
            obligation.calendar == "business_days" and obligation.holiday_calendar not in calendars,
        ),
        ("elements_missing", not all(element in elements for element in obligation.required_elements)),
    )
    return next((reason for reason, holds in tests if holds), None)


def strictest(obligations: Sequence[Obligation], targets: InternalTargets) -> frozenset[str]:
    """The ids of the duties that are the strictest of those with the same trigger and action.

    That is the shortest duration, or the longest where it says how long something must be kept. Where no row has one
    that was verified, it is the shortest time within which the platform itself means to act. Equals are all named.
    """
    groups: dict[tuple[str, str, str], list[Obligation]] = {}
    for duty in obligations:
        groups.setdefault((duty.trigger, duty.action, duty.meaning), []).append(duty)
    return frozenset(duty.id for group in groups.values() for duty in _strictest(group, targets))


def target_ms(obligation: Obligation, targets: InternalTargets) -> int:
    """About how long the duty leaves where no clock runs, in milliseconds; a month is 30 days."""
    if obligation.duration is not None:
        months, milliseconds = parse_legal_duration(obligation.duration)
        return months * _MONTH + milliseconds
    if obligation.standard is None:
        return targets.otherwise
    return targets.by_standard.get(obligation.standard, targets.otherwise)


def _strictest(group: Iterable[Obligation], targets: InternalTargets) -> Iterable[Obligation]:
    group = list(group)
    of_law = [duty for duty in group if duty.duration is not None and duty.verification != "unverified"]
    timed = [(target_ms(duty, targets), duty) for duty in of_law or group]
    choose = max if group[0].meaning == "retention" else min
    bound = choose(time for time, _ in timed)
    return [duty for time, duty in timed if time == bound]
