"""What a case's policy measured over time, as the points of a chart with the thresholds drawn in."""

from collections.abc import Sequence
from typing import NamedTuple

from streams.events.escalation import Escalation
from streams.text.moments import moment_ms

# Units of the drawing; the page scales it.
WIDTH = 600
HEIGHT = 120
_MARGIN = 8


class Point(NamedTuple):
    """A value as it was recorded, and where it is drawn."""

    at: str
    value: float
    x: float
    y: float


class Chart(NamedTuple):
    """One measure: its points, and the heights of the thresholds that events named."""

    measure: str
    points: Sequence[Point]
    thresholds: Sequence[tuple[float, float]]

    @property
    def line(self) -> str:
        """The points as a line of SVG."""
        return " ".join(f"{point.x:.1f},{point.y:.1f}" for point in self.points)


def charts(events: Sequence[Escalation]) -> list[Chart]:
    """A chart per measure, in the order in which events name them. A clock has none."""
    if events[-1].clock is not None:
        return []
    begin = moment_ms(events[0].window.start)
    length = max(1, moment_ms(events[-1].at) - begin)
    names = dict.fromkeys(condition.measure for event in events for condition in event.conditions)
    drawn = []
    for measure in names:
        said = [
            (event.at, condition)
            for event in events
            for condition in event.conditions
            if condition.measure == measure
        ]
        top = max(max(condition.value, condition.threshold) for _, condition in said) or 1.0
        points = [
            Point(
                at,
                condition.value,
                _MARGIN + (WIDTH - 2 * _MARGIN) * (moment_ms(at) - begin) / length,
                _height(condition.value, top),
            )
            for at, condition in said
        ]
        thresholds = sorted({condition.threshold for _, condition in said})
        drawn.append(Chart(measure, points, [(value, _height(value, top)) for value in thresholds]))
    return drawn


def _height(value: float, top: float) -> float:
    return HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * value / top
