"""Monitoring of a running worker: HTTP server, heartbeat of the event loop, watchdog."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from streams import __version__
from streams.registry.changes.halting import TrialNumbers
from streams.registry.changes.history import short
from streams.registry.rules import Rules
from streams.running.alignment.standing import Standing
from streams.running.cycle.lag import SourceLag
from streams.running.operations import metric_catalogue as catalogue
from streams.running.operations.core import CoreChoice
from streams.running.operations.http_server import serve
from streams.running.operations.lag_watch import Lag, LagWatch
from streams.running.operations.law_watch import LawWatch
from streams.running.operations.memory_limit import memory_limit, state_budget
from streams.running.operations.metrics import Exposition, Metrics
from streams.running.operations.owned_partitions import EpisodeKind, OwnedPartitions, moment
from streams.running.operations.readiness import Readiness
from streams.running.operations.rules_standing import RulesStanding
from streams.running.operations.standstill import IdleTime
from streams.running.operations.values import Numbers, gauge
from streams.running.operations.watchdog import Watchdog
from streams.running.takeover.membership import LONGEST_SESSION_SECONDS

logger = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 1.0

# After this long without an answer other workers own its partitions. A broker that restarts is away for less.
SILENCE_SECONDS = LONGEST_SESSION_SECONDS


class WorkerOperations:
    """Metrics and health of one worker.

    `topics` are the source topics of each stage, without prefix; `source_lags` returns the lag of every
    partition that the worker owns.
    """

    def __init__(
        self,
        rules: Rules,
        topics: Mapping[str, Iterable[str]],
        source_lags: Callable[[], Iterable[SourceLag]],
        core: CoreChoice,
    ) -> None:
        # How sources wait for each other: see alignment/.
        self.standing: Callable[[], Standing] = Standing
        # Of the rules and of the limits; known once the topics are.
        self._ids: tuple[str, str] | None = None
        # The destinations that take no records: topic without prefix, partition, reason.
        self.troubles: Callable[[], Iterable[tuple[str, str, str]]] = tuple
        # What the log of rule changes says.
        self.rules_standing: Callable[[], RulesStanding] = RulesStanding
        self.metrics = Metrics(rules, topics, core)
        self.readiness = Readiness()
        self.partitions = OwnedPartitions(rules, topics)
        self._rules = rules
        self._core = core
        self._lag_watch = LagWatch(source_lags)
        self._law_watch = LawWatch(rules)
        self._restore_standstill = IdleTime()
        self._exposition = Exposition(self.metrics.values(), self._live)
        limit = memory_limit()
        self._state_budget = None if limit is None else state_budget(limit)
        self._started_at = time.time()
        self._last_batch = time.monotonic()
        self._most_stalled: tuple[float, str] = (0.0, "")

    def decides_with(self, rules_id: str, limits_id: str) -> None:
        """Record which rules and limits this worker has: see worker/terms.py."""
        self._ids = (rules_id, limits_id)

    def judges_by(self, rules: Rules) -> None:
        """Show these rules as those in force, instead of the files of the installation."""
        self._rules = rules
        self.metrics.judge_by(rules)
        self.partitions.judge_by(rules)
        self._law_watch = LawWatch(rules)

    def batch_committed(self, stage: str, partition: int, opened: Mapping[EpisodeKind, int]) -> None:
        """Record that a batch was applied and committed; see OwnedPartitions.committed for `opened`."""
        self._last_batch = time.monotonic()
        self.partitions.committed(stage, partition, opened)

    def has_room(self) -> bool | None:
        """Return whether there is memory for more state; None between the budget and an eighth less."""
        budget = self._state_budget
        if budget is None:
            return True
        taken = self.partitions.state_memory()
        if taken >= budget:
            return False
        return True if taken < budget - budget // 8 else None

    @asynccontextmanager
    async def running(self, host: str, port: int, watchdog_seconds: float) -> AsyncIterator[None]:
        """Serve and watch in the running event loop.

        Raises AddressRefused if it cannot listen on `host` and `port`.
        """
        async with serve(
            host,
            port,
            prefix="TOCSIN_HTTP_",
            metrics=self._exposition.text,
            liveness=lambda: f"last batch {time.monotonic() - self._last_batch:.1f} s ago",
            reason_not_ready=self._reason_not_ready,
            status=self.status,
        ) as address:
            logger.info("serving /metrics, /livez, /readyz and /status", address=address)
            watchdog = Watchdog(watchdog_seconds, lambda: self._most_stalled)
            watchdog.start(asyncio.get_running_loop())
            heart = asyncio.create_task(self._beat(watchdog), name="heartbeat")
            try:
                yield
            finally:
                watchdog.stop()
                heart.cancel()

    def status(self) -> dict[str, Any]:
        """The document served at /status."""
        reason = self._reason_not_ready()
        return {
            "version": __version__,
            "policy_version": self._rules.policy_version,
            "registry_version": self._rules.registry_version,
            "rules_id": self._ids[0] if self._ids else None,
            "rules": _described(self.rules_standing()),
            "core": self._core._asdict(),
            "started": moment(self._started_at),
            "ready": reason is None,
            "reason": reason,
            "seconds_since_last_batch": round(time.monotonic() - self._last_batch, 3),
            "rebalances": int(self.metrics.rebalances.of()),
            "partitions": self.partitions.describe(self._lags()),
        }

    async def _beat(self, watchdog: Watchdog) -> None:
        while True:
            due = time.monotonic() + HEARTBEAT_SECONDS
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self.metrics.loop_delay.observe(max(0.0, time.monotonic() - due))
            watchdog.beat()
            self._lags()

    def _reason_not_ready(self) -> str | None:
        reason = self.readiness.reason_against()
        silence = self._lag_watch.silence
        if reason is None and silence >= SILENCE_SECONDS:
            return f"the brokers do not answer, {silence:.0f} s"
        return reason

    def _lags(self) -> list[Lag]:
        # A worker must not end itself because it waits for another one that restores or hangs.
        lags = self._lag_watch.sample(restoring=self.readiness.restoring or self.readiness.waiting_for_others)
        restore = self._restore_standstill.sample(self.readiness.restore_progress)
        stalled = [(restore, f"{self.readiness.reason_against()}; no state record received")]
        stalled += (
            (
                lag.stalled,
                f"{lag.topic} partition {lag.partition}: {lag.records} records are waiting, none applied",
            )
            for lag in lags
        )
        self._most_stalled = max(stalled)
        return lags

    def _live(self) -> list[Numbers]:
        ready = self._reason_not_ready() is None
        return [
            gauge(catalogue.READY, [((), float(ready))]),
            gauge(catalogue.KEPT_OUT, [((), float(self.readiness.is_kept_out))]),
            gauge(catalogue.TERMS_INFO, self._terms_info()),
            # A gauge without rows would be shown as 0, and state would then be more than all memory.
            *([gauge(catalogue.STATE_BUDGET, [((), self._state_budget)])] if self._state_budget else []),
            *self.partitions.gauges(self._lags()),
            *self._law_watch.gauges(),
            *_gauges_of(self.standing()),
            *_gauges_of_rules(self.rules_standing()),
            gauge(catalogue.DESTINATION_IN_TROUBLE, ((each, 1) for each in self.troubles())),
        ]

    def _terms_info(self) -> list[tuple[tuple[str, ...], float]]:
        if self._ids is None or self.readiness.is_kept_out:
            return []
        return [((__version__, *self._ids), 1.0)]


def _described(standing: RulesStanding) -> dict[str, Any]:
    return {
        "in_force": standing.in_force,
        "files_differ": standing.differs,
        "not_ready": dict(standing.not_ready),
        "trial": standing.trial and {"rules": standing.trial[0], "share": standing.trial[1]},
    }


def _gauges_of_rules(standing: RulesStanding) -> list[Numbers]:
    oldest, trial, halted = standing.oldest_proposal_ms, standing.trial, standing.halted
    return [
        gauge(catalogue.RULES_NOT_READY, (((short(each),), 1) for each, _ in standing.not_ready)),
        gauge(catalogue.RULES_DIFFER, [((), float(standing.differs))]),
        # Without rows it would be shown as 0.
        *([] if oldest is None else [gauge(catalogue.RULES_PROPOSED, [((), oldest / 1000)])]),
        *(
            []
            if halted is None
            else [gauge(catalogue.RULES_HALTED, [((short(halted[0]),), halted[1] / 1000)])]
        ),
        *([] if trial is None else [gauge(catalogue.RULES_TRIAL, [((short(trial[0]),), trial[1])])]),
        *([] if standing.numbers is None else _gauges_of_trial(standing.numbers)),
    ]


def _gauges_of_trial(numbers: TrialNumbers) -> list[Numbers]:
    episodes = (
        ((policy, str(level), by), number)
        for (policy, level), sides in numbers.episodes.items()
        for by, number in sides._asdict().items()
    )
    reports = (((by,), number) for by, number in numbers.reports._asdict().items())
    return [gauge(catalogue.TRIAL_EPISODES, episodes), gauge(catalogue.TRIAL_REPORTS, reports)]


def _gauges_of(standing: Standing) -> list[Numbers]:
    return [
        gauge(catalogue.SOURCES_HELD, (((topic,), number) for topic, number in standing.held.items())),
        gauge(
            catalogue.FRONTIER_BEHIND,
            (((str(partition),), seconds) for partition, seconds in standing.behind.items()),
        ),
        gauge(catalogue.NOT_WAITED_FOR, [((), standing.left_out)]),
        gauge(catalogue.PARTITION_GIVEN_UP, (((str(partition),), 1) for partition in standing.given_up)),
    ]
