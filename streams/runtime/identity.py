"""The names by which the brokers know a deployment's workers: their consumer group and their transactional ids.

Both follow from the topic prefix, as the names of the state topics do. If they could be chosen apart from the
state, two groups of workers could own the same state without fencing each other, and apply every record twice.
"""

# Must never change: a worker fences only workers that use the same ids, among them those of earlier versions.
_NAME = "tocsin"


def consumer_group(prefix: str) -> str:
    """The group of all workers of a deployment."""
    return prefix + _NAME


def transactional_id(prefix: str, stage: str, partition: int) -> str:
    """The id of the producer that alone may write a partition of the stage's state topic."""
    return f"{prefix}{_NAME}-{stage}-{partition}"
