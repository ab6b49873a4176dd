"""The names of a deployment's workers for brokers: their consumer group and transactional ids.

All follow from the topic prefix, as the names of the state topics do. If they could be chosen apart from the
state, two groups of workers could own the same state without fencing each other, and apply every record
twice.
"""

import re
import socket
import uuid

# Must never change: workers are allowed to use ids that begin with it, and must be able to fence those of
# earlier versions.
_NAME = "tocsin"


def consumer_group(prefix: str) -> str:
    """The group of all workers of a deployment."""
    return prefix + _NAME


def new_transactional_id(prefix: str, instance: str) -> str:
    """An id for the producer of this process, which no other process has or ever had.

    `instance` tells operators whose it is; if empty, the name of this machine does.

    The id must not be reused by a restarted process: a process that fences the dead one would then fence the
    living one.
    """
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "worker"
    return f"{prefix}{_NAME}-{instance or host}-{uuid.uuid4().hex[:12]}"


def ids_of_instance(prefix: str, instance: str) -> re.Pattern[str]:
    """Matches the ids, as a whole, of every process that ran or runs as this instance."""
    return re.compile(re.escape(f"{prefix}{_NAME}-{instance}-") + "[0-9a-f]{12}")


def former_transactional_id(prefix: str, stage: str, partition: int) -> str:
    """The id under which versions before the claims log wrote this partition of the stage's state."""
    return f"{prefix}{_NAME}-{stage}-{partition}"
