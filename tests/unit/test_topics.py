"""Creating topics while the brokers learn of them one after the other."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import NodeNotReadyError

from streams.running.errors import RefusedToStart
from streams.running.topics import topic_admin as topics
from streams.running.topics.topic_admin import create_topics
from streams.running.topics.topic_catalogue import load_catalogue

CATALOGUE = load_catalogue()


class Cluster:
    """Broker n knows the created topics after the n-th number of requests. With None it never answers."""

    def __init__(self, requests_before_known):
        self.left = dict(enumerate(requests_before_known, start=1))
        self._created = []

    async def create_topics(self, wanted):
        self._created = wanted
        return SimpleNamespace(topic_errors=[])

    async def describe_cluster(self):
        return {"brokers": [{"node_id": number} for number in self.left]}

    async def _send_request(self, _request, broker):
        if broker is not None:
            if self.left[broker] is None:
                raise NodeNotReadyError
            self.left[broker] -= 1
        knows = broker is not None and self.left[broker] < 0
        part = {"replicas": [1, 2, 3]}
        rows = [
            {"topic": new.name, "partitions": [part] * new.num_partitions} for new in self._created if knows
        ]
        return SimpleNamespace(to_object=lambda: {"topics": rows})


def create(cluster):
    return asyncio.run(create_topics(cluster, CATALOGUE, "p.", 4, 3, 2))


def test_a_huge_number_in_a_topic_is_refused_by_its_file(tmp_path):
    (tmp_path / "message-reports.yaml").write_text(f"name: message-reports\npartitions: {'9' * 5_000}\n")
    with pytest.raises(ValueError, match=r"message-reports\.yaml: "):
        load_catalogue(tmp_path)


def test_creation_waits_until_every_broker_knows_the_topics():
    cluster = Cluster([0, 3, 1])
    assert create(cluster) == ["p." + name for name in CATALOGUE]
    assert set(cluster.left.values()) == {-1}


def test_creation_does_not_wait_for_an_unreachable_broker():
    cluster = Cluster([1, None])
    assert create(cluster)
    assert cluster.left == {1: -1, 2: None}


def test_a_broker_that_never_shows_the_topics_is_named(monkeypatch):
    monkeypatch.setattr(topics, "VISIBLE_SECONDS", 0.2)
    with pytest.raises(RefusedToStart, match="broker 2 does not show them after"):
        create(Cluster([0, 1_000_000]))
