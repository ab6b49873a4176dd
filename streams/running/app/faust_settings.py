"""Settings without which Faust would lose or repeat records, wait long, or do Tocsin's own work."""

from typing import Any

import mode

from streams.running.cycle.batches import BatchScheduler
from streams.running.log.connection import Connection
from streams.running.log.memory import MAX_FETCHED_BYTES
from streams.running.patches.batch_topic import BatchTopic
from streams.running.patches.worker_assignor import WorkerAssignor
from streams.running.takeover.membership import HEARTBEAT_SECONDS, SESSION_SECONDS

# Interval between commits of the group's offsets, which only lag tools read: what Kafka's own consumers take.
COMMIT_SECONDS = 5.0

# Maximum age of a worker's topic metadata. If a topic is missing, the leader of the group notices it again
# only when it renews its metadata; with Kafka's default of five minutes the whole fleet could stop for that
# long. One small request.
METADATA_SECONDS = 30.0


def faust_settings(connection: Connection, instance: str) -> dict[str, Any]:
    """Keyword arguments for a Faust app. `instance` is a name that no other live process has, or empty."""
    return {
        "broker": connection.faust_broker(),
        "broker_credentials": connection.faust_credentials(),
        "broker_session_timeout": SESSION_SECONDS,
        "broker_heartbeat_interval": HEARTBEAT_SECONDS,
        "broker_commit_interval": COMMIT_SECONDS,
        "broker_commit_every": None,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": instance or None,
        "consumer_max_fetch_size": MAX_FETCHED_BYTES,
        "consumer_metadata_max_age_ms": int(METADATA_SECONDS * 1000),
        "ConsumerScheduler": BatchScheduler,
        "PartitionAssignor": WorkerAssignor,
        "Topic": BatchTopic,
        # An agent that raised must not be restarted: its state may be half changed.
        "agent_supervisor": mode.CrashingSupervisor,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        "web_tables_enabled": False,
        "worker_redirect_stdouts": False,
        "autodiscover": False,
    }
