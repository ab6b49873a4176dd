"""Writes docs/metrics.md and docs/metrics-labels.md from the catalogues."""

from itertools import groupby
from pathlib import Path

from streams.running.operations.adapter_metric_catalogue import ADAPTER_CATALOGUE
from streams.running.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.running.operations.intake_metric_catalogue import INTAKE_CATALOGUE
from streams.running.operations.metric import LABELS, Metric
from streams.running.operations.metric_catalogue import CATALOGUE

DOCS = Path(__file__).parents[1] / "docs"

_HEAD = """\
# Metrics

<!-- Generated from streams/running/operations/metric_catalogue.py by `python -m generators metrics_page`. -->

A worker serves these metrics on `/metrics`, in Prometheus' text format, at TOCSIN_HTTP_HOST and TOCSIN_HTTP_PORT. Counters
and histograms start at 0 with the worker and include committed batches only. `/metrics` also has `process_*` and
`python_gc_*`. No label identifies a channel, a message, a report or a reporter;
[`docs/metrics-labels.md`](metrics-labels.md) has the values of each.
"""

_LABELS = """\
# Values of labels

<!-- Generated from streams/running/operations/metric.py by `python -m generators metrics_page`. -->

The labels of the metrics in [`docs/metrics.md`](metrics.md), and which values they have.

| label | values |
| --- | --- |
"""

_CONSOLE = """
## Console

A console serves these on `/metrics` at TOCSIN_CONSOLE_METRICS_HOST and TOCSIN_CONSOLE_METRICS_PORT, with `process_*` and
`python_gc_*`.

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
"""

_ADAPTERS = """
## Adapters

An adapter serves these on `/metrics`, where its settings `..._METRICS_HOST` and `..._METRICS_PORT` say, with `process_*` and
`python_gc_*`.

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
"""
_INTAKE = """
## Intake

`tocsin intake` serves these on `/metrics` at TOCSIN_INTAKE_METRICS_HOST and TOCSIN_INTAKE_METRICS_PORT, with `process_*` and
`python_gc_*`.

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
"""


def files() -> dict[Path, str]:
    """The texts of the pages."""
    return {DOCS / "metrics.md": metrics(), DOCS / "metrics-labels.md": labels()}


def metrics() -> str:
    """The content of docs/metrics.md."""
    parts = [_HEAD]
    for group, members in groupby(CATALOGUE, key=lambda metric: metric.group):
        parts.append(f"\n## {group}\n\n| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n")
        parts += map(_row, members)
    parts.append(_CONSOLE)
    parts += map(_row, CONSOLE_CATALOGUE)
    parts.append(_ADAPTERS)
    parts += map(_row, ADAPTER_CATALOGUE)
    parts.append(_INTAKE)
    parts += map(_row, INTAKE_CATALOGUE)
    return "".join(parts)


def labels() -> str:
    """The content of docs/metrics-labels.md."""
    return _LABELS + "".join(f"| `{label}` | {values} |\n" for label, values in sorted(LABELS.items()))


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    buckets = (
        f" Buckets up to {', '.join(f'{bound:g}' for bound in metric.buckets)}." if metric.buckets else ""
    )
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning}{buckets} |\n"
