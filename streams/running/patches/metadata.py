"""The cluster's topics as one broker knows them, for which aiokafka's admin client has no public method."""

from collections.abc import Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.metadata import MetadataRequest


async def topics_known_to(admin: AIOKafkaAdminClient, broker: int | None) -> Sequence[Any]:
    """The rows of a metadata response of the broker with this id, or of any broker. Raises KafkaError.

    `AIOKafkaAdminClient.describe_topics` cannot be directed to one broker.
    """
    # All topics: a request for one by name makes a broker create it if automatic creation is enabled.
    answer = await admin._send_request(MetadataRequest(None), broker)
    topics: Sequence[Any] = answer.to_object()["topics"]
    return topics
