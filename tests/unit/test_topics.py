"""Creating topics while the brokers learn of them one after the other."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiokafka.errors import NodeNotReadyError, TopicAuthorizationFailedError

from streams.running.errors import RefusedToStart
from streams.running.topics import topic_admin as topics
from streams.running.topics.topic_admin import check_topics, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.topics.topic_problems import FoundTopic, refusal, shape_problems

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


class SmallCluster(Cluster):
    """Refuses replicas that it has no brokers for."""

    async def create_topics(self, wanted):
        refused = [(new.name, 38, "too few brokers") for new in wanted]
        return SimpleNamespace(topic_errors=refused)


def test_the_settings_that_fit_a_small_cluster_are_said_once():
    with pytest.raises(RefusedToStart) as caught:
        create(SmallCluster([0, 0]))
    assert str(caught.value) == (
        "Kafka: has 2 brokers, too few for TOCSIN_REPLICATION_FACTOR=3 and TOCSIN_MIN_INSYNC_REPLICAS=2. Set "
        "TOCSIN_REPLICATION_FACTOR=2 and TOCSIN_MIN_INSYNC_REPLICAS=2 for this command and for every worker."
    )


class PartlyDown(Cluster):
    """One broker is up, of those on which the topics have replicas."""

    async def _send_request(self, _request, _broker):
        part = {"replicas": self.replicas}
        rows = [{"topic": f"p.{name}", "partitions": [part]} for name in CATALOGUE]
        return SimpleNamespace(to_object=lambda: {"topics": rows})

    async def describe_configs(self, resources):
        entries = [
            (0, None, 2, each.name, CATALOGUE[each.name.removeprefix("p.")].settings(2).items())
            for each in resources
        ]
        return [SimpleNamespace(resources=entries)]


@pytest.mark.parametrize(("replicas", "advised"), [([1, 2, 3], False), ([1], True)])
def test_brokers_that_are_down_are_not_taken_for_missing(replicas, advised):
    cluster = PartlyDown([0])
    cluster.replicas = replicas
    texts = map(str, asyncio.run(check_topics(cluster, CATALOGUE, "p.", 3, 2)))
    assert any("Set TOCSIN_REPLICATION_FACTOR=1" in text for text in texts) == advised


def test_a_topic_with_too_few_replicas_is_named():
    topic = CATALOGUE["escalations"]
    (problem,) = shape_problems("escalations", topic, FoundTopic(4, 1), FoundTopic(4, 3), 2)
    assert "1 replica, fewer than the 2" in problem.what


def test_a_refusal_has_the_reason_of_the_broker():
    text = refusal(TopicAuthorizationFailedError, "no", "p.escalations")
    assert text.startswith("p.escalations: cannot be created (TopicAuthorizationFailedError: no). Grant ")


def test_a_broker_that_never_shows_the_topics_is_named(monkeypatch):
    monkeypatch.setattr(topics, "VISIBLE_SECONDS", 0.2)
    with pytest.raises(RefusedToStart, match="broker 2 does not show them after"):
        create(Cluster([0, 1_000_000]))


def test_a_question_is_asked_again_while_one_of_the_brokers_is_gone(monkeypatch):
    asked = []

    @asynccontextmanager
    async def client(_connection):
        yield asked

    async def question(admin):
        admin.append("?")
        if len(admin) < 3:
            raise NodeNotReadyError
        return "answer"

    monkeypatch.setattr(topics, "admin_client", client)
    assert asyncio.run(topics.ask(None, question)) == "answer"
    assert len(asked) == 3

    async def nobody(_admin):
        raise NodeNotReadyError

    monkeypatch.setattr(topics, "LISTED_SECONDS", 0.0)
    with pytest.raises(NodeNotReadyError):
        asyncio.run(topics.ask(None, nobody))
