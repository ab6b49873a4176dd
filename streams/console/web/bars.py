"""Numbers over time as the bars of a chart."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.text.transparency_series import Series

# Units of the drawing; the page scales it. The margins hold the labels of the axes.
WIDTH: Final = 600
HEIGHT: Final = 120
_LEFT: Final = 48
_TOP: Final = 12
_BOTTOM: Final = 24
# Of the room of a bar, so that neighbours are told apart.
_BAR: Final = 0.8


class Bar(NamedTuple):
    """The count of a span and its rectangle. A hidden count is drawn as low as if it were nothing."""

    label: str
    number: int | str
    x: float
    y: float
    width: float
    height: float


class BarChart(NamedTuple):
    """One section of the report; `top` is the count at the upper edge."""

    name: str
    title: str
    unit: str
    top: int
    bars: Sequence[Bar]


def bar_chart(series: Series) -> BarChart:
    """Draw what a section counted."""
    top = max(span.number for span in series.spans if isinstance(span.number, int)) or 1
    step = (WIDTH - _LEFT) / len(series.spans)
    floor = HEIGHT - _BOTTOM
    bars = []
    for place, (label, number) in enumerate(series.spans):
        height = (floor - _TOP) * (number if isinstance(number, int) else 0) / top
        bars.append(Bar(label, number, _LEFT + step * place, floor - height, step * _BAR, height))
    return BarChart(series.kind.name, series.kind.title, series.unit, top, bars)
