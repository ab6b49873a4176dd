"""Judges the logs of all partitions, in as many processes as are asked for."""

import asyncio
import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import replace
from typing import Any, Final

import click

from streams.commands.backtest.comparison_text import Comparison
from streams.commands.backtest.findings import Findings, Judged
from streams.commands.backtest.judging import Result, Sides, judge_partition
from streams.commands.backtest.partition_logs import TOPICS, partition_logs
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.progress import Progress
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.topics import MESSAGE_REPORTS
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.registry.rules import Rules
from streams.running.app.garbage_collection import leave_out_what_stays
from streams.running.clients.kafka_reading import partition_count, require_topics
from streams.running.worker.core_choice import choose_core
from streams.running.worker.hash_keys import given_hash_keys
from streams.running.worker.rules import report_rules
from streams.running.worker.settings import PREFIX, Settings

_REDRAW_SECONDS: Final = 0.25


class BackTestFailed(Exception):
    """A set of rules, or the code, fails on a record; the text names it."""


def compare_in_logs(
    settings: Settings, in_use: Rules, candidate: Rules, name: str, since: int, processes: int
) -> tuple[Comparison, Result]:
    """Compare what two sets of rules make of what is kept in the logs, with progress on standard error.

    `since` is in ms since the epoch. Raises ClickException if brokers cannot be read, or the code fails.
    """
    progress = Progress("evaluated")
    with broker_errors_explained(settings):
        try:
            result = judge_logs(settings, in_use, candidate, rfc3339(since), processes, progress)
        except BackTestFailed as failed:
            raise click.ClickException(f"the back-test fails at {failed}.") from failed
        finally:
            progress.clear()
    judged = Judged(in_use, result.in_force), Judged(candidate, result.candidate)
    notes = [*result.notes()]
    if given_hash_keys(settings) is None:
        notes.append(
            f"{PREFIX}HASH_KEY is not set: other reports are drawn for questions, so what desks answered "
            "fits none."
        )
    if in_use.reporters != candidate.reporters:
        notes.append(
            "The candidate trusts reporters otherwise; each report has the trust that workers gave it."
        )
    return Comparison(*judged, name, result.verdicts, notes), result


def judge_logs(
    settings: Settings, in_force: Rules, candidate: Rules, since: str, processes: int, progress: Progress
) -> Result:
    """Return what both sets of rules make of what is kept in the logs; `since` is RFC 3339.

    Each process judges whole partitions, and the result is the same for any number of them. Raises
    BackTestFailed, UnknownTopicOrPartitionError if a topic is missing, and KafkaConnectionError if no broker
    answers.
    """
    partitions = asyncio.run(_partitions(settings))
    job = settings, in_force, candidate, since, partitions
    result = Result(Findings(since), Findings(since))
    if processes == 1:
        judge = _Judge(*job, progress.add)
        try:
            for partition in range(partitions):
                result.add(judge(partition))
        finally:
            # This process goes on.
            gc.unfreeze()
            gc.enable()
        return result
    # A fork has what is imported and loaded already. No thread runs here yet.
    context = multiprocessing.get_context("fork")
    count = context.Value("Q", 0)
    with ProcessPoolExecutor(min(processes, partitions), context, _start, (*job, count)) as pool:
        waiting = [pool.submit(_judge, partition) for partition in range(partitions)]
        open_ones = set(waiting)
        try:
            while open_ones:
                ended, open_ones = wait(open_ones, _REDRAW_SECONDS)
                progress.add(count.value - progress.count)
                for future in ended:
                    future.result()
        except BaseException:
            # What the others would find is of no use.
            pool.shutdown(cancel_futures=True)
            raise
        for future in waiting:
            result.add(future.result())
    return result


async def _partitions(settings: Settings) -> int:
    connection, prefix = settings.connection(), settings.topic_prefix
    await require_topics(connection, [prefix + topic for topic in TOPICS])
    return await partition_count(connection, prefix + MESSAGE_REPORTS)


class _Judge:
    def __init__(
        self,
        settings: Settings,
        in_force: Rules,
        candidate: Rules,
        since: str,
        partitions: int,
        told: Callable[[int], None],
    ) -> None:
        keys = given_hash_keys(settings) or DEMONSTRATION
        self._core = choose_core(settings).runs
        self._sides = Sides(
            *(
                replace(report_rules(settings, rules, keys), cases_alone=True)
                for rules in (in_force, candidate)
            )
        )
        self._settings, self._since, self._partitions, self._told = settings, since, partitions, told

    def __call__(self, partition: int) -> Result:
        settings = self._settings
        # Counting frees all that a report makes; what lives long is state, and there is too much of it.
        leave_out_what_stays()
        with (
            asyncio.Runner() as runner,
            partition_logs(runner, settings.connection(), settings.topic_prefix, partition) as logs,
        ):
            try:
                return judge_partition(
                    logs, self._partitions, self._sides, self._since, self._told, self._core
                )
            except StageFailed as failed:
                # The cause could not be handed to another process.
                raise BackTestFailed(str(failed)) from None


_own: _Judge | None = None


def _start(
    settings: Settings, in_force: Rules, candidate: Rules, since: str, partitions: int, count: Any
) -> None:
    def told(number: int) -> None:
        with count.get_lock():
            count.value += number

    global _own  # noqa: PLW0603  # a process of the pool has one
    _own = _Judge(settings, in_force, candidate, since, partitions, told)


def _judge(partition: int) -> Result:
    assert _own is not None
    return _own(partition)
