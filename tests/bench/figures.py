"""The figures: their units, their targets, and the table of several runs."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """A figure. `target` is the least acceptable value, or the greatest where less is better."""

    name: str
    unit: str
    target: float | None = None
    less_is_better: bool = False

    def met(self, value: float) -> bool:
        """Whether a value meets the target."""
        return self.target is None or (value <= self.target if self.less_is_better else value >= self.target)


HOPS = ("gate", "stamp", "home", "produce")
STEPS = (
    "decode", "resolve", "score", "count", "decide", "encode", "save state", "other", "added by the law",
    "added by counting messages",
)  # fmt: skip
STEP_TARGETS = {"resolve": 2.0, "added by counting messages": 1.0}

# By partitions and rate: CPU in percent of a core, and the median and 99th percentile of the latency in
# milliseconds.
PARTITION_TARGETS = {
    (4, 100): (12, None, None),
    (4, 1_000): (25, 80, 80),
    (48, 100): (15, None, None),
    (48, 1_000): (28, 120, 120),
}

# The last version in which reports could leave out the stage of reporters, without it: measured in one sitting on
# 2026-11-28 (docs/performance.md, 'The next version'). On another machine, or a busy one, they say nothing.
BEFORE = {
    "one worker: reports/s": 20_000,
    "one worker: CPU per report": 52,
    "4 partitions, 1,000/s: p99": 80,
    "48 partitions, 1,000/s: p99": 380,
}

# Of a console with 50,000 open cases.
CONSOLE_PAGES = (
    "desk", "desk, filtered", "desk, by channel", "desk, by category", "desk, next page", "desk, one channel",
    "case",
    "clocks",
)  # fmt: skip

# Other programs that do a part of the job, `make bench ARGS=peers`.
PEERS = ("Kafka Streams DSL", "Kafka Streams Processor API", "Quix Streams")
PEER_FIGURES = (
    Figure("beside peers, one worker: reports/s", "reports/s"),
    Figure("beside peers, one worker: CPU per report", "us", less_is_better=True),
    *(
        figure
        for peer in PEERS
        for figure in (
            Figure(f"{peer}: reports/s", "reports/s"),
            Figure(f"{peer}: ratio to the worker", "times"),
            Figure(f"{peer}: CPU per report", "us", less_is_better=True),
            Figure(f"{peer}: escalations", ""),
        )
    ),
)

FIGURES = (
    Figure("one worker: reports/s", "reports/s", 10_000),
    Figure("Faust baseline: reports/s", "reports/s"),
    Figure("one worker: ratio to the baseline", "times"),
    Figure("two workers: reports/s", "reports/s", 65_000),
    *(
        figure
        for core in ("native", "python")
        for figure in (
            Figure(
                f"with outcomes, {core} core: reports/s", "reports/s", 50_000 if core == "native" else None
            ),
            Figure(f"with outcomes, {core} core: CPU per report", "us", less_is_better=True),
        )
    ),
    Figure("with outcomes: ratio of the cores", "times", 4),
    *(
        figure
        for channels in ("20,000", "200,000")
        for figure in (
            Figure(f"{channels} channels: reports/s", "reports/s"),
            Figure(f"{channels} channels: CPU per report", "us", less_is_better=True),
        )
    ),
    Figure("all-new channels: reports/s", "reports/s", 20_000),
    Figure("one hot channel: reports/s", "reports/s"),
    Figure("one worker: CPU per report", "us", 100, less_is_better=True),
    Figure("one worker: written to Kafka per report", "bytes", less_is_better=True),
    Figure("the runtime alone: reports/s", "reports/s"),
    Figure("the runtime alone: CPU per report", "us", less_is_better=True),
    Figure("metrics: share of the worker's CPU", "%", 2, less_is_better=True),
    Figure("one worker with metrics, 200,000 reports: reports/s", "reports/s"),
    Figure("one worker without metrics, 200,000 reports: reports/s", "reports/s"),
    *(Figure(f"core: {hop}", "us", less_is_better=True) for hop in HOPS),
    Figure("core: all hops", "us", 100, less_is_better=True),
    *(Figure(f"core: home, {step}", "us", STEP_TARGETS.get(step), less_is_better=True) for step in STEPS),
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
    *(
        Figure(f"{what} at 1,000/s: p{part}", "ms", target if part == 99 else None, less_is_better=True)
        for what, target in (("intake", 100), ("direct publisher", None))
        for part in (50, 95, 99)
    ),
    # 1,000 reports a second on one core.
    Figure("intake: CPU per report", "us", 1_000, less_is_better=True),
    *(
        figure
        for (partitions, rate), (cpu, p50, p99) in PARTITION_TARGETS.items()
        for figure in (
            Figure(f"{partitions} partitions, {rate:,}/s: CPU", "%", cpu, less_is_better=True),
            Figure(f"{partitions} partitions, {rate:,}/s: p50", "ms", p50, less_is_better=True),
            Figure(f"{partitions} partitions, {rate:,}/s: p99", "ms", p99, less_is_better=True),
        )
    ),
    Figure("4 partitions, idle: CPU", "%", 1, less_is_better=True),
    Figure("4 partitions: descriptors", "", less_is_better=True),
    Figure("48 partitions, idle: CPU", "%", 1, less_is_better=True),
    Figure("48 partitions: descriptors", "", 40, less_is_better=True),
    Figure("48 partitions: takeover of the half of a killed worker", "s", 0.4, less_is_better=True),
    Figure("100 partitions: takeover of all", "s", 8, less_is_better=True),
    Figure("restore: channels/s", "channels/s", 100_000),
    Figure("longest wait when a worker leaves", "s", less_is_better=True),
    Figure("longest wait when a worker joins", "s", less_is_better=True),
    Figure("longest wait when a worker is killed", "s", 7, less_is_better=True),
    Figure("quiet channel: bytes after a restore", "bytes", 1_024, less_is_better=True),
    Figure("quiet channel: bytes before a restore", "bytes", 1_024, less_is_better=True),
    Figure("reporters: bytes per reporter", "bytes", 300, less_is_better=True),
    *(
        Figure(f"rules, {partitions} partitions, {traffic}: approval to in force, {part}", "s", target, True)
        for partitions in (4, 48)
        for traffic in ("idle", "1,000/s")
        for part, target in (("median", None), ("longest", 2))
    ),
    *(
        figure
        for partitions in (4, 48)
        for figure in (
            Figure(f"rules, {partitions} partitions, 1,000/s: p99 before", "ms", less_is_better=True),
            Figure(f"rules, {partitions} partitions, 1,000/s: p99 during changes", "ms", less_is_better=True),
            Figure(f"rules, {partitions} partitions, 1,000/s: ratio of these", "times", 1.2, True),
        )
    ),
    *(
        figure
        for core in ("native", "python")
        for figure in (
            Figure(f"candidate, {core} core: CPU per report without", "us", less_is_better=True),
            Figure(f"candidate, {core} core: CPU per report in shadow", "us", less_is_better=True),
            Figure(f"candidate, {core} core: ratio of these", "times", less_is_better=True),
        )
    ),
    *(
        figure
        for core in ("native", "python")
        for figure in (
            Figure(f"back-test, {core} core: CPU per report", "us", less_is_better=True),
            Figure(f"back-test, {core} core: reports/s and core", "reports/s", 30_000),
        )
    ),
    *(Figure(f"tracing {switch}: CPU at 1,000/s", "%", less_is_better=True) for switch in ("off", "on")),
    *(
        Figure(f"tracing {switch}, batches of {size}: {name}", unit, target, less_is_better=True)
        for switch, share in (("off", 0.1), ("on", 3))
        for size in ("5,000", "10")
        for name, unit, target in (
            ("share of CPU", "%", share if size == "5,000" else None),
            ("per transaction", "us", None),
        )
    ),
    *(Figure(f"console, {page}: p95", "ms", 150, less_is_better=True) for page in CONSOLE_PAGES),
    Figure("console: records read", "records/s"),
    Figure("console: memory", "MB", less_is_better=True),
    Figure("console: file", "MB", less_is_better=True),
)


def table(runs: Sequence[Mapping[str, float]]) -> str:
    """Format the runs as a Markdown table: median, range and target of each figure, and what it was before."""
    rows = ["| figure | unit | median | range | target | before |", "| --- | --- | ---: | --- | --- | ---: |"]
    for figure in (*FIGURES, *PEER_FIGURES):
        values = [run[figure.name] for run in runs if figure.name in run]
        if not values:
            continue
        middle = median(values)
        spread = f"{_text(min(values))} to {_text(max(values))}" if len(values) > 1 else ""
        target = ""
        if figure.target is not None:
            sign = "at most" if figure.less_is_better else "at least"
            target = f"{sign} {_text(figure.target)}" + ("" if figure.met(middle) else ": **missed**")
        before = _text(BEFORE[figure.name]) if figure.name in BEFORE else ""
        rows.append(f"| {figure.name} | {figure.unit} | {_text(middle)} | {spread} | {target} | {before} |")
    return "\n".join(rows)


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
