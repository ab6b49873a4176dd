"""Counts how many cases of each queue were decided within its target, of all people together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from streams.contract.events.desk_view import QueueTarget
from streams.contract.wire.times import DAY, HOUR, midnight_ms
from streams.desk.console.read_model.figures.case_histories import CaseHistory, Decision
from streams.desk.console.read_model.figures.day_figures import HIDDEN, LEAST_PEOPLE, Figure


class MeasuredQueue(NamedTuple):
    """A queue with a target, when it was saved last (ms), and the ids of its cases."""

    name: str
    target: QueueTarget
    saved_ms: int
    cases: frozenset[str]


class QueueFigures(NamedTuple):
    """Of the cases of a queue that opened on a day: how many were decided in time, and how many still can be.

    `percent` is the share in time of those that cannot be any more, or were.
    """

    name: str
    target: QueueTarget
    opened: int
    in_time: Figure
    percent: Figure
    still_in_time: int


def queue_figures(
    day: date, queues: Sequence[MeasuredQueue], histories: Iterable[CaseHistory], now_ms: int
) -> list[QueueFigures]:
    """The figures of the queues on a UTC day, as of `now_ms`, for those that were saved before it began.

    So a target is set before it measures, and queues cannot be cut anew until they single somebody out. How
    many were decided in time is hidden where fewer than LEAST_PEOPLE decided: of any part that differences
    of overlapping queues could bring to light, not only of a queue as a whole. Parts in which nobody decided
    hide nothing.
    """
    begin_ms = midnight_ms(day)
    measured = [queue for queue in queues if queue.saved_ms < begin_ms]
    opened = [case for case in histories if begin_ms <= case.opened_ms < begin_ms + DAY]
    # All sums and differences of queues are sums of these parts, each of which is in some queues and in no
    # other one.
    parts: defaultdict[frozenset[str], set[str]] = defaultdict(set)
    for case in opened:
        within = frozenset(queue.name for queue in measured if case.escalation_id in queue.cases)
        if case.decisions:
            parts[within] |= _first(case).people
    telling = [within for within, people in parts.items() if 0 < len(people) < LEAST_PEOPLE]
    return [
        _figures_of(queue, opened, now_ms, is_hidden=any(queue.name in within for within in telling))
        for queue in measured
    ]


def _figures_of(
    queue: MeasuredQueue, opened: Sequence[CaseHistory], now_ms: int, *, is_hidden: bool
) -> QueueFigures:
    limit_ms = queue.target.hours * HOUR
    cases = [case for case in opened if case.escalation_id in queue.cases]
    in_time = sum(bool(case.decisions) and _first(case).at_ms - case.opened_ms <= limit_ms for case in cases)
    still = sum(not case.decisions and now_ms - case.opened_ms <= limit_ms for case in cases)
    settled = len(cases) - still
    percent = round(100 * in_time / settled) if settled else None
    if is_hidden:
        return QueueFigures(queue.name, queue.target, len(cases), HIDDEN, HIDDEN, still)
    return QueueFigures(queue.name, queue.target, len(cases), in_time, percent, still)


def _first(case: CaseHistory) -> Decision:
    return min(case.decisions, key=lambda each: each.at_ms)
