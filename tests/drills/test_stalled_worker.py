"""The shortest drill: one of two workers hangs."""

from pathlib import Path

import pytest

from tests.drills.harness.drill import Result, run
from tests.drills.harness.monitoring import needs_monitoring
from tests.drills.harness.site import Site, freeze
from tests.runbook_lines import mitigation

pytestmark = [needs_monitoring, pytest.mark.nightly]

ALERT = "TocsinWorkerDown"


def test_a_worker_that_hangs(
    kafka: str, prefix: str, tmp_path: Path, scale: float, results: list[Result]
) -> None:
    """The other one takes over, so nothing but the worker pages, and killing it is the whole repair."""
    with Site(tmp_path, kafka, prefix, scale=scale) as site:
        frozen = site.workers[0]
        results.append(
            run(
                site,
                "a worker hangs",
                ALERT,
                strike=lambda: freeze(frozen),
                mitigate=lambda: site.shell.run(mitigation(ALERT, "systemctl kill"), INSTANCE="1"),
                fires_within=10,
                clears_within=30,
            )
        )
        assert frozen.starts == 2
        site.stop_traffic()
        site.wait_for(site.all_ready, 30, "both are ready")
        site.wait_for(site.deployment.everything_applied, 30, "everything is applied")
