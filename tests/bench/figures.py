"""The figures: their units, the floors they must keep, and the table of several runs."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """A figure. `floor` is a least value, or a most one where less is better."""

    name: str
    unit: str
    floor: float | None = None
    less_is_better: bool = False

    def reached(self, value: float) -> bool:
        """Whether the floor is kept."""
        return self.floor is None or (value <= self.floor if self.less_is_better else value >= self.floor)


STAGES = (
    "decode", "resolve", "score", "count", "decide", "encode", "save state", "between", "assess, all of it",
    "of that, what the law adds", "publish",
)  # fmt: skip
FLOORS = {"resolve": 2.0}

FIGURES = (
    Figure("one worker: reports/s", "reports/s", 50_000),
    Figure("Faust as documented: reports/s", "reports/s"),
    Figure("one worker: times the baseline", "times", 60),
    Figure("two workers: reports/s", "reports/s"),
    Figure("20,000 channels: reports/s", "reports/s"),
    Figure("all-new channels: reports/s", "reports/s", 20_000),
    Figure("one hot channel: reports/s", "reports/s"),
    Figure("one worker: CPU per report", "us", less_is_better=True),
    Figure("the runtime alone: reports/s", "reports/s"),
    Figure("the runtime alone: CPU per report", "us", less_is_better=True),
    Figure("metrics: share of the worker's CPU", "%", 2, less_is_better=True),
    Figure("one worker with metrics, 200,000 reports: reports/s", "reports/s"),
    Figure("one worker without metrics, 200,000 reports: reports/s", "reports/s"),
    *(Figure(f"core: {stage}", "us", FLOORS.get(stage), less_is_better=True) for stage in STAGES),
    *(
        Figure(
            f"latency at {rate:,}/s: p{part}",
            "ms",
            100 if (rate, part) == (1_000, 99) else None,
            less_is_better=True,
        )
        for rate in (100, 1_000, 10_000)
        for part in (50, 95, 99)
    ),
    Figure("restore: channels/s", "channels/s", 100_000),
    Figure("longest wait when a worker leaves", "s", less_is_better=True),
    Figure("longest wait when a worker joins", "s", less_is_better=True),
    Figure("longest wait when a worker is killed", "s", less_is_better=True),
    Figure("quiet channel: bytes after a restore", "bytes", 1_024, less_is_better=True),
    Figure("quiet channel: bytes in the worker that saw it come", "bytes", 1_024, less_is_better=True),
)


def table(runs: Sequence[Mapping[str, float]]) -> str:
    """Markdown: the median of the runs, their spread, the floor."""
    rows = ["| figure | unit | median | least to most | floor |", "| --- | --- | ---: | --- | --- |"]
    for figure in FIGURES:
        values = [run[figure.name] for run in runs if figure.name in run]
        if not values:
            continue
        middle = median(values)
        spread = f"{_text(min(values))} to {_text(max(values))}" if len(values) > 1 else ""
        floor = ""
        if figure.floor is not None:
            sign = "at most" if figure.less_is_better else "at least"
            floor = f"{sign} {_text(figure.floor)}" + ("" if figure.reached(middle) else ": **missed**")
        rows.append(f"| {figure.name} | {figure.unit} | {_text(middle)} | {spread} | {floor} |")
    return "\n".join(rows)


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
