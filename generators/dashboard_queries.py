"""Panels of the dashboard, and functions that build their queries."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries` by legend; `unit` is an id of Grafana's; `width` is in columns, 24 to a row.

    `columns` are the labels that come first in a table; without them it shows everything as it comes.
    """

    title: str
    description: str
    unit: str
    queries: dict[str, str]
    kind: Literal["stat", "timeseries", "heatmap", "table"] = "timeseries"
    width: int = 8
    columns: tuple[str, ...] = ()


Row = tuple[str, tuple[Panel, ...]]
"""A title and the panels below it."""


_SELECT = 'job=~"$job", instance=~"$instance"'


def series(metric: str, more: str = "") -> str:
    """The series of a metric of the selected workers; `more` adds matchers and begins with a comma."""
    return f"{metric}{{{_SELECT}{more}}}"


def rate(metric: str, by: str = "", more: str = "") -> str:
    """The rate of a counter per second, summed over all labels except those in `by`."""
    group = f" by ({by})" if by else ""
    return f"sum{group} (rate({series(metric, more)}[$__rate_interval]))"


def total(metric: str, by: str = "", more: str = "") -> str:
    """A gauge, summed over all labels except those in `by`."""
    group = f" by ({by})" if by else ""
    return f"sum{group} ({series(metric, more)})"


def quantiles(histogram: str) -> dict[str, str]:
    """Queries for the median, p95 and p99 of a histogram, by legend."""
    buckets = rate(f"{histogram}_bucket", "le")
    return {f"p{q * 100:.0f}": f"histogram_quantile({q}, {buckets})" for q in (0.5, 0.95, 0.99)}


def stat(title: str, description: str, unit: str, query: str, width: int = 3) -> Panel:
    """A panel that shows one number."""
    return Panel(title, description, unit, {title: query}, "stat", width)
