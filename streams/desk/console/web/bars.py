"""Numbers over time as the bars of a drawing."""

from collections.abc import Sequence
from typing import Final, NamedTuple

# Units of the drawing; the page scales it. The margins hold the labels of the axes.
WIDTH: Final = 600
HEIGHT: Final = 120
_LEFT: Final = 48
_TOP: Final = 12
_BOTTOM: Final = 24
# Of the space of a bar, so that neighbours are told apart.
_BAR: Final = 0.8


class Bar(NamedTuple):
    """The number of a span and its rectangle. What is no number is drawn as low as if it were nothing."""

    label: str
    number: float | str
    x: float
    y: float
    width: float
    height: float


class BarChart(NamedTuple):
    """What is drawn, by day, week or month; `top` is the number at the upper edge."""

    title: str
    unit: str
    top: float
    bars: Sequence[Bar]


def bar_chart(title: str, unit: str, spans: Sequence[tuple[str, float | str]]) -> BarChart:
    """Draw the spans of a unit of time, each with its label and its number or what is said in its place."""
    top = max((number for _, number in spans if not isinstance(number, str)), default=0) or 1
    step = (WIDTH - _LEFT) / len(spans)
    floor = HEIGHT - _BOTTOM
    bars = []
    for place, (label, number) in enumerate(spans):
        height = (floor - _TOP) * (0 if isinstance(number, str) else number) / top
        bars.append(Bar(label, number, _LEFT + step * place, floor - height, step * _BAR, height))
    return BarChart(title, unit, top, bars)
