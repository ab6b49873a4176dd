"""Builds the Faust app of a worker: `tocsin worker`, or `faust -A streams.running.worker.app worker`."""

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient

from streams.contract.wire.topics import MESSAGE_REPORTS
from streams.deciding.partition.hash_key import HashKeys
from streams.deciding.reporters.stage import SOURCES as REPORTER_SOURCES
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.stage import SOURCES as REPORT_SOURCES
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.stage import SOURCES as REQUEST_SOURCES
from streams.deciding.requests.stage import request_stage
from streams.distribution import packages_missing
from streams.registry.rules import Rules
from streams.running.app.stage_app import StageApp
from streams.running.errors import RefusedToStart
from streams.running.identity import consumer_group
from streams.running.log.terms import Terms
from streams.running.operations.access_rights import WRITTEN_BY_WORKERS
from streams.running.operations.address_refused import AddressRefused
from streams.running.operations.core import CoreChoice
from streams.running.operations.faust_sensor import RebalanceSensor
from streams.running.operations.worker_operations import WorkerOperations
from streams.running.partitions.observer import Observer
from streams.running.takeover.joining import wait_until_agreed
from streams.running.topics.group_members import members
from streams.running.topics.topic_admin import ask, check_topics, partition_count, topic_name
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.worker.core_choice import choose_core, read_batches_with, write_batches_with
from streams.running.worker.environment import SettingsError
from streams.running.worker.hash_keys import configured_hash_keys, is_public
from streams.running.worker.observers import ReporterObserver, ReportObserver, RequestObserver
from streams.running.worker.rule_changes.approvals import configured_approvals
from streams.running.worker.rule_changes.following import RuleFollower
from streams.running.worker.rule_changes.log_reading import ChangesReading
from streams.running.worker.rule_changes.log_writing import write_act
from streams.running.worker.rule_changes.shelf import AnyStage, Shelf
from streams.running.worker.rule_changes.trial_watch import TrialWatch
from streams.running.worker.rules import (
    configured_rules,
    report_rules,
    reporter_rules,
    request_rules,
    warn_of_unsigned_rows,
)
from streams.running.worker.settings import PREFIX, Settings, load_settings
from streams.running.worker.terms import limits_id, worker_terms
from streams.running.worker.tracing.settings import load_tracing_settings

if TYPE_CHECKING:
    from streams.running.worker.tracing.start import Tracing

logger = structlog.get_logger(__name__)


def build_app(settings: Settings) -> StageApp:
    """Return the app of a worker with these settings, ready to run.

    Reads the files that they name. Raises SettingsError or RegistryError if a setting or a file is invalid.
    """
    rules = configured_rules(settings)
    hash_keys = configured_hash_keys(settings)
    core = choose_core(settings)
    approvals = configured_approvals(settings)

    def stages_of(rules: Rules) -> list[AnyStage]:
        return [
            report_stage(report_rules(settings, rules, hash_keys), core.runs),
            request_stage(request_rules(settings, rules)),
            reporter_stage(reporter_rules(settings, rules, hash_keys), core.runs),
        ]

    def judged_by(ruling: Rules) -> None:
        operations.judges_by(ruling)
        # As workers have it that start now: nobody is told that rules differ.
        operations.decides_with(terms_of(0, by_log=True).rules_id, limits_id(settings))

    def terms_of(partitions: int, *, by_log: bool) -> Terms:
        return worker_terms(settings, rules, hash_keys, partitions, approvals.version, by_log=by_log)

    async def before_start() -> None:
        _log_choices(hash_keys, core)
        warn_of_unsigned_rows(rules)
        # First, so that probes are answered while topics are checked and state is restored.
        watching = operations.running(settings.http_host, settings.http_port, settings.watchdog_seconds)
        try:
            await app.add_async_context(watching)
        except AddressRefused as error:
            raise RefusedToStart(str(error)) from error
        if tracing is not None:
            await app.add_async_context(tracing.queue.running())
        partitions = await ask(app.connection, lambda admin: _checked_partitions(settings, admin))
        await follower.catch_up(operations.readiness.without_rules)
        await _join(terms_of(partitions, by_log=follower.history.in_force is not None))
        app.add_future(follower.follow())

    async def _join(terms: Terms) -> None:
        app.ownership.agree_on(terms)
        operations.decides_with(terms.rules_id, limits_id(settings))
        await wait_until_agreed(
            app.connection,
            app.prefix,
            terms,
            lambda: members(app.connection, consumer_group(app.prefix)),
            operations.readiness.differs_in,
        )

    connection = write_batches_with(core, settings.connection())
    app = StageApp(connection, settings.topic_prefix, before_start, settings.instance)
    read_batches_with(core)
    app.writer.topics = [topic_name(settings.topic_prefix, each) for each in WRITTEN_BY_WORKERS]
    sources = {"reports": REPORT_SOURCES, "requests": REQUEST_SOURCES, "reporters": REPORTER_SOURCES}
    operations = WorkerOperations(rules, sources, app.lags, core)
    operations.standing = app.alignment.standing
    operations.troubles = app.troubles
    app.has_room = operations.has_room
    tracing = _start_tracing(settings, operations)
    if tracing is not None:
        app.cycle.trace = tracing.spans
    shelf = Shelf(stages_of, rules)
    reading = ChangesReading(app.connection, app.prefix, approvals.may_act)
    write = partial(write_act, app.connection, app.prefix)
    watch = TrialWatch(app.connection, app.prefix, reading.history, shelf, write)
    follower = RuleFollower(app.connection, reading, shelf, app.prefix, judged_by, watch=watch)
    operations.rules_standing = follower.standing
    app.rules_wanted = follower.wanted
    observers: tuple[Observer[Any, Any], ...] = (
        ReportObserver(operations),
        RequestObserver(operations),
        ReporterObserver(operations),
    )
    for stage, observer in zip(shelf.stages(), observers, strict=True):
        app.add_stage(stage, observer)
    app.sensors.add(RebalanceSensor(operations.metrics, operations.readiness))
    return app


def __getattr__(name: str) -> StageApp:
    """Return the app that the environment describes as `app`: `faust -A` asks for that name."""
    if name != "app":
        raise AttributeError(name)
    return build_app(load_settings())


def _log_choices(hash_keys: HashKeys, core: CoreChoice) -> None:
    if is_public(hash_keys):
        logger.warning(
            "the key for hashing reporters is the public one of the demo: use a secret one for real reports",
            hash_key=hash_keys.current.id,
        )
    logger.info("core that applies reports", runs=core.runs, why=core.why)


async def _checked_partitions(settings: Settings, admin: AIOKafkaAdminClient) -> int:
    """Return how many partitions the stages share. Raises RefusedToStart if topics are not as they should."""
    problems = await check_topics(
        admin,
        load_catalogue(),
        settings.topic_prefix,
        settings.replication_factor,
        settings.min_insync_replicas,
    )
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise RefusedToStart(f"the topics differ from the catalogue (see `tocsin topics check`):\n{listed}")
    return await partition_count(admin, topic_name(settings.topic_prefix, MESSAGE_REPORTS))


def _start_tracing(settings: Settings, operations: WorkerOperations) -> "Tracing | None":
    if settings.tracing == "off":
        return None
    try:
        from streams.running.worker.tracing.start import start_tracing  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as missing:
        raise SettingsError(
            packages_missing(f"{PREFIX}TRACING=on", "tracing", str(missing.name))
        ) from missing
    return start_tracing(settings, load_tracing_settings(), operations.metrics.spans)
