"""Publishes what an intake has accepted, and says whether Kafka has confirmed it."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.intake.metrics import IntakeMetrics
from streams.intake.reports import Accepted

logger = structlog.get_logger(__name__)

# Kafka confirms within milliseconds, and after a change of leaders within some seconds. Senders of webhooks
# wait 5 to 30 seconds; whoever hears 503 sends again, and a report with the same id counts once.
_CONFIRM_SECONDS: Final = 5.0


async def publish(
    producer: AIOKafkaProducer, topic_prefix: str, accepted: Sequence[Accepted], metrics: IntakeMetrics
) -> bool:
    """Send the reports; return whether Kafka has confirmed all of them in time."""
    try:
        async with asyncio.timeout(_CONFIRM_SECONDS):
            confirmations = [
                await producer.send(
                    topic_prefix + each.event.topic,
                    each.event.value,
                    each.event.key,
                    headers=each.event.headers,
                )
                for each in accepted
            ]
            # gather() takes a turn of the event loop more, and most requests have one report.
            await (asyncio.gather(*confirmations) if len(confirmations) > 1 else confirmations[0])
    except (KafkaError, TimeoutError) as error:
        logger.warning("Kafka did not confirm reports", number=len(accepted), error=type(error).__name__)
        metrics.confirmed = False
        return False
    metrics.confirmed = True
    return True
