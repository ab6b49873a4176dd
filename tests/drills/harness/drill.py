"""One drill: strike, wait for the alert, do what its runbook says, wait until it has cleared."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tests.contract.test_alerts import ALERTS
from tests.drills.harness.scaled import seconds
from tests.drills.harness.site import Site

# The longest `for` of an alert that looks back at an incident (two minutes), and Alertmanager's wait, with a
# margin.
_AFTERMATH = 180.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a drill measured, in seconds: from the fault to the alert, from the mitigation to its end.

    The times of the rules were divided by `scale`.
    """

    drill: str
    alert: str
    scale: float
    severity: str
    fired: float
    other_pages: tuple[str, ...]
    cleared: float


def run(
    site: Site,
    drill: str,
    alert: str,
    *,
    strike: Callable[[], object],
    mitigate: Callable[[], object],
    fires_within: float,
    clears_within: float,
) -> Result:
    """Run a drill whose `alert` must be the only page.

    `fires_within` is how long the condition of the alert may take to become true; its `for` is added.
    Likewise `clears_within` and `keep_firing_for`. Raises AssertionError if anything is otherwise.
    """
    rule = ALERTS[alert]
    watch = site.monitoring
    started = time.monotonic()
    strike()
    stated = fires_within + seconds(rule["for"]) / site.scale
    site.wait_for(lambda: alert in watch.firing(), max(60.0, stated), f"{alert} fires")
    fired = time.monotonic() - started
    # Whatever else fires by now is notified after this wait.
    time.sleep(2 * seconds("30s") / site.scale)
    repaired = time.monotonic()
    mitigate()
    kept = seconds(rule["keep_firing_for"]) / site.scale
    site.wait_for(lambda: alert not in watch.firing(), clears_within + kept, f"{alert} ends")
    cleared = time.monotonic() - repaired
    # Alerts that come only with the recovery page as well.
    time.sleep(_AFTERMATH / site.scale)
    others = _others(watch.pager.called["page"], alert)
    print(f"{drill}: {alert} after {fired:.0f} s, other pages {others}, cleared after {cleared:.0f} s")
    print(watch.describe())
    assert others == (), f"these paged as well: {others}"
    assert alert in watch.pager.called[rule["labels"]["severity"]]
    return Result(drill, alert, site.scale, rule["labels"]["severity"], fired, others, cleared)


def _others(pages: Collection[str], alert: str) -> tuple[str, ...]:
    return tuple(sorted(set(pages) - {alert}))
