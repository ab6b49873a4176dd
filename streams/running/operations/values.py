"""Values of counters, gauges and histograms. Threads write them and a scrape reads them, without any lock."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from streams.running.operations.metric import Metric

Labels = tuple[str, ...]


class Values(Protocol):
    """The values of one metric."""

    @property
    def metric(self) -> Metric:
        """The metric in the catalogue."""

    def family(self) -> Family:
        """The values as a family of prometheus_client."""


class Numbers:
    """A counter or gauge by label values.

    The series in `known` begin at 0; others appear once they are added.
    """

    def __init__(self, metric: Metric, known: Iterable[Labels] = ()) -> None:
        self.metric = metric
        self._numbers: dict[Labels, float] = dict.fromkeys(known if metric.labels else [()], 0.0)

    def add(self, labels: Labels, amount: float = 1) -> None:
        """Add to a series, which an amount of 0 creates at 0."""
        self._numbers[labels] = self._numbers.get(labels, 0.0) + amount

    def add_each(self, amounts: Counter[Any]) -> None:
        """Add to series of one label, by its values."""
        for value, amount in amounts.items():
            self.add((value,), amount)

    def put(self, labels: Labels, value: float) -> None:
        """Set the value of a series of a gauge."""
        self._numbers[labels] = value

    def replace(self, series: Iterable[Labels]) -> None:
        """Have these series of a gauge and no others, all at 1."""
        self._numbers = dict.fromkeys(series, 1.0)

    def of(self, *labels: str) -> float:
        """The value of a series, 0 if it does not exist."""
        return self._numbers.get(labels, 0.0)

    def family(self) -> Family:
        """The values as a family of prometheus_client."""
        of_kind = CounterMetricFamily if self.metric.kind == "counter" else GaugeMetricFamily
        family = of_kind(self.metric.name, self.metric.meaning, labels=self.metric.labels)
        # A copy, because the consumer's thread may add a series meanwhile.
        for labels, number in sorted(self._numbers.copy().items()):
            family.add_metric(labels, number)
        return family


class Histogram:
    """A histogram.

    It takes many values per call: one call per value, at 0.6 us, would cost 3 % of throughput.
    """

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.count = 0
        self.sum = 0.0
        self._at_most = [0] * len(metric.buckets)

    def observe(self, value: float, number: int = 1) -> None:
        """Add a value, in the unit of the metric, as often as it was seen."""
        for place in range(bisect_left(self.metric.buckets, value), len(self._at_most)):
            self._at_most[place] += number
        self.count += number
        self.sum += value * number

    def observe_ages(self, times_ms: Sequence[int], now_ms: int) -> None:
        """Add the age of each time, in seconds.

        A time in the future, from another machine's clock, counts as age 0.
        """
        ordered = sorted(times_ms)
        for place, bound in enumerate(self.metric.buckets):
            self._at_most[place] += len(ordered) - bisect_left(ordered, now_ms - bound * 1000)
        ahead = ordered[bisect_left(ordered, now_ms) :]
        self.count += len(ordered)
        self.sum += ((len(ordered) - len(ahead)) * now_ms - sum(ordered) + sum(ahead)) / 1000

    def family(self) -> Family:
        """The values as a family of prometheus_client."""
        family = HistogramMetricFamily(self.metric.name, self.metric.meaning)
        buckets = [*zip(map(str, self.metric.buckets), self._at_most, strict=True), ("+Inf", self.count)]
        family.add_metric((), buckets, self.sum)
        return family


def gauge(metric: Metric, rows: Iterable[tuple[Labels, float]]) -> Numbers:
    """Make a gauge from rows of label values and value, for one scrape."""
    numbers = Numbers(metric)
    for labels, value in rows:
        numbers.put(labels, value)
    return numbers
