"""Whether the legal clock of a duty is armed, and which of several duties is the strictest."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from streams.contract.events.obligation import NotArmedReason
from streams.contract.wire.times import DAY
from streams.registry.durations import parse_legal_duration
from streams.registry.obligation import Obligation, Trigger
from streams.registry.rules import HolidayCalendar, InternalTargets

# Precise enough to compare durations; deadlines are counted by the calendar (see deadlines).
_MONTH = 30 * DAY


def why_not_armed(
    obligation: Obligation,
    met: Collection[Trigger],
    elements: Collection[str],
    calendars: Mapping[str, HolidayCalendar],
    *,
    keeps: bool = False,
) -> NotArmedReason | None:
    """The first reason why no clock runs, or None if one does.

    `met` are the triggers that the report or request meets by itself, `elements` the required elements it
    contains. `keeps` allows a clock for a retention period or a wait: an authority's request has one, a
    report never does. That the row is advisory is the last reason, so nothing else then keeps its clock from
    running.
    """
    tests: tuple[tuple[NotArmedReason, bool], ...] = (
        ("trigger_not_met", obligation.trigger not in met),
        ("unverified", obligation.marks.of_clock == "unverified"),
        ("no_duration", obligation.duration is None),
        ("retention", obligation.meaning != "deadline" and not keeps),
        (
            "no_holiday_calendar",
            obligation.calendar == "business_days" and obligation.holiday_calendar not in calendars,
        ),
        ("elements_missing", not all(element in elements for element in obligation.required_elements)),
        ("unverified", obligation.advisory),
    )
    return next((reason for reason, holds in tests if holds), None)


def strictest(obligations: Sequence[Obligation], targets: InternalTargets) -> frozenset[str]:
    """The ids of the strictest duties among those with the same trigger, action and meaning.

    The strictest has the shortest duration, or the longest if it is a retention period or a wait. If no row
    of a group has a duration that somebody has read (all are unverified or name none), `target_ms` is
    compared instead. Ties are all included.
    """
    groups: dict[tuple[str, str, str], list[Obligation]] = {}
    for duty in obligations:
        groups.setdefault((duty.trigger, duty.action, duty.meaning), []).append(duty)
    return frozenset(duty.id for group in groups.values() for duty in _strictest(group, targets))


def target_ms(obligation: Obligation, targets: InternalTargets) -> int:
    """How long the duty allows, or the platform's internal target, in milliseconds.

    Approximate: a month is 30 days.
    """
    if obligation.duration is not None:
        months, milliseconds = parse_legal_duration(obligation.duration)
        return months * _MONTH + milliseconds
    if obligation.standard is None:
        return targets.otherwise
    return targets.by_standard.get(obligation.standard, targets.otherwise)


def _strictest(group: Iterable[Obligation], targets: InternalTargets) -> Iterable[Obligation]:
    group = list(group)
    with_duration = [
        duty for duty in group if duty.duration is not None and duty.marks.of_clock != "unverified"
    ]
    timed = [(target_ms(duty, targets), duty) for duty in with_duration or group]
    choose = min if group[0].meaning == "deadline" else max
    bound = choose(time for time, _ in timed)
    return [duty for time, duty in timed if time == bound]
