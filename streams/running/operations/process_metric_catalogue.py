"""Metrics of a process, whatever it does. Consoles and adapters have the version alone."""

from streams.running.operations.metric import LOOP_DELAY, Metric

_GROUP = "Process"
BUILD_INFO = Metric(_GROUP, "tocsin_build_info", "gauge", "1 for the running version.", ("version",))
CORE_INFO = Metric(
    _GROUP,
    "tocsin_core_info",
    "gauge",
    "1 for the core that reads published reports; `/status` says why that one.",
    ("core",),
)
LOOP_DELAY_SECONDS = Metric(
    _GROUP,
    "tocsin_loop_delay_seconds",
    "histogram",
    "How late a timer of one second fired in the worker's event loop.",
    buckets=LOOP_DELAY,
)

SPANS = Metric(
    _GROUP,
    "tocsin_spans_total",
    "counter",
    "Spans of transactions that were to be sent (`TOCSIN_TRACING=on`), by what became of them.",
    ("fate",),
)

PROCESS_CATALOGUE: tuple[Metric, ...] = tuple(
    value for value in globals().values() if isinstance(value, Metric)
)
