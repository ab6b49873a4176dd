"""Kafka's requests for what this user may do (KIP-430), which aiokafka does not have."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String


class _Described(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("authorized_operations", Int32),
    )


class _Description(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _Described
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


# aiokafka reads the answer to its own request of this version without the operations.
class _GroupDescription(RequestStruct):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(String("utf-8"))), ("include_authorized_operations", Boolean))


class _DescribeGroup(Request[_GroupDescription]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, group: str) -> None:
        self.group = group

    def build(self, request_struct_class: type[_GroupDescription]) -> _GroupDescription:
        """Return the request in a version that the broker knows."""
        return request_struct_class([self.group], True)


class _DescribeAll(Request[_Description]):  # type: ignore[misc]
    API_KEY = 3

    def build(self, request_struct_class: type[_Description]) -> _Description:
        """Return the request in a version that the broker knows."""
        # All topics: a request for one by name may make a broker create it.
        return request_struct_class(None, False, True, True)


async def cluster_with_rights(admin: AIOKafkaAdminClient) -> dict[str, Any]:
    """The brokers and topics that this user may see, each with a set of bits of what they may do.

    Raises IncompatibleBrokerVersion before Kafka 2.3, and KafkaError.
    """
    answer: dict[str, Any] = (await admin._send_request(_DescribeAll())).to_object()
    return answer


async def group_with_rights(admin: AIOKafkaAdminClient, group: str) -> dict[str, Any]:
    """A consumer group, which need not exist, with a set of bits of what this user may do.

    Raises IncompatibleBrokerVersion before Kafka 2.3, and KafkaError.
    """
    answer = await admin._send_request(_DescribeGroup(group), await admin.find_coordinator(group))
    described: dict[str, Any] = answer.to_object()["groups"][0]
    return described
