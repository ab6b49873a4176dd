"""What a case's policy measured over time, as the points of a chart with the thresholds drawn in."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.contract.events.escalation import Condition, Escalation
from streams.contract.wire.times import moment_ms

# Units of the drawing; the page scales it. The margins hold the labels of the axes.
WIDTH: Final = 600
HEIGHT: Final = 150
LEFT: Final = 48
_RIGHT: Final = 12
_TOP: Final = 12
BOTTOM: Final = 24

# A line above the highest point, so that it does not touch the frame.
_HEADROOM: Final = 1.1


class Point(NamedTuple):
    """A value as it was recorded when the case reached `level`, and where it is drawn."""

    at: str
    value: float
    threshold: float
    level: str
    x: float
    y: float


class Threshold(NamedTuple):
    """The value from which a level holds, and its height in the drawing."""

    value: float
    level: str
    y: float


class Chart(NamedTuple):
    """One measure, from the start of the first window to the last event.

    `top` is the value at the upper edge.
    """

    measure: str
    begins_at: str
    ends_at: str
    top: float
    points: Sequence[Point]
    thresholds: Sequence[Threshold]

    @property
    def line(self) -> str:
        """The points as a line of SVG, from nothing at the start of the window."""
        drawn = [f"{LEFT},{HEIGHT - BOTTOM}", *(f"{point.x:.1f},{point.y:.1f}" for point in self.points)]
        return " ".join(drawn)


def charts(events: Sequence[Escalation]) -> list[Chart]:
    """A chart per measure, in the order in which events name them. A clock has none."""
    if events[-1].clock is not None:
        return []
    names = dict.fromkeys(condition.measure for event in events for condition in event.conditions)
    return [_chart(events, measure) for measure in names]


def _chart(events: Sequence[Escalation], measure: str) -> Chart:
    said = [
        (event, condition)
        for event in events
        for condition in event.conditions
        if condition.measure == measure
    ]
    begins_at, ends_at = events[0].window.start, events[-1].at
    top = _HEADROOM * max(max(condition.value, condition.threshold) for _, condition in said) or 1.0
    begin = moment_ms(begins_at)
    length = max(1, moment_ms(ends_at) - begin)

    def across(at: str) -> float:
        return LEFT + (WIDTH - LEFT - _RIGHT) * (moment_ms(at) - begin) / length

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - _TOP) * value / top

    points = [
        Point(
            event.at,
            condition.value,
            condition.threshold,
            _level(event),
            across(event.at),
            up(condition.value),
        )
        for event, condition in said
    ]
    return Chart(measure, begins_at, ends_at, top, points, [
        Threshold(value, level, up(value)) for value, level in _thresholds(said)
    ])  # fmt: skip


def _thresholds(said: Sequence[tuple[Escalation, Condition]]) -> list[tuple[float, str]]:
    """The thresholds of every level that the case reached, the lowest first."""
    # A case that calms down falls below the threshold of a level that it had; that is no other threshold.
    levels = {
        condition.threshold: f"{_level(event)}, {condition.comparison}"
        if condition.comparison
        else _level(event)
        for event, condition in said
        if event.type != "resolved"
    }
    return sorted(levels.items())


def _level(event: Escalation) -> str:
    return f"level {event.level}"
