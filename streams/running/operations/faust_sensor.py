"""Counts and times rebalances, which only Faust reports."""

import time
from typing import Any

import faust

from streams.running.operations.metrics import Metrics
from streams.running.operations.readiness import Readiness


class RebalanceSensor(faust.Sensor):
    """A sensor of Faust, to be added to `app.sensors`, that updates metrics and readiness."""

    def __init__(self, metrics: Metrics, readiness: Readiness) -> None:
        super().__init__()
        self._metrics = metrics
        self._readiness = readiness

    def on_rebalance_start(self, app: Any) -> dict[str, float]:  # noqa: ARG002
        """Called in the consumer's thread before partitions are revoked."""
        self._metrics.rebalances.add(())
        self._readiness.rebalance_began()
        return {"began": time.monotonic()}

    def on_rebalance_end(self, app: Any, state: dict[str, float]) -> None:  # noqa: ARG002
        """Called after all assigned partitions were taken over, with what on_rebalance_start returned."""
        self._metrics.rebalance_duration.observe(time.monotonic() - state["began"])
