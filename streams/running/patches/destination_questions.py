"""Why a destination takes no records: what metadata say, what brokers answer, and who is silent."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.client import AIOKafkaClient
from aiokafka.producer import sender as aiokafka_sender
from aiokafka.producer.sender import AddPartitionsToTxnHandler, SendProduceReqHandler

from streams.running.log.log import Destination, Reason, Trouble, Write

# Seconds after which a destination without an answer is in trouble: if its leader cannot be reached, if it
# refuses, or is silent while other destinations answer, and if all are silent though the coordinator answers.
# They leave a leader time to change, a replica to catch up, and a broker to restart.
REACHED_SECONDS = 1.0
SILENT_SECONDS = 3.0
ALL_SILENT_SECONDS = 10.0

# How long to wait for metadata, and for a connection to a broker, with TLS and credentials.
_METADATA_SECONDS = 1.0
_CONNECTING_SECONDS = 1.0

# What a broker answers that will not take the records at a later time either.
_REASONS: Mapping[type[BaseException], Reason] = {
    kafka_errors.MessageSizeTooLargeError: "too_large",
    kafka_errors.RecordListTooLargeError: "too_large",
    kafka_errors.TopicAuthorizationFailedError: "not_allowed",
    kafka_errors.InvalidTopicError: "missing",
    kafka_errors.UnknownTopicOrPartitionError: "missing",
    kafka_errors.PolicyViolationError: "refused",
    kafka_errors.CorruptRecordException: "refused",
    kafka_errors.InvalidTimestampError: "refused",
}

REFUSALS = tuple(_REASONS)


class DestinationQuestions:
    """What one producer asks, and what its `sender` was answered last for each partition."""

    def __init__(self, client: AIOKafkaClient, manager: Any, sender: Any) -> None:
        self._client = client
        self._manager = manager
        # aiokafka repeats for ever what is refused at first, and tells nobody but its log.
        self._refusals: dict[TopicPartition, kafka_errors.KafkaError] = {}
        sender.refusals = self._refusals
        self._answered = sender.answered = asyncio.Event()

    def forget_refusals(self) -> None:
        """Forget what was answered before."""
        self._refusals.clear()

    async def next_answer(self, seconds: float) -> None:
        """Wait for the next answer to a request to add logs to the transaction, at most so long."""
        self._answered.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answered.wait()

    async def troubles(
        self,
        destinations: Collection[Destination],
        before: Collection[Destination],
        waited: float,
        *,
        others_answered: bool,
    ) -> list[Trouble]:
        """As in log/log.py. `before` are the destinations of the transaction before this one."""
        manager = self._manager
        end = manager.wait_for_transaction_end()
        if end.done() and isinstance(end.exception(), kafka_errors.TopicAuthorizationFailedError):
            topics = {topic for each in end.exception().args for topic in each}
            return [Trouble(each, "not_allowed") for each in destinations if each[0] in topics]
        reasons = await self._without_leader(destinations)
        if reasons is None:
            # No broker answers, so it is nobody's in particular.
            return []
        to_add = {(tp.topic, tp.partition) for tp in manager.partitions_to_add()}
        sent = [each for each in destinations if each not in to_add and each not in reasons]
        if waited >= REACHED_SECONDS:
            reasons |= await self._unreachable(sent)
            if to_add:
                # The transaction before is committed, and ends when its markers are everywhere.
                reasons |= await self._without_leader(before) or {}
                reasons |= await self._unreachable([each for each in before if each not in reasons])
        found = [Trouble(each, reason) for each, reason in reasons.items()]
        for each in sent:
            error = self._refusals.get(TopicPartition(*each))
            if each in reasons:
                continue
            if (
                waited >= SILENT_SECONDS and (others_answered or error is not None)
            ) or waited >= ALL_SILENT_SECONDS:
                reason: Reason = "no_answer" if error is None else "refused"
                found.append(Trouble(each, reason, "" if error is None else repr(error)))
        return found

    async def visible_troubles(self, destinations: Collection[Destination]) -> list[Trouble]:
        """As in log/log.py."""
        reasons = await self._without_leader(destinations)
        if reasons is None:
            raise kafka_errors.KafkaConnectionError
        reasons |= await self._unreachable([each for each in destinations if each not in reasons])
        return [Trouble(each, reason) for each, reason in reasons.items()]

    async def _without_leader(
        self, destinations: Collection[Destination]
    ) -> dict[Destination, Reason] | None:
        """Those that have no leader, or do not exist, as metadata say that are asked for now.

        None if no broker answers.
        """
        for topic, _ in destinations:
            self._client.add_topic(topic)
        cluster = self._client.cluster
        updated = await self._update_metadata()
        if updated and any(cluster.partitions_for_topic(topic) is None for topic, _ in destinations):
            # That one may have been asked for before these topics were of interest.
            updated = await self._update_metadata()
        if not updated:
            return None
        found: dict[Destination, Reason] = {}
        for each in destinations:
            leader = cluster.leader_for_partition(TopicPartition(*each))
            if leader is None:
                found[each] = "missing"
            elif leader == -1:
                found[each] = "no_leader"
        return found

    async def _update_metadata(self) -> bool:
        done, _ = await asyncio.wait([self._client.force_metadata_update()], timeout=_METADATA_SECONDS)
        return any(each.result() for each in done)

    async def _unreachable(self, destinations: Collection[Destination]) -> dict[Destination, Reason]:
        """Those whose leader does not accept a connection."""
        cluster = self._client.cluster
        leaders = {each: cluster.leader_for_partition(TopicPartition(*each)) for each in destinations}
        leaders = {each: node for each, node in leaders.items() if node not in (None, -1)}

        async def is_reached(node: int) -> bool:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CONNECTING_SECONDS):
                    return bool(await self._client.ready(node))
            return False

        nodes = set(leaders.values())
        reached = dict(zip(nodes, await asyncio.gather(*map(is_reached, nodes)), strict=True))
        return {each: "unreachable" for each, node in leaders.items() if not reached[node]}


def refusal(destination: Destination, error: BaseException, rows: Sequence[Write]) -> Trouble:
    """What an error of REFUSALS says of the destination to which rows were appended."""
    reason = next(reason for kind, reason in _REASONS.items() if isinstance(error, kind))
    largest = max(len(key or b"") + len(value or b"") for key, value, _ in rows)
    return Trouble(destination, reason, repr(error), largest if reason == "too_large" else 0)


class NotingHandler(SendProduceReqHandler):  # type: ignore[misc]
    """Notes what is refused."""

    def _can_retry(self, error: kafka_errors.KafkaError, batch: Any) -> bool:
        refusals = getattr(self._sender, "refusals", None)
        if refusals is not None:
            refusals[batch.tp] = error
        return bool(super()._can_retry(error, batch))


class TellingHandler(AddPartitionsToTxnHandler):  # type: ignore[misc]
    """Tells when there is an answer."""

    def handle_response(self, response: Any) -> float | None:
        """As in aiokafka."""
        try:
            backoff: float | None = super().handle_response(response)
        finally:
            # Producers of others in this process have none.
            answered = getattr(self._sender, "answered", None)
            if answered is not None:
                answered.set()
        return backoff


def install_noting_handlers() -> None:
    """Make the producers of this process note what they are answered."""
    aiokafka_sender.SendProduceReqHandler = NotingHandler
    aiokafka_sender.AddPartitionsToTxnHandler = TellingHandler
