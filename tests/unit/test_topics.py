"""Creating topics when the brokers learn of them one after the other."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import NodeNotReadyError

from streams.runtime import topics
from streams.runtime.errors import RefusedToStart
from streams.runtime.topics import create_topics, load_catalogue

CATALOGUE = load_catalogue()


class Cluster:
    """Broker n knows the created topics after a number of requests; None: it never answers."""

    def __init__(self, asked_before_they_know):
        self.left = dict(enumerate(asked_before_they_know, start=1))
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


def test_topics_are_created_when_every_broker_knows_them():
    cluster = Cluster([0, 3, 1])
    assert create(cluster) == ["p." + name for name in CATALOGUE]
    assert set(cluster.left.values()) == {-1}


def test_a_broker_that_is_away_is_not_waited_for():
    cluster = Cluster([1, None])
    assert create(cluster)
    assert cluster.left == {1: -1, 2: None}


def test_a_broker_that_never_shows_them_is_named(monkeypatch):
    monkeypatch.setattr(topics, "VISIBLE_SECONDS", 0.2)
    with pytest.raises(RefusedToStart, match="broker 2 does not show them after"):
        create(Cluster([0, 1_000_000]))
