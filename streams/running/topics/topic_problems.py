"""Describes how a topic of the cluster differs from the catalogue, and what to do about it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from streams.contract.wire.topics import MESSAGE_REPORTS
from streams.running.topics.topic_catalogue import Topic


class Problem(NamedTuple):
    """A difference between the cluster and the catalogue; `topic` is the name with prefix.

    `concerns` is a setting of the topic, or `missing`, `partitions`, `replicas` or `brokers`.
    """

    topic: str
    what: str
    remedy: str
    concerns: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} {self.remedy}"


class FoundTopic(NamedTuple):
    """A topic of the cluster: its partition count, and the replica count of the partition with the fewest."""

    partitions: int
    fewest_replicas: int


def shape_problems(
    name: str, topic: Topic, found: FoundTopic, source: FoundTopic | None, min_insync: int
) -> Iterable[Problem]:
    """Differences in partitions and replicas; `source` is message-reports as found, None if it is missing."""
    if topic.partitions == "source":
        if source is not None and found.partitions != source.partitions:
            yield Problem(
                name,
                f"has {counted(found.partitions, 'partition')}, {MESSAGE_REPORTS} has {source.partitions}.",
                "Both must have the same number. Stop the workers, delete this topic if nothing in it is "
                "needed any more, and run `tocsin topics create`.",
                "partitions",
            )
    elif found.partitions != topic.partitions:
        yield Problem(
            name,
            f"has {counted(found.partitions, 'partition')}, the catalogue says {topic.partitions}.",
            "Add partitions with kafka-topics.sh --alter, or change `partitions` in the topic's file.",
            "partitions",
        )
    if found.fewest_replicas < min_insync:
        yield Problem(
            name,
            f"has {counted(found.fewest_replicas, 'replica')}, fewer than the {min_insync} that must be in "
            "sync, so nothing can be written.",
            "Reassign its partitions to more brokers, or set TOCSIN_MIN_INSYNC_REPLICAS.",
            "replicas",
        )


def setting_problems(name: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterable[Problem]:
    """Settings that differ; `found` holds the values in force, wherever they were set."""
    for setting, value in wanted.items():
        actual = found.get(setting)
        if actual is None or not _same(actual, value):
            yield Problem(
                name,
                f"{setting} is {'not known to the broker' if actual is None else actual}, it should be "
                f"{value}.",
                f"Set it: kafka-configs.sh --alter --entity-type topics --entity-name {name} "
                f"--add-config {setting}={value}",
                setting,
            )


def _same(actual: str, wanted: str) -> bool:
    try:
        return float(actual) == float(wanted)
    except ValueError:
        return actual == wanted


def few_brokers(brokers: int, replication_factor: int, min_insync: int) -> Problem:
    """That a cluster has fewer brokers than replicas are wanted, and the two settings that fit it.

    `brokers` is at least 1.
    """
    return Problem(
        "Kafka",
        f"has {counted(brokers, 'broker')}, too few for TOCSIN_REPLICATION_FACTOR={replication_factor} and "
        f"TOCSIN_MIN_INSYNC_REPLICAS={min_insync}.",
        f"Set TOCSIN_REPLICATION_FACTOR={brokers} and "
        f"TOCSIN_MIN_INSYNC_REPLICAS={min(brokers, min_insync)} for this command and for every worker.",
        "brokers",
    )


def refusal(error: type[Any], message: str | None, name: str) -> str:
    """Why a topic could not be created, and what to do; `error` is aiokafka's class for the error code."""
    remedy = {
        "TopicAuthorizationFailedError": "Grant this user the right to create topics with this prefix.",
        "ClusterAuthorizationFailedError": "Grant this user the right to create topics with this prefix.",
        "PolicyViolationError": "A policy of the cluster forbids it: ask its operator, or change the topic's "
        "file.",
    }.get(error.__name__, "See the broker's log.")
    return f"{name}: cannot be created ({error.__name__}: {message or 'no reason given'}). {remedy}"


def counted(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
