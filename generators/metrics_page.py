"""Writes docs/metrics.md from the catalogue."""

from itertools import groupby
from pathlib import Path

from streams.running.operations.adapter_metric_catalogue import ADAPTER_CATALOGUE
from streams.running.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.running.operations.intake_metric_catalogue import INTAKE_CATALOGUE
from streams.running.operations.metric import LABELS, Metric
from streams.running.operations.metric_catalogue import CATALOGUE

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

_HEAD = """\
# Metrics

<!-- Generated from streams/running/operations/metric_catalogue.py by `python -m generators metrics_page`. -->

A worker serves these metrics on `/metrics`, in Prometheus' text format, at TOCSIN_HTTP_HOST and TOCSIN_HTTP_PORT. Counters
and histograms start at 0 with the worker and include committed batches only. `/metrics` also has `process_*` and
`python_gc_*`. No label identifies a channel, a message, a report or a reporter.
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
    """The text of the page."""
    return {PAGE: page()}


def page() -> str:
    """The content of docs/metrics.md."""
    parts = [_HEAD]
    for group, metrics in groupby(CATALOGUE, key=lambda metric: metric.group):
        parts.append(f"\n## {group}\n\n| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n")
        parts += map(_row, metrics)
    parts.append(_CONSOLE)
    parts += map(_row, CONSOLE_CATALOGUE)
    parts.append(_ADAPTERS)
    parts += map(_row, ADAPTER_CATALOGUE)
    parts.append(_INTAKE)
    parts += map(_row, INTAKE_CATALOGUE)
    parts.append("\n## Labels\n\n| label | values |\n| --- | --- |\n")
    parts += (f"| `{label}` | {values} |\n" for label, values in sorted(LABELS.items()))
    return "".join(parts)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    buckets = (
        f" Buckets up to {', '.join(f'{bound:g}' for bound in metric.buckets)}." if metric.buckets else ""
    )
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning}{buckets} |\n"
