"""The events of Faust that only Faust can tell: rebalances from their beginning to their end."""

import time
from typing import Any

import faust

from streams.operations.metrics import Metrics
from streams.operations.readiness import Readiness


class RebalanceSensor(faust.Sensor):
    """Add it to `app.sensors`."""

    def __init__(self, metrics: Metrics, readiness: Readiness) -> None:
        super().__init__()
        self._metrics = metrics
        self._readiness = readiness

    def on_rebalance_start(self, app: Any) -> dict[str, float]:  # noqa: ARG002
        """Called in the consumer's thread, before partitions are given up."""
        self._metrics.rebalances.add(())
        self._readiness.rebalance_began()
        return {"began": time.monotonic()}

    def on_rebalance_end(self, app: Any, state: dict[str, float]) -> None:  # noqa: ARG002
        """Called when everything assigned is taken over; `state` is what the start returned."""
        self._metrics.rebalance_duration.observe(time.monotonic() - state["began"])
